package redisstore

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/wire"
	"github.com/fleetdial/fleetdial/testutil"
)

// opaque hides what a client is.
type opaque struct{ redis.UniversalClient }

// embedding has all that a Cluster client has.
type embedding struct{ *redis.ClusterClient }

// nodeLog notes which node got which command.
type nodeLog struct {
	mu    sync.Mutex
	nodes map[string][]string
}

// reset returns the nodes that got one of the commands since the last call.
func (l *nodeLog) reset(names ...string) map[string][]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	nodes := make(map[string][]string)
	for addr, got := range l.nodes {
		for _, name := range got {
			if slices.Contains(names, name) {
				nodes[addr] = append(nodes[addr], name)
			}
		}
	}
	l.nodes = make(map[string][]string)
	return nodes
}

// nodeHook is the hook of one node.
type nodeHook struct {
	log  *nodeLog
	addr string
}

func (h nodeHook) note(cmds ...redis.Cmder) {
	h.log.mu.Lock()
	defer h.log.mu.Unlock()
	for _, cmd := range cmds {
		h.log.nodes[h.addr] = append(h.log.nodes[h.addr], cmd.Name())
	}
}

func (h nodeHook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h nodeHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		h.note(cmd)
		return next(ctx, cmd)
	}
}

func (h nodeHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		h.note(cmds...)
		return next(ctx, cmds)
	}
}

// TestRead_ClockIsOfTheNodeWithTheKey reads through clients that hide a Cluster, and one that
// does not. The clocks of the nodes may differ.
func TestRead_ClockIsOfTheNodeWithTheKey(t *testing.T) {
	t.Parallel()
	cluster := testutil.StartCluster(t)
	log := &nodeLog{nodes: make(map[string][]string)}
	var addrs []string
	for _, node := range cluster.Nodes {
		addrs = append(addrs, node.Addr())
	}
	bare := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: addrs, Protocol: 2, ContextTimeoutEnabled: true,
		NewClient: func(opt *redis.Options) *redis.Client {
			c := redis.NewClient(opt)
			c.AddHook(nodeHook{log, opt.Addr})
			return c
		},
	})
	t.Cleanup(func() { _ = bare.Close() })
	owner := cluster.Nodes[cluster.Owner(testKey)].Addr()
	for name, client := range map[string]redis.UniversalClient{
		"Cluster": bare, "embedding": embedding{bare}, "opaque": opaque{bare}, "pointer to opaque": &opaque{bare},
	} {
		c, err := New(client, "")
		require.NoError(t, err)
		require.NoError(t, bare.Set(t.Context(), testKey, "value", 0).Err())
		log.reset()
		for range 5 {
			got, err := c.ReadHeader(t.Context(), wire.HeaderBytes)
			require.NoError(t, err, name)
			require.NoError(t, got.Clock.Err, name)
			assert.Equal(t, "value", string(got.Value), name)
			assert.EqualValues(t, 5, got.Length, name)
			assert.WithinDuration(t, time.Now(), got.Clock.Time, 10*time.Second, name)
			assert.Equal(t, map[string][]string{owner: {"time", "getrange", "strlen"}}, log.reset("time", "getrange", "strlen"), name)
			_, err = c.ReadValue(t.Context(), 100)
			require.NoError(t, err, name)
			m, err := c.ReadClock(t.Context())
			require.NoError(t, err, name)
			require.NoError(t, m.Err, name)
			assert.Equal(t, map[string][]string{owner: {"time", "getrange", "time"}}, log.reset("time", "getrange"), name)
			got, err = c.ReadBare(t.Context(), wire.HeaderBytes)
			require.NoError(t, err, name)
			assert.Equal(t, "value", string(got.Value), name)
			assert.Equal(t, map[string][]string{owner: {"getrange"}}, log.reset("getrange"), name)
		}
		require.NoError(t, bare.Del(t.Context(), testKey).Err())
		got, err := c.ReadHeader(t.Context(), wire.HeaderBytes)
		require.NoError(t, err, name)
		assert.True(t, got.Missing, name)
		require.NoError(t, bare.LPush(t.Context(), testKey, "x").Err())
		got, err = c.ReadHeader(t.Context(), wire.HeaderBytes)
		require.NoError(t, err, name)
		assert.True(t, got.WrongType, name)
		require.NoError(t, bare.Del(t.Context(), testKey).Err())
	}
}

// TestRead_OpaqueClientWithoutTime has a user who may not call TIME, in front of one server.
// That user still reads the key.
func TestRead_OpaqueClientWithoutTime(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	server.Do(t, "SET", testKey, "value")
	server.Do(t, "ACL", "SETUSER", "default", "-time")
	c, err := New(opaque{server.Client(t)}, "")
	require.NoError(t, err)
	got, err := c.ReadHeader(t.Context(), wire.HeaderBytes)
	require.NoError(t, err)
	assert.Equal(t, "value", string(got.Value))
	assert.True(t, redis.HasErrorPrefix(got.Clock.Err, "NOPERM"), "%v", got.Clock.Err)
	m, err := c.ReadClock(t.Context())
	require.NoError(t, err)
	assert.Error(t, m.Err)
}

// TestNew_KnowsClusters tells Redis Cluster from Sentinel and from one server by what a client
// can do, and not by its type.
func TestNew_KnowsClusters(t *testing.T) {
	t.Parallel()
	cluster := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{"127.0.0.1:1"}})
	sentinel := redis.NewUniversalClient(&redis.UniversalOptions{
		Addrs: []string{"127.0.0.1:1"}, MasterName: "master", RouteRandomly: true,
	})
	single := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	t.Cleanup(func() { _, _, _ = cluster.Close(), sentinel.Close(), single.Close() })
	require.IsType(t, cluster, sentinel)
	for name, c := range map[string]struct {
		client           redis.UniversalClient
		nodes, isSharded bool
	}{
		"Cluster":   {cluster, true, true},
		"embedding": {embedding{cluster}, true, true},
		"Sentinel":  {sentinel, true, false},
		"single":    {single, false, false},
		"opaque":    {opaque{cluster}, false, false},
	} {
		got, err := New(c.client, "")
		require.NoError(t, err)
		assert.Equal(t, c.nodes, got.cluster != nil, name)
		assert.Equal(t, c.isSharded, got.sharded, name)
	}
}
