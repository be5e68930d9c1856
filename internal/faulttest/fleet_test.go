package faulttest

import (
	"context"
	"crypto/ed25519"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"runtime/pprof"
	"slices"
	"strconv"
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
	redis.SetLogger(silent{}) // go-redis logs every failed dial
	// More tests run in parallel than there are processors, because the tests mostly
	// wait.
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// silent is a logger of go-redis that discards all messages.
type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

const fleetName = "matrix"

// fleetKey is the Redis key of the fleet.
const fleetKey = "fleetdial:{" + fleetName + "}"

// fleet is a publisher, some subscribers, and the checker that watches them. The
// subscribers have the default configuration and the client options of
// [fleetdial.ParseURL].
type fleet struct {
	t       testing.TB
	checker *checker
	pub     *fleetdial.Publisher
	subs    []*fleetdial.Subscriber
	logs    []*stateLog
	// last is the number of the last set whose publish succeeded.
	last int
	// label is the pprof label of all goroutines that newFleet starts, directly or
	// indirectly.
	label string
	// clients are those of the publisher and of the subscribers.
	clients []redis.UniversalClient
	// stop ends the checker's goroutines.
	stop func()
	// close closes the subscribers and their clients.
	close func()
}

// newFleet starts the subscribers at one URL, and a publisher at another. change may be
// nil.
func newFleet(t testing.TB, subscribers int, subscriberURL, publisherURL string, change func(*fleetdial.SubscriberConfig)) *fleet {
	t.Helper()
	f := &fleet{t: t, checker: newChecker(subscribers), last: -1, label: t.Name()}
	// A goroutine inherits the labels of the goroutine that starts it.
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("fleet", f.label)))
	defer pprof.SetGoroutineLabels(context.Background())
	publisherClient := newClient(t, publisherURL)
	t.Cleanup(func() { _ = publisherClient.Close() })
	var err error
	f.clients = append(f.clients, publisherClient)
	f.pub, err = fleetdial.NewPublisher(publisherClient, fleetdial.PublisherConfig{Fleet: fleetName, PublishedBy: "test"})
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
		f.clients = append(f.clients, client)
		sub, err := fleetdial.Subscribe(t.Context(), client, cfg)
		require.NoError(t, err)
		closers = append(closers, func() { _, _ = sub.Close(), client.Close() })
		f.subs, f.logs = append(f.subs, sub), append(f.logs, log)
		watchers.Go(func() { f.checker.watch(ctx, name, sub) })
	}
	return f
}

// newSignedFleet starts a fleet like newFleet. Its publisher signs, and its subscribers
// verify the signatures.
func newSignedFleet(t testing.TB, subscribers int, subscriberURL, publisherURL string) *fleet {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	f := newFleet(t, subscribers, subscriberURL, publisherURL, func(cfg *fleetdial.SubscriberConfig) {
		cfg.VerifyKeys = []ed25519.PublicKey{public}
	})
	client := newClient(t, publisherURL)
	t.Cleanup(func() { _ = client.Close() })
	f.pub, err = fleetdial.NewPublisher(client, fleetdial.PublisherConfig{Fleet: fleetName, PublishedBy: "test", SignKey: private})
	require.NoError(t, err)
	return f
}

func newClient(t testing.TB, url string) redis.UniversalClient {
	t.Helper()
	opts, err := fleetdial.ParseURL(url)
	require.NoError(t, err)
	return redis.NewUniversalClient(opts)
}

// goroutines returns the number of goroutines of the subscribers, their clients and the
// checker.
func (f *fleet) goroutines() (n int) {
	var profile strings.Builder
	require.NoError(f.t, pprof.Lookup("goroutine").WriteTo(&profile, 1))
	count := 0
	for line := range strings.Lines(profile.String()) {
		// A record of the profile is "3 @ 0x…". The next line may have the labels.
		if number, _, ok := strings.Cut(line, " @ "); ok {
			count, _ = strconv.Atoi(number)
		} else if strings.HasPrefix(line, "# labels:") && strings.Contains(line, strconv.Quote(f.label)) {
			n += count
		}
	}
	return n
}

// publish tries once to publish the next set.
func (f *fleet) publish(timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	set, n := f.checker.next(f.t, time.Now())
	_, err := f.pub.Publish(ctx, set, fleetdial.PublishOptions{Reason: reasonOf(n)})
	if err == nil {
		f.last = n
	}
	return err
}

// reasonOf returns the reason that the publish of a set has.
func reasonOf(number int) string { return fmt.Sprintf("s%d", number) }

// insist publishes sets until a publish succeeds.
func (f *fleet) insist() {
	f.t.Helper()
	var err error
	for began := time.Now(); time.Since(began) < time.Minute; {
		if err = f.publish(5 * time.Second); err == nil {
			return
		}
		f.t.Logf("publish failed after %v: %v", time.Since(began), err)
	}
	f.t.Fatalf("timed out publishing: %v", err)
}

