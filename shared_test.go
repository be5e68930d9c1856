package fleetdial

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/testutil"
)

// opener opens Subscribers without a server, and counts those that are open.
type opener struct {
	t            testing.TB
	opens, open  atomic.Int64
	tooMany      atomic.Bool
	beforeReturn func() error // what delays the next open, or makes it fail
}

func (o *opener) Open(context.Context) (*Subscriber, io.Closer, error) {
	o.opens.Add(1)
	if o.open.Add(1) > 1 {
		o.tooMany.Store(true)
	}
	if o.beforeReturn != nil {
		if err := o.beforeReturn(); err != nil {
			o.open.Add(-1)
			return nil, nil, err
		}
	}
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})
	cfg := testConfig()
	cfg.Startup, cfg.ReportInterval = StartEmpty, -1
	sub, err := Subscribe(context.Background(), client, cfg)
	require.NoError(o.t, err)
	return sub, closer(func() error { o.open.Add(-1); return client.Close() }), nil
}

type closer func() error

func (c closer) Close() error { return c() }

func acquire(t testing.TB, s *Shared, o *opener) *Lease {
	t.Helper()
	l, err := s.Acquire(t.Context(), "key", o.Open)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, l.Close()) })
	return l
}

// leaseOf returns a lease that ends with the test.
func leaseOf(t testing.TB, s *Shared, url string, cfg SubscriberConfig) *Lease {
	t.Helper()
	l, err := s.Subscribe(t.Context(), url, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, l.Close()) })
	return l
}

func TestShared_ReloadKeepsSubscriber(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	p := newTestPublisher(t, server.Client(t), PublisherConfig{})
	publish(t, p, "a")
	var shared Shared
	cfg := SubscriberConfig{Instance: "web-1", Labels: map[string]string{"zone": "a", "build": "7"}, Logger: quiet}
	before := leaseOf(t, &shared, server.URL(), cfg)
	cfg.Labels = map[string]string{"build": "7", "zone": "a"}
	cfg.ResyncInterval = DefaultResyncInterval
	cfg.Logger = new(logBuffer).logger()
	after := leaseOf(t, &shared, server.URL(), cfg)
	require.Same(t, before.Subscriber, after.Subscriber)
	require.NoError(t, before.Close())
	publish(t, p, "b")
	eventually(t, after.Subscriber, "b")
	assert.Equal(t, StateLive, after.Status().State)

	client := after.entry.client.(redis.UniversalClient)
	require.NoError(t, client.Ping(t.Context()).Err())
	require.NoError(t, after.Close())
	assert.ErrorIs(t, after.Refresh(t.Context()), ErrClosed)
	assert.ErrorIs(t, client.Ping(t.Context()).Err(), redis.ErrClosed, "the client ends with the last lease")
	assert.Empty(t, shared.all)
}

// TestShared_DefaultsAreTheSame has configurations that differ in how they write a default.
func TestShared_DefaultsAreTheSame(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	var shared Shared
	first := leaseOf(t, &shared, server.URL(), SubscriberConfig{Logger: quiet})
	for name, cfg := range map[string]SubscriberConfig{
		"the same":        {},
		"default fleet":   {Fleet: "default"},
		"default resync":  {ResyncInterval: DefaultResyncInterval},
		"no labels":       {Labels: map[string]string{}},
		"no trusted keys": {VerifyKeys: []ed25519.PublicKey{}},
	} {
		cfg.Logger = quiet
		assert.Same(t, first.Subscriber, leaseOf(t, &shared, server.URL(), cfg).Subscriber, name)
	}
	for name, cfg := range map[string]SubscriberConfig{
		"a name": {Instance: first.Subscriber.cfg.Instance}, "no capabilities": {Capabilities: []Capability{}},
	} {
		cfg.Logger = quiet
		assert.NotSame(t, first.Subscriber, leaseOf(t, &shared, server.URL(), cfg).Subscriber, name)
	}
}

// TestLease_CancelledListenersAreForgotten adds and cancels listeners on one lease.
func TestLease_CancelledListenersAreForgotten(t *testing.T) {
	t.Parallel()
	var shared Shared
	l := acquire(t, &shared, &opener{t: t})
	keep := l.OnChange(func(Change) {})
	for range 100 {
		l.OnChange(func(Change) {})()
	}
	assert.Len(t, l.listeners, 1)
	require.NoError(t, l.Close())
	keep() // after Close
	keep()
	assert.Empty(t, l.listeners)
}

