package reliability

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fleetdial/fleetdial"
)

func TestMain(m *testing.M) {
	redis.SetLogger(silent{}) // it tells of every dial that fails
	// The tests spend their time waiting: more of them fit side by side than there are processors.
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

const fleetName = "matrix"

// fleetKey is the key of that fleet.
const fleetKey = "fleetdial:{" + fleetName + "}"

// fleet is a publisher, some subscribers, and the checker that watches them. The subscribers have the default
// configuration and the options that ParseURL gives, as a proxy's author would.
type fleet struct {
	t       testing.TB
	checker *checker
	pub     *fleetdial.Publisher
	subs    []*fleetdial.Subscriber
	logs    []*stateLog
	// last is the number of the set that was published last, for certain.
	last int
	stop func()
	// close closes the subscribers and their clients.
	close func()
}

// newFleet starts so many subscribers at one URL, and a publisher at another.
func newFleet(t testing.TB, subscribers int, subscriberURL, publisherURL string, change func(*fleetdial.SubscriberConfig)) *fleet {
	t.Helper()
	f := &fleet{t: t, checker: newChecker(subscribers), last: -1}
	publisherClient := newClient(t, publisherURL)
	t.Cleanup(func() { _ = publisherClient.Close() })
	var err error
	f.pub, err = fleetdial.NewPublisher(publisherClient, fleetdial.PublisherConfig{Fleet: fleetName, Publisher: "test"})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	var watchers sync.WaitGroup
	f.stop = sync.OnceFunc(func() { stop(); watchers.Wait() })
	var closers []func()
	f.close = sync.OnceFunc(func() {
		f.stop()
		for _, closer := range closers {
			closer()
		}
	})
	t.Cleanup(f.close)
	for i := range subscribers {
		name := fmt.Sprintf("proxy-%02d", i)
		log := &stateLog{}
		cfg := fleetdial.SubscriberConfig{Fleet: fleetName, Instance: name, Logger: slog.New(log)}
		if change != nil {
			change(&cfg)
		}
		client := newClient(t, subscriberURL)
		sub, err := fleetdial.Subscribe(t.Context(), client, cfg)
		require.NoError(t, err)
		closers = append(closers, func() { _, _ = sub.Close(), client.Close() })
		f.subs, f.logs = append(f.subs, sub), append(f.logs, log)
		watchers.Go(func() { f.checker.watch(ctx, name, sub) })
	}
	return f
}

func newClient(t testing.TB, url string) redis.UniversalClient {
	t.Helper()
	opts, err := fleetdial.ParseURL(url)
	require.NoError(t, err)
	return redis.NewUniversalClient(opts)
}

// publish makes one attempt at publishing the next set.
func (f *fleet) publish(timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	set, n := f.checker.next(f.t, time.Now())
	_, err := f.pub.Publish(ctx, set, fleetdial.PublishOptions{Reason: fmt.Sprintf("s%d", n)})
	if err == nil {
		f.last = n
	}
	return err
}

// insist publishes sets until one is published.
func (f *fleet) insist() {
	f.t.Helper()
	var err error
	for began := time.Now(); time.Since(began) < time.Minute; {
		if err = f.publish(5 * time.Second); err == nil {
			return
		}
		f.t.Logf("not published after %v: %v", time.Since(began), err)
	}
	f.t.Fatalf("cannot publish: %v", err)
}

// have reports whether all subscribers have the set that was published last, and say so.
func (f *fleet) have() bool {
	for _, sub := range f.subs {
		n, err := f.checker.numberOf(sub.Load())
		if err != nil || n != f.last || sub.Status().State != fleetdial.StateLive {
			return false
		}
	}
	return true
}

func (f *fleet) eventuallyHave(within time.Duration) {
	f.t.Helper()
	f.eventually(within, "every subscriber has the set", f.have)
}

// eventually is testutil.Eventually, and tells how the subscribers stand.
func (f *fleet) eventually(within time.Duration, what string, ok func() bool) {
	f.t.Helper()
	deadline := time.Now().Add(within)
	for !ok() {
		if time.Now().After(deadline) {
			for i, sub := range f.subs {
				s := sub.Status()
				f.t.Logf("proxy-%02d: %s, version %d (%s), err %v", i, s.State, s.Revision.Version, s.Revision.Reason, s.Err)
			}
			f.t.Fatalf("not within %v: %s; set %d was published last", within, what, f.last)
		}
		time.Sleep(time.Millisecond)
	}
}

// say reports whether all subscribers are in that state.
func (f *fleet) say(state fleetdial.State) bool {
	return !slices.ContainsFunc(f.subs, func(s *fleetdial.Subscriber) bool { return s.Status().State != state })
}

// count adds up what the subscribers counted.
func (f *fleet) count(counter func(fleetdial.Counters) int64) (sum int64) {
	for _, sub := range f.subs {
		sum += counter(sub.Status().Counters)
	}
	return sum
}

// calm sees that the logs have a line for each change of state and no more, and few of them.
func (f *fleet) calm() {
	f.t.Helper()
	for i, log := range f.logs {
		if err := log.calm(true); err != nil {
			f.t.Errorf("proxy-%02d: %v", i, err)
		}
	}
}

// stateLog is the log of one subscriber.
type stateLog struct {
	mu    sync.Mutex
	lines []logLine
}

type logLine struct{ msg, state, text string }

func (l *stateLog) Enabled(context.Context, slog.Level) bool { return true }
func (l *stateLog) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *stateLog) WithGroup(string) slog.Handler            { return l }

func (l *stateLog) Handle(_ context.Context, r slog.Record) error {
	line := logLine{msg: r.Message, text: r.Message}
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "state" {
			line.state = a.Value.String()
		}
		line.text += " " + a.String()
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	return nil
}

// calm returns an error if a line tells no change of state or, where the faults were few, if other lines are many.
func (l *stateLog) calm(few bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	state := ""
	other := make(map[string]int)
	for _, line := range l.lines {
		switch {
		case line.msg == "fleetdial: state changed" && line.state == state:
			return errors.New("it is told twice: " + line.text)
		case strings.Contains(line.msg, "revision"), line.msg == "fleetdial: state changed":
		default:
			other[line.msg]++
		}
		if line.state != "" {
			state = line.state
		}
	}
	for msg, n := range other {
		if few && n > 2 {
			return fmt.Errorf("%d lines say %q", n, msg)
		}
	}
	return nil
}

// pubsubs returns how many connections of a server have a subscription.
func pubsubs(t testing.TB, admin *redis.Client) int {
	t.Helper()
	list, err := admin.Do(t.Context(), "CLIENT", "LIST", "TYPE", "pubsub").Text()
	require.NoError(t, err)
	return strings.Count(list, "\n")
}

// normals returns how many other connections it has.
func normals(t testing.TB, admin *redis.Client) int {
	t.Helper()
	list, err := admin.Do(t.Context(), "CLIENT", "LIST", "TYPE", "normal").Text()
	require.NoError(t, err)
	return strings.Count(list, "\n")
}

func newClientWith(opts redis.Options) *redis.Client { return redis.NewClient(&opts) }
