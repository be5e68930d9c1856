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
	// label is that of the goroutines which newFleet, and what it starts, have started.
	label string
	stop  func()
	// close closes the subscribers and their clients.
	close func()
}

// newFleet starts so many subscribers at one URL, and a publisher at another.
func newFleet(t testing.TB, subscribers int, subscriberURL, publisherURL string, change func(*fleetdial.SubscriberConfig)) *fleet {
	t.Helper()
	f := &fleet{t: t, checker: newChecker(subscribers), last: -1, label: t.Name()}
	// Goroutines have the labels of those that start them.
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("fleet", f.label)))
	defer pprof.SetGoroutineLabels(context.Background())
	publisherClient := newClient(t, publisherURL)
	t.Cleanup(func() { _ = publisherClient.Close() })
	var err error
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
		sub, err := fleetdial.Subscribe(t.Context(), client, cfg)
		require.NoError(t, err)
		closers = append(closers, func() { _, _ = sub.Close(), client.Close() })
		f.subs, f.logs = append(f.subs, sub), append(f.logs, log)
		watchers.Go(func() { f.checker.watch(ctx, name, sub) })
	}
	return f
}

// newSignedFleet is newFleet for one whose sets are signed.
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

// goroutines returns how many there are for the fleet's subscribers: theirs, those of their clients, and of the checker.
func (f *fleet) goroutines() (n int) {
	var profile strings.Builder
	require.NoError(f.t, pprof.Lookup("goroutine").WriteTo(&profile, 1))
	count := 0
	for line := range strings.Lines(profile.String()) {
		// A record is "3 @ 0x…", and after it its labels, if any.
		if number, _, ok := strings.Cut(line, " @ "); ok {
			count, _ = strconv.Atoi(number)
		} else if strings.HasPrefix(line, "# labels:") && strings.Contains(line, strconv.Quote(f.label)) {
			n += count
		}
	}
	return n
}

// publish makes one attempt at publishing the next set.
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

// reasonOf is the reason that a set is published with.
func reasonOf(number int) string { return fmt.Sprintf("s%d", number) }

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
		status := sub.Status()
		if err != nil || n != f.last || status.State != fleetdial.StateLive || status.Revision.Reason != reasonOf(f.last) {
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

// calm sees that the logs have one line for each change of state, revision applied and revision refused, and hardly any
// other.
func (f *fleet) calm() {
	f.t.Helper()
	for i, log := range f.logs {
		// What is counted may be told.
		c := f.subs[i].Status().Counters
		if err := log.calm(2 + int(c.Reconnects+c.Corrections)); err != nil {
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

// calm returns an error if a line tells nothing new, or if there are more than so many others of a kind.
func (l *stateLog) calm(others int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	state, revision := "", ""
	other := make(map[string]int)
	for _, line := range l.lines {
		switch {
		case line.msg == "fleetdial: state changed":
			if line.state == state {
				return errors.New("it is told twice: " + line.text)
			}
		case strings.HasPrefix(line.msg, "fleetdial: revision"):
			// In a fleet that another revision was applied in since, the same one may be refused again.
			if line.text == revision {
				return errors.New("it is told twice: " + line.text)
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