func TestShared_OtherConfigurationOtherSubscriber(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	var shared Shared
	cfg := SubscriberConfig{Instance: "web-1", Logger: quiet}
	first := leaseOf(t, &shared, server.URL(), cfg)
	for name, change := range map[string]func(*SubscriberConfig){
		"fleet":    func(cfg *SubscriberConfig) { cfg.Fleet = "prod" },
		"instance": func(cfg *SubscriberConfig) { cfg.Instance = "web-2" },
		"labels":   func(cfg *SubscriberConfig) { cfg.Labels = map[string]string{"zone": "a"} },
		"max":      func(cfg *SubscriberConfig) { cfg.MaxBytes = 1 << 20 },
		"reports":  func(cfg *SubscriberConfig) { cfg.ReportInterval = -1 },
	} {
		other := cfg
		change(&other)
		assert.NotSame(t, first.Subscriber, leaseOf(t, &shared, server.URL(), other).Subscriber, name)
	}
	assert.NotSame(t, first.Subscriber, leaseOf(t, &shared, server.URL()+"/1", cfg).Subscriber, "another database")
}

func TestShared_ErrorHidesURL(t *testing.T) {
	t.Parallel()
	var shared Shared
	for _, url := range []string{"redis://ops:secret@127.0.0.1:1", "redis://ops:secret@127.0.0.1:x"} {
		_, err := shared.Subscribe(t.Context(), url, SubscriberConfig{Logger: quiet})
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "secret")
	}
	_, err := shared.Subscribe(t.Context(), "redis://127.0.0.1:1", SubscriberConfig{MaxBytes: 1})
	assert.ErrorContains(t, err, "MaxBytes")
	assert.Empty(t, shared.all)
}

func TestShared_DoubleCloseCountsOnce(t *testing.T) {
	t.Parallel()
	var shared Shared
	o := &opener{t: t}
	first, second := acquire(t, &shared, o), acquire(t, &shared, o)
	require.Same(t, first.Subscriber, second.Subscriber)
	require.NoError(t, first.Close())
	require.NoError(t, first.Close())
	assert.NoError(t, second.ctx.Err(), "the Subscriber is open")
	require.NoError(t, second.Close())
	assert.Error(t, second.ctx.Err())
	assert.Zero(t, o.open.Load())
	assert.NotSame(t, first.Subscriber, acquire(t, &shared, o).Subscriber)
}

func TestShared_FailedOpenIsNotKept(t *testing.T) {
	t.Parallel()
	var shared Shared
	away := errors.New("away")
	o := &opener{t: t, beforeReturn: func() error { return away }}
	_, err := shared.Acquire(t.Context(), "key", o.Open)
	require.ErrorIs(t, err, away)
	_, err = shared.Acquire(t.Context(), "key", func(context.Context) (*Subscriber, io.Closer, error) { return nil, nil, nil })
	require.ErrorContains(t, err, "no Subscriber")
	require.Panics(t, func() {
		_, _ = shared.Acquire(t.Context(), "key", func(context.Context) (*Subscriber, io.Closer, error) { panic("open") })
	})
	o.beforeReturn = nil
	acquire(t, &shared, o)
	assert.EqualValues(t, 2, o.opens.Load())
}

// TestShared_WaiterOpensAfterFailure has one caller wait for another, whose open fails.
func TestShared_WaiterOpensAfterFailure(t *testing.T) {
	t.Parallel()
	var shared Shared
	away, fail, done := errors.New("away"), make(chan struct{}), make(chan error)
	failing := &opener{t: t, beforeReturn: func() error { <-fail; return away }}
	go func() {
		_, err := shared.Acquire(context.Background(), "key", failing.Open)
		done <- err
	}()
	testutil.Eventually(t, within, "the first open is under way", func() bool { return failing.opens.Load() == 1 })
	working := &opener{t: t}
	var wg sync.WaitGroup
	wg.Go(func() { acquire(t, &shared, working) })
	testutil.Eventually(t, within, "the second caller waits", func() bool { return shared.refs("key") == 2 })
	close(fail)
	require.ErrorIs(t, <-done, away)
	wg.Wait()
	assert.EqualValues(t, 1, working.opens.Load())
}

