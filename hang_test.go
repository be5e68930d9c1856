package fleetdial

import (
	"bytes"
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/testutil"
)

// holes make the connections of a client's pool silent, and leave its subscriptions alone.
type holes struct {
	dialed, silent atomic.Int64 // the connections that were dialed, and how many of them are silent
}

// holed is one connection.
type holed struct {
	net.Conn
	holes    *holes
	number   int64
	subs     atomic.Bool
	isSilent atomic.Bool
}

// open makes the connections silent that stand.
func (h *holes) open() { h.silent.Store(h.dialed.Load()) }

func (h *holes) client(t testing.TB, server *testutil.Redis) *redis.Client {
	opts := *server.Client(t).Options()
	opts.MaxRetries = -1
	opts.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		return &holed{Conn: conn, holes: h, number: h.dialed.Add(1)}, err
	}
	client := redis.NewClient(&opts)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// Write loses what a silent connection sends, so that no reply comes.
func (c *holed) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("subscribe")) {
		c.subs.Store(true)
	}
	if c.number <= c.holes.silent.Load() && !c.subs.Load() {
		c.isSilent.Store(true)
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// TestSubscriber_HungFetchMakesItStale has the pool's connection lose everything, while the
// subscription is fine.
func TestSubscriber_HungFetchMakesItStale(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	h := new(holes)
	cfg := testConfig()
	cfg.SubscriptionTimeout = 600 * time.Millisecond
	cfg.ReportInterval = -1
	s := subscribe(t, h.client(t, server), cfg)
	p := newTestPublisher(t, server.Client(t), PublisherConfig{})
	publish(t, p, "a")
	eventually(t, s, "a")

	h.open()
	began := time.Now()
	publish(t, p, "b")
	testutil.Eventually(t, within, "stale", func() bool { return s.Status().State == StateStale })
	assert.GreaterOrEqual(t, time.Since(began), cfg.SubscriptionTimeout/2)
	assert.Less(t, time.Since(began), cfg.SubscriptionTimeout+longestStall)
	assert.ErrorIs(t, s.Status().Err, ErrUnavailable)
	assert.Equal(t, []string{"a"}, idsOf(s))

	// The connection fails at the client's timeout. The next one works.
	eventually(t, s, "b")
	testutil.Eventually(t, within, "live", func() bool { return s.Status().State == StateLive })
	assert.Zero(t, s.Status().Counters.Corrections)
}

// TestClose_HungFetch closes on a stopped server, with a fetch under way.
func TestClose_HungFetch(t *testing.T) {
	t.Parallel()
	f := newFleet(t, nil)
	publish(t, f.pub, "a")
	eventually(t, f.sub, "a")
	f.server.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.Error(t, f.sub.Refresh(ctx))
	began := time.Now()
	require.NoError(t, f.sub.Close())
	assert.Less(t, time.Since(began), closeTimeout+longestStall)
	assert.Equal(t, []string{"a"}, idsOf(f.sub))
	f.server.Continue()
}

func TestHungServer_DeadlinesAreUnavailability(t *testing.T) {
	t.Parallel()
	f := newFleet(t, nil)
	f.server.Stop()
	for what, call := range map[string]func(ctx context.Context) error{
		"refresh": f.sub.Refresh,
		"subscribe": func(ctx context.Context) error {
			_, err := Subscribe(ctx, f.client, testConfig())
			return err
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		err := call(ctx)
		require.ErrorIs(t, err, ErrUnavailable, what)
		require.ErrorIs(t, err, context.DeadlineExceeded, what)
		assert.ErrorContains(t, err, "fleetdial: "+what)

		ctx, cancel = context.WithCancel(t.Context())
		cancel()
		err = call(ctx)
		require.ErrorIs(t, err, context.Canceled, what)
		require.NotErrorIs(t, err, ErrUnavailable, what)
	}
	f.server.Continue()
}

// TestSubscriber_ErrIsThatOfTheFetch takes the right to read the key away.
func TestSubscriber_ErrIsThatOfTheFetch(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	server.Do(t, "ACL", "SETUSER", "proxy", "on", ">secret", "~*", "&*", "+@all")
	opts := *server.Client(t).Options()
	opts.Username, opts.Password = "proxy", "secret"
	client := redis.NewClient(&opts)
	t.Cleanup(func() { _ = client.Close() })
	cfg := testConfig()
	cfg.ResyncInterval, cfg.ReportInterval = 50*time.Millisecond, -1
	s := subscribe(t, client, cfg)
	denied := func() bool {
		status := s.Status()
		return status.State == StateStale && bytes.Contains([]byte(status.Err.Error()), []byte("NOPERM"))
	}
	server.Do(t, "ACL", "SETUSER", "proxy", "-getrange")
	testutil.Eventually(t, within, "NOPERM, while the session stands", denied)
	assert.ErrorContains(t, s.Status().Err, "read the fleet's key")
	assert.ErrorIs(t, s.Status().Err, ErrUnavailable)

	before := s.Status().Counters.Reconnects
	server.Do(t, "CLIENT", "KILL", "TYPE", "pubsub")
	testutil.Eventually(t, within, "NOPERM, once another session stands", func() bool {
		return s.Status().Counters.Reconnects > before && denied()
	})
	server.Do(t, "ACL", "SETUSER", "proxy", "+getrange")
	testutil.Eventually(t, within, "the key is read again", func() bool { return s.Status().State == StateMissing })
}
