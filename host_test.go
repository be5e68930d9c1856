package fleetdial

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/testutil"
)

// curious is a slog.Handler that asks the subscriber for its status before each line.
type curious struct {
	slog.Handler
	sub *atomic.Pointer[Subscriber]
	log *logBuffer
}

func (c curious) Enabled(context.Context, slog.Level) bool {
	if sub := c.sub.Load(); sub != nil {
		sub.Status()
		sub.Load()
		sub.Decide(Request{})
	}
	return true
}

func (c curious) WithAttrs(attrs []slog.Attr) slog.Handler {
	c.Handler = c.Handler.WithAttrs(attrs)
	return c
}

func TestLogger_MayCallStatus(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	c := curious{sub: new(atomic.Pointer[Subscriber]), log: new(logBuffer)}
	c.Handler = slog.NewTextHandler(c.log, nil)
	cfg := testConfig()
	cfg.Logger = slog.New(c)
	s := subscribe(t, client, cfg)
	c.sub.Store(s)
	publish(t, newTestPublisher(t, client, PublisherConfig{}), "a")
	eventually(t, s, "a")
	server.Do(t, "SET", testKey, "junk")
	require.Error(t, s.Refresh(t.Context()))
	testutil.Eventually(t, within, "the rejection is logged", func() bool { return c.log.lines("revision rejected") == 1 })
	require.NoError(t, s.Close())
}

// wrapped is a client as a program may have one: a struct that embeds the interface, and is
// passed by value.
type wrapped struct{ redis.UniversalClient }

func TestSubscribe_ClientThatIsAStruct(t *testing.T) {
	t.Parallel()
	client := wrapped{testutil.StartRedis(t).Client(t)}
	s := subscribe(t, client, testConfig())
	publish(t, newTestPublisher(t, client, PublisherConfig{}), "a")
	eventually(t, s, "a")
	require.NoError(t, s.Refresh(t.Context()))
}

func TestSubscribe_NilClient(t *testing.T) {
	t.Parallel()
	for _, client := range []redis.UniversalClient{nil, (*redis.Client)(nil), (*redis.ClusterClient)(nil)} {
		_, err := Subscribe(t.Context(), client, testConfig())
		require.ErrorContains(t, err, "the client is nil")
	}
}

// TestClose_DuringAReportLeavesNoRow closes many subscribers at all moments of their reports.
func TestClose_DuringAReportLeavesNoRow(t *testing.T) {
	t.Parallel()
	f := newFleet(t, func(cfg *SubscriberConfig) { cfg.ReportInterval = -1 })
	const instances, rounds = 20, 5
	for round := range rounds {
		var closes sync.WaitGroup
		for i := range instances {
			cfg := testConfig()
			cfg.Instance, cfg.ReportInterval = fmt.Sprintf("i%d", i), 10*time.Millisecond
			s, err := Subscribe(t.Context(), f.client, cfg)
			require.NoError(t, err)
			closes.Go(func() {
				time.Sleep(time.Duration(i*instances+round) * 300 * time.Microsecond)
				assert.NoError(t, s.Close())
			})
		}
		publish(t, f.pub, fmt.Sprint("d", round))
		closes.Wait()
		assert.Zero(t, f.client.ZCard(t.Context(), testKey+":fleet").Val())
		rows, err := f.client.Keys(t.Context(), testKey+":instance:*").Result()
		require.NoError(t, err)
		assert.Empty(t, rows)
	}
}
