package fleetdial

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/testutil"
)

func TestSubscriber_KilledServerThatComesBackWithItsData(t *testing.T) {
	t.Parallel()
	f := newFleet(t, nil, "--appendonly", "yes", "--appendfsync", "always")
	publish(t, f.pub, "a")
	eventually(t, f.sub, "a")
	f.server.Kill()
	f.state(t, StateStale)
	assert.ErrorIs(t, f.sub.Status().Err, ErrUnavailable)
	restart(t, f.server)
	publish(t, newTestPublisher(t, f.server.Client(t), PublisherConfig{}), "b")
	eventually(t, f.sub, "b")
	f.state(t, StateLive)
	assert.Equal(t, 1, f.log.lines("state=stale"), "one line for the change, however many attempts failed")
	assert.EqualValues(t, 1, f.sub.Status().Counters.Reconnects)
}

func TestSubscriber_HungServerMakesItStale(t *testing.T) {
	t.Parallel()
	f := newFleet(t, func(cfg *SubscriberConfig) { cfg.SubscriptionTimeout = 600 * time.Millisecond })
	publish(t, f.pub, "a")
	eventually(t, f.sub, "a")
	f.server.Stop()
	stopped := time.Now()
	f.state(t, StateStale)
	assert.Less(t, time.Since(stopped), 3*time.Second, "noticed by the missing replies")
	assert.ErrorContains(t, f.sub.Status().Err, "no reply for 600ms")

	// Decide works all the while.
	assert.Equal(t, Shape, f.sub.Decide(Request{}).Level)
	f.server.Continue()
	publish(t, f.pub, "b")
	eventually(t, f.sub, "b")
	f.state(t, StateLive)
}

func TestSubscriber_HalfOpenConnectionMakesItStale(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	link := testutil.StartLink(t, server.Addr())
	cfg := testConfig()
	cfg.SubscriptionTimeout = 600 * time.Millisecond
	client := impatient(t, link.Addr())
	s := subscribe(t, client, cfg)
	p := newTestPublisher(t, server.Client(t), PublisherConfig{})
	publish(t, p, "a")
	eventually(t, s, "a")
	link.Swallow(testutil.ToClient)
	publish(t, p, "b")
	testutil.Eventually(t, within, "the state is stale", func() bool { return s.Status().State == StateStale })
	assert.Equal(t, []string{"a"}, idsOf(s))
	link.Heal()
	eventually(t, s, "b")
}

func TestSubscriber_KilledConnectionsAreReplaced(t *testing.T) {
	t.Parallel()
	f := newFleet(t, nil)
	for i := range 5 {
		for _, kind := range []string{"pubsub", "normal"} {
			before := f.sub.Status().Counters.Reconnects
			require.NoError(t, f.client.Do(t.Context(), "CLIENT", "KILL", "TYPE", kind).Err())
			// The write is not announced. The new session finds it.
			id := fmt.Sprint(kind, i)
			f.set(t, value(t, int64(i+1), setOf(t, id)))
			if kind == "normal" {
				require.NoError(t, f.sub.Refresh(t.Context()))
			} else {
				testutil.Eventually(t, within, "a new session", func() bool {
					return f.sub.Status().Counters.Reconnects > before
				})
			}
			eventually(t, f.sub, id)
		}
	}
	f.state(t, StateLive)
}

