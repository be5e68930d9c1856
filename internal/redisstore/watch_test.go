package redisstore

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/testutil"
)

// TestTransact_ClusterFollowsRedirect moves the slot of the fleet. A client that knows the nodes
// sends WATCH once while its topology is right, and then follows the redirect, as a client that
// hides its nodes does.
func TestTransact_ClusterFollowsRedirect(t *testing.T) {
	t.Parallel()
	cluster := testutil.StartCluster(t)
	log := &nodeLog{nodes: make(map[string][]string)}
	newClient := func() *redis.ClusterClient {
		client := redis.NewClusterClient(&redis.ClusterOptions{
			Addrs: []string{cluster.Nodes[0].Addr()}, Protocol: 2,
			NewClient: func(opt *redis.Options) *redis.Client {
				c := redis.NewClient(opt)
				c.AddHook(nodeHook{log, opt.Addr})
				return c
			},
		})
		t.Cleanup(func() { _ = client.Close() })
		return client
	}
	transact := func(client redis.UniversalClient) {
		c, err := New(client, "")
		require.NoError(t, err)
		err = Interruptible{c}.Transact(t.Context(), 100, func(ctx context.Context, tx *Tx, _ Found) error {
			return tx.Exec(ctx, []byte("value"), 10, nil)
		})
		require.NoError(t, err)
	}
	first, second := newClient(), newClient()
	clients := map[string]redis.UniversalClient{"Cluster": first, "embedding": embedding{second}, "opaque": opaque{newClient()}}
	from := cluster.Owner(testKey)
	for name, client := range clients {
		transact(client)
		log.reset()
		transact(client)
		want := map[string][]string{cluster.Nodes[from].Addr(): {"watch", "time", "multi"}}
		assert.Equal(t, want, log.reset("watch", "time", "multi", "unwatch"), name)
	}
	to := (from + 1) % 3
	cluster.MoveSlot(testKey, to)
	for name, client := range clients {
		log.reset()
		transact(client)
		got := log.reset("watch", "multi", "unwatch")
		assert.Equal(t, []string{"watch", "multi"}, got[cluster.Nodes[to].Addr()], name)
		assert.NotContains(t, got[cluster.Nodes[from].Addr()], "multi", name)
	}
	assert.EqualValues(t, 9, first.LLen(t.Context(), testKey+":history").Val(), "each transaction writes once")
}
