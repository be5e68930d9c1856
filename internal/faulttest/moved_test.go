package faulttest

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/testutil"
)

// nameClient returns a client of a host name that can move: each new connection goes to the
// server that the name shows to. Connections of the pool live for the lifetime.
func nameClient(t *testing.T, name *atomic.Pointer[testutil.Redis], lifetime time.Duration) *redis.Client {
	t.Helper()
	universal, err := fleetdial.ParseURL("redis://redis.example")
	require.NoError(t, err)
	opts := universal.Simple()
	opts.ConnMaxLifetime, opts.ConnMaxLifetimeJitter = lifetime, 0
	opts.Dialer = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, name.Load().Addr())
	}
	client := redis.NewClient(opts)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// publishTo publishes the next revision at a server.
func publishTo(t *testing.T, client redis.UniversalClient) fleetdial.Revision {
	t.Helper()
	pub, err := fleetdial.NewPublisher(client, fleetdial.PublisherConfig{Fleet: fleetName})
	require.NoError(t, err)
	set, err := fleetdial.NewSet([]fleetdial.Directive{{
		ID: "a", Level: fleetdial.Shape, SamplePerMille: 1000, ExpiresAt: time.Now().Add(time.Hour),
	}})
	require.NoError(t, err)
	rev, err := pub.Publish(t.Context(), set, fleetdial.PublishOptions{})
	require.NoError(t, err)
	return rev
}

// nameMoves has the host name of a server move to another server, which has the same data,
// while the old server goes on. No subscriber resyncs.
func (table topologies) nameMoves(t *testing.T) {
	t.Parallel()
	const subscribers, age, lifetime = 5, 2 * time.Second, time.Second
	blue, green := testutil.StartRedis(t), testutil.StartRedis(t)
	var name atomic.Pointer[testutil.Redis]
	name.Store(blue)
	first := publishTo(t, blue.Client(t))
	var subs []*fleetdial.Subscriber
	var logs []*stateLog
	for i := range subscribers {
		log := &stateLog{}
		sub, err := fleetdial.Subscribe(t.Context(), nameClient(t, &name, lifetime), fleetdial.SubscriberConfig{
			Fleet: fleetName, Instance: fmt.Sprint("proxy-", i), ResyncInterval: time.Hour, SubscriptionAge: age, Logger: slog.New(log),
		})
		require.NoError(t, err)
		t.Cleanup(func() { _ = sub.Close() })
		subs, logs = append(subs, sub), append(logs, log)
	}
	all := func(rev fleetdial.Revision) func() bool {
		return func() bool {
			for _, sub := range subs {
				status := sub.Status()
				require.Equal(t, fleetdial.StateLive, status.State, "%v", status.Err)
				if status.Revision.ID != rev.ID {
					return false
				}
			}
			return true
		}
	}
	require.True(t, all(first)())

	value, err := blue.Client(t).Get(t.Context(), fleetKey).Bytes()
	require.NoError(t, err)
	require.NoError(t, green.Client(t).Set(t.Context(), fleetKey, value, 0).Err())
	name.Store(green)
	began := time.Now()
	second := publishTo(t, green.Client(t))
	testutil.Eventually(t, within, "every subscriber has the revision of the new server", all(second))
	converged := time.Since(began)
	for server, want := range map[*testutil.Redis]int64{blue: 0, green: subscribers} {
		client := server.Client(t)
		testutil.Eventually(t, within, "every subscription is at the new server", func() bool {
			return client.PubSubNumSub(context.Background(), fleetKey).Val()[fleetKey] == want
		})
	}
	third := publishTo(t, green.Client(t))
	testutil.Eventually(t, within, "every subscriber hears the new server", all(third))
	for i, sub := range subs {
		counters := sub.Status().Counters
		assert.Zero(t, counters.Reconnects)
		assert.Zero(t, counters.Corrections)
		assert.Zero(t, counters.Regressions)
		assert.EqualValues(t, 3, counters.Applies)
		logs[i].mu.Lock()
		for _, line := range logs[i].lines {
			assert.Contains(t, line.msg, "revision applied", line.text)
		}
		logs[i].mu.Unlock()
	}
	table.add("name", "moves to another server", "-", "-", took(converged)+fmt.Sprintf(" (`SubscriptionAge` %v)", age))
}
