package console

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial"
)

// Fleet is a number of proxies, simulated by Subscribers in the test process. It ends with the
// test. All methods are safe for concurrent use.
type Fleet struct {
	Proxies  []*fleetdial.Subscriber
	requests atomic.Int64
}

// NewFleet starts n proxies of a fleet. They are named proxy-1 to proxy-n, have the labels zone (a
// or b) and build, and report five times a second. Each function in change may change the
// configuration of the proxy i, which counts from 0.
func NewFleet(t testing.TB, redisURL string, n int, change ...func(i int, cfg *fleetdial.SubscriberConfig)) *Fleet {
	t.Helper()
	opts, err := fleetdial.ParseURL(redisURL)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewUniversalClient(opts)
	t.Cleanup(func() { _ = client.Close() })
	f := &Fleet{}
	for i := range n {
		cfg := fleetdial.SubscriberConfig{
			Instance:       fmt.Sprint("proxy-", i+1),
			Labels:         map[string]string{"zone": string(rune('a' + i%2)), "build": "1.4.2"},
			ReportInterval: 200 * time.Millisecond,
			Logger:         slog.New(slog.DiscardHandler),
		}
		for _, change := range change {
			change(i, &cfg)
		}
		sub, err := fleetdial.Subscribe(t.Context(), client, cfg)
		if err != nil {
			t.Fatalf("start %s: %v", cfg.Instance, err)
		}
		t.Cleanup(func() { _ = sub.Close() })
		f.Proxies = append(f.Proxies, sub)
	}
	return f
}

// Send sends requests to each proxy. Each request has an id of its own. Send returns how many of
// them each level was decided for.
func (f *Fleet) Send(count int, request fleetdial.Request) map[fleetdial.Level]int {
	decided := make(map[fleetdial.Level]int)
	for range count {
		for _, proxy := range f.Proxies {
			request.ID = fmt.Sprint("request-", f.requests.Add(1))
			decided[proxy.Decide(request).Level]++
		}
	}
	return decided
}

// Keep sends a request to each proxy about a hundred times a second, until the test ends or stop
// is called.
func (f *Fleet) Keep(t testing.TB, request fleetdial.Request) (stop func()) {
	t.Helper()
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(10 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				f.Send(1, request)
			case <-end:
				return
			}
		}
	}()
	stop = sync.OnceFunc(func() { close(end); <-ended })
	t.Cleanup(stop)
	return stop
}
