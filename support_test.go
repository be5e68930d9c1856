package fleetdial

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/wire"
	"github.com/fleetdial/fleetdial/testutil"
)

const (
	// within is how long a test waits for what takes milliseconds.
	within = 10 * time.Second
	// testKey is the key of the default fleet.
	testKey = "fleetdial:{default}"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// testConfig never resyncs, so that a test sees what announcements alone do.
func testConfig() SubscriberConfig {
	return SubscriberConfig{ResyncInterval: time.Hour, Logger: quiet}
}

// often resyncs at a rate that a test does not have to wait for.
func often(cfg *SubscriberConfig) { cfg.ResyncInterval = 50 * time.Millisecond }

func subscribe(t testing.TB, client redis.UniversalClient, cfg SubscriberConfig) *Subscriber {
	t.Helper()
	s, err := Subscribe(t.Context(), client, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func newTestPublisher(t testing.TB, client redis.UniversalClient, cfg PublisherConfig) *Publisher {
	t.Helper()
	p, err := NewPublisher(client, cfg)
	require.NoError(t, err)
	return p
}

// setOf returns a set with one directive for each id, for an hour.
func setOf(t testing.TB, ids ...string) *Set {
	t.Helper()
	all := make([]Directive, len(ids))
	for i, id := range ids {
		all[i] = Directive{ID: id, Level: Shape, SamplePerMille: 1000, ExpiresAt: time.Now().Add(time.Hour)}
	}
	set, err := directive.NewSet(all)
	require.NoError(t, err)
	return set
}

func idsOf(s Store) []string {
	var ids []string
	for _, d := range s.Load().Directives() {
		ids = append(ids, d.ID)
	}
	return ids
}

func publish(t testing.TB, p *Publisher, ids ...string) {
	t.Helper()
	_, err := p.Publish(context.Background(), setOf(t, ids...), PublishOptions{})
	require.NoError(t, err)
}

// eventually waits until the store has the set of these directives. The status of a Subscriber
// follows its set by a moment, so eventually waits for both.
func eventually(t testing.TB, s Store, ids ...string) {
	t.Helper()
	testutil.Eventually(t, within, "the set arrives", func() bool {
		sub, ok := s.(*Subscriber)
		return slices.Equal(idsOf(s), ids) && (!ok || slices.Equal(idsOf(Static(sub.Status().Revision.Set)), ids))
	})
}

// restart restarts the server, and waits until it has loaded its data.
func restart(t testing.TB, server *testutil.Redis) {
	t.Helper()
	server.Restart()
	client := server.Client(t)
	testutil.Eventually(t, within, "the data is loaded", func() bool { return client.Ping(t.Context()).Err() == nil })
}

// value returns a value for the key as redis-cli would write it.
func value(t testing.TB, version int64, set *Set) []byte {
	t.Helper()
	v, err := wire.Encode(wire.Revision{Version: version, ID: wire.NewID(), PublishedAt: time.Now(), Set: set})
	require.NoError(t, err)
	return v
}

func newKey(t testing.TB) (ed25519.PrivateKey, ed25519.PublicKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	return private, public
}

// impatient returns a client whose reads time out fast, and which repeats nothing by itself.
func impatient(t testing.TB, addr string) *redis.Client {
	t.Helper()
	client := redis.NewClient(&redis.Options{
		Addr: addr, Protocol: 2, ReadTimeout: 200 * time.Millisecond, WriteTimeout: 200 * time.Millisecond,
		ContextTimeoutEnabled: true, MaxRetries: -1,
	})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// fleet is a server with a publisher and a subscriber.
type fleet struct {
	server *testutil.Redis
	client *redis.Client
	pub    *Publisher
	sub    *Subscriber
	log    *logBuffer
}

func newFleet(t testing.TB, change func(*SubscriberConfig), args ...string) *fleet {
	t.Helper()
	f := &fleet{server: testutil.StartRedis(t, args...), log: &logBuffer{}}
	f.client = f.server.Client(t)
	f.pub = newTestPublisher(t, f.client, PublisherConfig{})
	cfg := testConfig()
	cfg.Logger = f.log.logger()
	if change != nil {
		change(&cfg)
	}
	f.sub = subscribe(t, f.client, cfg)
	return f
}

// state waits until the subscriber has that state.
func (f *fleet) state(t testing.TB, want State) {
	t.Helper()
	testutil.Eventually(t, within, "state "+string(want), func() bool { return f.sub.Status().State == want })
}

// set writes the key without an announcement.
func (f *fleet) set(t testing.TB, v []byte) {
	t.Helper()
	require.NoError(t, f.client.Set(context.Background(), testKey, v, 0).Err())
}

// holds returns the key's value.
func (f *fleet) holds(t testing.TB) []byte {
	t.Helper()
	b, err := f.client.Get(t.Context(), testKey).Bytes()
	require.NoError(t, err)
	return b
}

// logBuffer keeps log lines.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// text returns all lines.
func (l *logBuffer) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// lines returns how many lines contain text.
func (l *logBuffer) lines(text string) (n int) {
	for line := range strings.Lines(l.text()) {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}