// have reports whether every subscriber has the last published set, and reports its
// revision as live.
func (f *fleet) have() bool {
	for _, sub := range f.subs {
		n, err := f.checker.numberOf(sub.Load())
		status := sub.Status()
		if err != nil || n != f.last || status.State != fleetdial.StateLive || status.Revision.Reason != reasonOf(f.last) {
			return false
		}
	}
	return true
}

// eventuallyHave waits until every subscriber has the last published set.
func (f *fleet) eventuallyHave(within time.Duration) {
	f.t.Helper()
	f.eventually(within, "every subscriber has the last published set", f.have)
}

// eventually waits like testutil.Eventually. On a timeout it logs the state of the
// subscribers.
func (f *fleet) eventually(within time.Duration, what string, ok func() bool) {
	f.t.Helper()
	deadline := time.Now().Add(within)
	for !ok() {
		if time.Now().After(deadline) {
			for i, sub := range f.subs {
				s := sub.Status()
				f.t.Logf("proxy-%02d: %s, version %d (%s), err %v", i, s.State, s.Revision.Version, s.Revision.Reason, s.Err)
			}
			f.t.Fatalf("timed out after %v waiting for: %s (the last published set is %d)", within, what, f.last)
		}
		time.Sleep(time.Millisecond)
	}
}

// inState reports whether all subscribers are in the state.
func (f *fleet) inState(state fleetdial.State) bool {
	return !slices.ContainsFunc(f.subs, func(s *fleetdial.Subscriber) bool { return s.Status().State != state })
}

// count returns the sum of a counter of all subscribers.
func (f *fleet) count(counter func(fleetdial.Counters) int64) (sum int64) {
	for _, sub := range f.subs {
		sum += counter(sub.Status().Counters)
	}
	return sum
}

// calm checks that the logs have one line for each change of the state and for each
// revision that was applied or rejected, and almost no other lines.
func (f *fleet) calm() {
	f.t.Helper()
	for i, log := range f.logs {
		// Each counted event may have a log line.
		c := f.subs[i].Status().Counters
		if err := log.calm(2 + int(c.Reconnects+c.Corrections)); err != nil {
			f.t.Errorf("proxy-%02d: %v", i, err)
		}
	}
}

// stateLog is a slog.Handler that records the log of one subscriber.
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

// calm returns an error if a line repeats the line before it. It also returns an error if
// a message that is neither a change of the state nor a revision has more lines than
// others.
func (l *stateLog) calm(others int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	state, revision := "", ""
	other := make(map[string]int)
	for _, line := range l.lines {
		switch {
		case line.msg == "fleetdial: state changed":
			// A line that tells of suppressed ones stands for the changes in between.
			if line.state == state && !strings.Contains(line.text, " suppressed=") {
				return errors.New("line repeated in the log: " + line.text)
			}
		case strings.HasPrefix(line.msg, "fleetdial: revision"):
			// A revision may be rejected again after another revision was applied. So
			// only consecutive lines are compared.
			if line.text == revision {
				return errors.New("line repeated in the log: " + line.text)
			}
			revision = line.text
		default:
			other[line.msg]++
		}
		if line.state != "" {
			state = line.state
		}
	}
	for msg, n := range other {
		if n > others {
			return fmt.Errorf("%d log lines with the message %q, want at most %d", n, msg, others)
		}
	}
	return nil
}

// pubsubs returns the number of connections of a server that have a subscription.
func pubsubs(t testing.TB, admin *redis.Client) int {
	t.Helper()
	list, err := admin.Do(t.Context(), "CLIENT", "LIST", "TYPE", "pubsub").Text()
	require.NoError(t, err)
	return strings.Count(list, "\n")
}

// usedConnections returns the number of connections that the clients of the fleet use for
// commands. Commands that take long, or a leak, use one for long.
func (f *fleet) usedConnections() (n int) {
	for _, client := range f.clients {
		stats := client.PoolStats()
		n += int(stats.TotalConns) - int(stats.IdleConns)
	}
	return n
}

// pooledConnections returns the number of connections in the pools of the fleet's clients. On a
// busy machine they hold more than they use at once: go-redis delivers a connection that
// became free to a command that waits for a dial, and keeps the one that it has dialed.
func (f *fleet) pooledConnections() (n int) {
	for _, client := range f.clients {
		n += int(client.PoolStats().TotalConns)
	}
	return n
}

// normals returns the number of connections of a server that have no subscription.
func normals(t testing.TB, admin *redis.Client) int {
	t.Helper()
	list, err := admin.Do(t.Context(), "CLIENT", "LIST", "TYPE", "normal").Text()
	require.NoError(t, err)
	return strings.Count(list, "\n")
}

func newClientWith(opts redis.Options) *redis.Client { return redis.NewClient(&opts) }
