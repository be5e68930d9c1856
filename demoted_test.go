package fleetdial

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/testutil"
)

// movableClient returns a client of a name that leads to the first server, and a function that
// makes the name lead to another one. The connections that stand stay.
func movableClient(t *testing.T, server *testutil.Redis) (client *redis.Client, move func(*testutil.Redis)) {
	var addr atomic.Value
	addr.Store(server.Addr())
	client = redis.NewClient(&redis.Options{
		Protocol: 2, PoolSize: 50,
		Dialer: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, addr.Load().(string))
		},
	})
	t.Cleanup(func() { _ = client.Close() })
	return client, func(to *testutil.Redis) { addr.Store(to.Addr()) }
}

// fillPool opens so many connections and returns them to the pool.
func fillPool(t *testing.T, client *redis.Client, n int) {
	conns := make([]*redis.Conn, n)
	for i := range conns {
		conns[i] = client.Conn()
		require.NoError(t, conns[i].Ping(t.Context()).Err())
	}
	for _, conn := range conns {
		require.NoError(t, conn.Close())
	}
	require.EqualValues(t, n, client.PoolStats().IdleConns)
}

// demote makes a server the replica of another, and waits until it follows.
func demote(t *testing.T, server, master *testutil.Redis) {
	host, port, err := net.SplitHostPort(master.Addr())
	require.NoError(t, err)
	server.Do(t, "REPLICAOF", host, port)
	direct := server.Client(t)
	testutil.Eventually(t, within, "the replica follows", func() bool {
		return strings.Contains(direct.Info(t.Context(), "replication").Val(), "master_link_status:up")
	})
}

// waitForReplica waits until a replica has the history of the fleet, which is the last key that a
// publish writes. A replica that is promoted before would have no revision.
func waitForReplica(t *testing.T, replica *testutil.Redis) {
	direct := replica.Client(t)
	testutil.Eventually(t, within, "the replica has the revision", func() bool {
		return direct.Exists(t.Context(), testKey, testKey+":history").Val() == 2
	})
}

func TestPublish_NameMovesToNewMaster(t *testing.T) {
	t.Parallel()
	a, b := testutil.StartRedis(t), testutil.StartRedis(t)
	client, move := movableClient(t, a)
	p := newTestPublisher(t, client, PublisherConfig{})
	demote(t, b, a)
	publish(t, p, "a")
	waitForReplica(t, b)
	fillPool(t, client, 40)

	b.Do(t, "REPLICAOF", "NO", "ONE")
	move(b)
	demote(t, a, b)
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	began := time.Now()
	rev, err := p.Publish(ctx, setOf(t, "b"), PublishOptions{})
	require.NoError(t, err)
	assert.Less(t, time.Since(began), readOnlyTime)
	assert.EqualValues(t, 2, rev.Version)
	assert.Equal(t, []int64{2, 1}, historyVersions(t, b.Client(t)))
	for range 40 {
		conn := client.Conn()
		defer conn.Close()
		role, err := conn.Do(t.Context(), "ROLE").Slice()
		require.NoError(t, err)
		require.Equal(t, "master", role[0], "no connection of the pool leads to the old master")
	}
}

func TestForget_NameMovesToNewMaster(t *testing.T) {
	t.Parallel()
	a, b := testutil.StartRedis(t), testutil.StartRedis(t)
	client, move := movableClient(t, a)
	p := newTestPublisher(t, client, PublisherConfig{})
	demote(t, b, a)
	rev, err := p.Publish(t.Context(), setOf(t, "a"), PublishOptions{})
	require.NoError(t, err)
	waitForReplica(t, b)
	fillPool(t, client, 10)

	b.Do(t, "REPLICAOF", "NO", "ONE")
	move(b)
	demote(t, a, b)
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	require.NoError(t, p.Forget(ctx, rev))
	assert.Zero(t, b.Client(t).DBSize(t.Context()).Val())
}

func TestClose_NameMovesToNewMaster(t *testing.T) {
	t.Parallel()
	a, b := testutil.StartRedis(t), testutil.StartRedis(t)
	client, move := movableClient(t, a)
	demote(t, b, a)
	s, err := Subscribe(t.Context(), client, SubscriberConfig{Instance: "web", ReportInterval: time.Hour})
	require.NoError(t, err)
	direct := b.Client(t)
	rows := func() int64 { return direct.ZCard(t.Context(), testKey+":fleet").Val() }
	testutil.Eventually(t, within, "the row is in the replica", func() bool { return rows() == 1 })
	fillPool(t, client, 10)

	b.Do(t, "REPLICAOF", "NO", "ONE")
	move(b)
	demote(t, a, b)
	s.Close()
	assert.Zero(t, rows(), "the instance has left")
	assert.Zero(t, direct.DBSize(t.Context()).Val())
}

func TestForget_PermanentReplicaFailsSoon(t *testing.T) {
	t.Parallel()
	a, b := testutil.StartRedis(t), testutil.StartRedis(t)
	rev, err := newTestPublisher(t, b.Client(t), PublisherConfig{}).Publish(t.Context(), setOf(t, "a"), PublishOptions{})
	require.NoError(t, err)
	demote(t, a, b)
	p := newTestPublisher(t, a.Client(t), PublisherConfig{})
	for _, limit := range []time.Duration{within, 400 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		began := time.Now()
		err := p.Forget(ctx, rev)
		cancel()
		require.ErrorIs(t, err, ErrUnavailable)
		require.ErrorContains(t, err, "nothing was removed")
		require.ErrorContains(t, err, "READONLY")
		assert.Less(t, time.Since(began), min(limit, readOnlyTime+longestRetry)+longestStall)
	}
}

func TestPublish_PermanentReplicaFailsSoon(t *testing.T) {
	t.Parallel()
	a, b := testutil.StartRedis(t), testutil.StartRedis(t)
	demote(t, a, b)
	p := newTestPublisher(t, a.Client(t), PublisherConfig{})
	began := time.Now()
	_, err := p.Publish(t.Context(), setOf(t, "a"), PublishOptions{})
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorContains(t, err, "nothing was written")
	require.ErrorContains(t, err, "READONLY")
	assert.Less(t, time.Since(began), readOnlyTime+longestRetry+longestStall)

	// At any moment of an attempt, the context may end.
	for limit := 100 * time.Millisecond; limit < 600*time.Millisecond; limit += 33 * time.Millisecond {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		_, err = p.Publish(ctx, setOf(t, "a"), PublishOptions{})
		cancel()
		require.ErrorIs(t, err, ErrUnavailable)
		require.ErrorContains(t, err, "nothing was written")
		require.ErrorContains(t, err, "READONLY")
	}
}