func TestSubscribe_DeniedAccessIsReported(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	server.Do(t, "ACL", "SETUSER", "nochannel", "on", ">secret", "~*", "+@all", "resetchannels")
	server.Do(t, "ACL", "SETUSER", "nokey", "on", ">secret", "resetkeys", "allchannels", "+@all")
	server.Do(t, "ACL", "SETUSER", "notime", "on", ">secret", "~*", "allchannels", "+@all", "-time")
	as := func(user, password string) *redis.Client {
		client := redis.NewClient(&redis.Options{Addr: server.Addr(), Username: user, Password: password, Protocol: 2})
		t.Cleanup(func() { _ = client.Close() })
		return client
	}
	for _, user := range []string{"nochannel", "nokey"} {
		_, err := Subscribe(t.Context(), as(user, "secret"), testConfig())
		assert.ErrorIs(t, err, ErrUnavailable, user)
		assert.ErrorContains(t, err, "NOPERM", user)
	}
	_, err := Subscribe(t.Context(), as("nochannel", "wrong"), testConfig())
	assert.ErrorIs(t, err, ErrUnavailable)
	assert.ErrorContains(t, err, "WRONGPASS")
	assert.NotContains(t, err.Error(), "wrong", "no password in an error")

	publish(t, newTestPublisher(t, server.Client(t), PublisherConfig{}), "a")
	s := subscribe(t, as("notime", "secret"), testConfig())
	assert.Equal(t, Shape, s.Decide(Request{}).Level, "the local clock counts if TIME is denied")
}

func TestSubscribe_Startup(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	publish(t, newTestPublisher(t, client, PublisherConfig{}), "a")
	server.Kill()

	_, err := Subscribe(t.Context(), client, testConfig())
	require.ErrorIs(t, err, ErrUnavailable, "FailFast")

	cfg := testConfig()
	log := &logBuffer{}
	cfg.Startup, cfg.Logger = StartEmpty, log.logger()
	s := subscribe(t, client, cfg)
	assert.Equal(t, StateStale, s.Status().State)
	assert.Zero(t, s.Load().Len())
	assert.Equal(t, 1, log.lines("started without Redis"))
	restart(t, server)
	publish(t, newTestPublisher(t, client, PublisherConfig{}), "b")
	eventually(t, s, "b")

	server.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err = Subscribe(ctx, client, testConfig())
	require.ErrorIs(t, err, context.DeadlineExceeded)
	hung := subscribe(t, client, cfg)
	assert.Equal(t, StateStale, hung.Status().State)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Subscribe(canceled, client, cfg)
	require.ErrorIs(t, err, context.Canceled)
	server.Continue()
	eventually(t, hung, "b")
}

func TestSubscribe_RejectedValueIsNoError(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	server.Do(t, "SET", testKey, "junk")
	s := subscribe(t, server.Client(t), testConfig())
	assert.Equal(t, StateRejected, s.Status().State)
	assert.Zero(t, s.Load().Len())
}

// longestStall is how long a busy machine may hold up a test.
const longestStall = 2 * time.Second

func TestClose_DuringEachFault(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(t *testing.T, f *fleet){
		"none":      func(*testing.T, *fleet) {},
		"killed":    func(_ *testing.T, f *fleet) { f.server.Kill() },
		"hung":      func(_ *testing.T, f *fleet) { f.server.Stop() },
		"malformed": func(t *testing.T, f *fleet) { f.set(t, []byte("junk")) },
		"huge": func(t *testing.T, f *fleet) {
			f.client.SetRange(t.Context(), testKey, 100<<20, "x")
			f.client.Publish(t.Context(), testKey, "fetch")
		},
		"clients killed": func(t *testing.T, f *fleet) {
			f.client.Do(t.Context(), "CLIENT", "KILL", "TYPE", "pubsub")
		},
		"publishing": func(t *testing.T, f *fleet) {
			for i := range 50 {
				publish(t, f.pub, fmt.Sprint("d", i))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, often)
			publish(t, f.pub, "a")
			eventually(t, f.sub, "a")
			fault(t, f)
			began := time.Now()
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() { assert.NoError(t, f.sub.Close()) })
			}
			wg.Wait()
			assert.Less(t, time.Since(began), closeTimeout+longestStall)
			assert.ErrorIs(t, f.sub.Refresh(t.Context()), ErrClosed)
			f.sub.OnChange(func(Change) { t.Error("a listener was called after Close") })()
			f.sub.Load()
		})
	}
}

func TestClose_ServerGoneFromTheStart(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", DialerRetries: 1, MaxRetries: -1})
	defer client.Close()
	cfg := testConfig()
	cfg.Startup = StartEmpty
	s, err := Subscribe(t.Context(), client, cfg)
	require.NoError(t, err)
	require.Error(t, s.Refresh(t.Context()))
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
}
