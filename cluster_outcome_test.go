package fleetdial

import (
	"context"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/testutil"
)

// oneNode is a client of a Cluster with one node.
type oneNode struct{ *redis.Client }

func (c oneNode) MasterForKey(context.Context, string) (*redis.Client, error) { return c.Client, nil }

func (c oneNode) ForEachMaster(ctx context.Context, fn func(context.Context, *redis.Client) error) error {
	return fn(ctx, c.Client)
}

// TestPublish_ClusterSlowExecIsNotRepeated delays EXEC for longer than the first attempt on a
// Cluster may take. The next attempt must find the revision instead of publishing it again.
func TestPublish_ClusterSlowExecIsNotRepeated(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]PublishOptions{
		"any revision": {}, "IfAbsent": {IfVersion: IfAbsent}, "IfCurrent": {IfCurrent: new(Revision)},
	} {
		for clientName, withContext := range map[string]bool{"defaults": false, "context timeout": true} {
			t.Run(name+"/"+clientName, func(t *testing.T) {
				t.Parallel()
				server := testutil.StartRedis(t)
				client := redis.NewClient(&redis.Options{Addr: server.Addr(), Protocol: 2, ContextTimeoutEnabled: withContext})
				t.Cleanup(func() { _ = client.Close() })
				pause := sync.OnceFunc(func() { server.Do(t, "CLIENT", "PAUSE", "2500", "WRITE") })
				client.AddHook(intercept{before: func(cmds []redis.Cmder) error {
					if cmds[0].Name() == "multi" {
						pause()
					}
					return nil
				}})
				p := newTestPublisher(t, oneNode{client}, PublisherConfig{})
				rev, err := p.Publish(t.Context(), setOf(t, "a"), opts)
				require.NoError(t, err)
				assert.EqualValues(t, 1, rev.Version)
				current, err := p.Current(t.Context())
				require.NoError(t, err)
				assert.Equal(t, rev.ID, current.ID)
				assert.EqualValues(t, 1, current.Version)
				assert.EqualValues(t, 1, server.Client(t).LLen(t.Context(), testKey+":history").Val(), "published once")
			})
		}
	}
}