// refs returns how many references a key has.
func (s *Shared) refs(key string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all[key] == nil {
		return 0
	}
	return s.all[key].refs
}

func TestShared_WaiterGivesUp(t *testing.T) {
	t.Parallel()
	var shared Shared
	proceed, leases := make(chan struct{}), make(chan *Lease)
	o := &opener{t: t, beforeReturn: func() error { <-proceed; return nil }}
	go func() {
		l, _ := shared.Acquire(context.Background(), "key", o.Open)
		leases <- l
	}()
	testutil.Eventually(t, within, "the open is under way", func() bool { return o.opens.Load() == 1 })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := shared.Acquire(ctx, "key", o.Open)
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, 1, shared.refs("key"))
	close(proceed)
	require.NoError(t, (<-leases).Close())
	assert.Zero(t, o.open.Load())
}

// TestShared_AcquireWaitsForClose holds up the last Close, while another caller acquires.
func TestShared_AcquireWaitsForClose(t *testing.T) {
	t.Parallel()
	var shared Shared
	o := &opener{t: t}
	first := acquire(t, &shared, o)
	called, proceed := make(chan struct{}), make(chan struct{})
	first.Subscriber.OnChange(func(Change) { close(called); <-proceed })
	tell(first)
	<-called
	var wg sync.WaitGroup
	wg.Go(func() { assert.NoError(t, first.Close()) })
	testutil.Eventually(t, within, "the Subscriber is being closed", func() bool { return first.ctx.Err() != nil })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := shared.Acquire(ctx, "key", o.Open)
	require.ErrorIs(t, err, context.Canceled)
	wg.Go(func() { acquire(t, &shared, o) })
	close(proceed)
	wg.Wait()
	assert.EqualValues(t, 2, o.opens.Load())
	assert.False(t, o.tooMany.Load(), "the second Subscriber was opened before the first was closed")
}

func TestShared_CloseCancelsListeners(t *testing.T) {
	t.Parallel()
	var shared Shared
	o := &opener{t: t}
	first, second := acquire(t, &shared, o), acquire(t, &shared, o)
	var calls atomic.Int64
	heard := make(chan struct{}, 1)
	first.OnChange(func(Change) { calls.Add(1) })
	require.NoError(t, first.Close())
	first.OnChange(func(Change) { calls.Add(1) }) // does nothing after Close
	second.OnChange(func(Change) { heard <- struct{}{} })
	tell(second)
	<-heard
	require.NoError(t, second.Close()) // waits for all listeners
	assert.Zero(t, calls.Load())
}

// tell tells the listeners of a revision.
func tell(l *Lease) { l.Subscriber.listeners.Tell(Revision{Version: 1, Set: new(Set)}) }

// TestShared_LoggerOfNewestLease closes the lease of a reload that failed.
func TestShared_LoggerOfNewestLease(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	var shared Shared
	var before, failed logBuffer
	cfg := SubscriberConfig{Instance: "web-1", Logger: before.logger()}
	leaseOf(t, &shared, server.URL(), cfg)
	cfg.Logger = failed.logger()
	reload := leaseOf(t, &shared, server.URL(), cfg)
	reload.log.Info("first")
	require.NoError(t, reload.Close())
	reload.log.Info("second")
	assert.Equal(t, 1, failed.lines("first"))
	assert.Zero(t, failed.lines("second"))
	assert.Equal(t, 1, before.lines("second"))
	assert.Zero(t, before.lines("first"))
}

func TestShared_Concurrent(t *testing.T) {
	t.Parallel()
	var shared Shared
	o := &opener{t: t}
	away := errors.New("away")
	o.beforeReturn = func() error {
		if rand.IntN(4) == 0 {
			return away
		}
		return nil
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rand.IntN(int(5*time.Millisecond))))
				l, err := shared.Acquire(ctx, "key", o.Open)
				if err == nil {
					assert.NoError(t, l.ctx.Err(), "a lease on a closed Subscriber")
					assert.NotNil(t, l.Load())
					assert.NoError(t, l.Close())
				}
				cancel()
			}
		})
	}
	wg.Wait()
	assert.False(t, o.tooMany.Load(), "two Subscribers were open at once")
	assert.Zero(t, o.open.Load())
	assert.Empty(t, shared.all)
}
