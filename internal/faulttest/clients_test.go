package faulttest

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/testutil"
)

// opaque hides what a client is. embedding has all that a Cluster client has.
type (
	opaque    struct{ redis.UniversalClient }
	embedding struct{ *redis.ClusterClient }
)

// crowd is a subscriber for each kind of client. None resyncs, so that only announcements
// tell of a revision.
type crowd struct {
	t       *testing.T
	clients map[string]redis.UniversalClient
	subs    map[string]*fleetdial.Subscriber
}

func newCrowd(t *testing.T, clients map[string]redis.UniversalClient) *crowd {
	t.Helper()
	c := &crowd{t: t, clients: clients, subs: make(map[string]*fleetdial.Subscriber)}
	for name, client := range clients {
		t.Cleanup(func() { _ = client.Close() })
		sub, err := fleetdial.Subscribe(t.Context(), client, fleetdial.SubscriberConfig{
			Fleet: fleetName, Instance: strings.ReplaceAll(name, " ", "-"), ResyncInterval: time.Hour,
			Logger: slog.New(slog.DiscardHandler),
		})
		require.NoError(t, err, name)
		t.Cleanup(func() { _ = sub.Close() })
		c.subs[name] = sub
	}
	return c
}

// have waits until every subscriber has the revision, and returns how long the slowest took.
func (c *crowd) have(who, what string, has func(fleetdial.Revision) bool) time.Duration {
	c.t.Helper()
	began := time.Now()
	for name, sub := range c.subs {
		testutil.Eventually(c.t, within, what+" of "+who+" reaches "+name, func() bool { return has(sub.Status().Revision) })
	}
	return time.Since(began)
}

// publish publishes a revision with each kind of client.
func (c *crowd) publish() {
	c.t.Helper()
	for _, name := range slices.Sorted(maps.Keys(c.clients)) {
		rev := c.publishWith(name)
		took := c.have(name, "the revision", func(got fleetdial.Revision) bool { return got.ID == rev.ID })
		c.t.Logf("%s: every subscriber has the revision after %v", name, took)
	}
	for name, sub := range c.subs {
		counters := sub.Status().Counters
		assert.Zero(c.t, counters.Corrections, name)
		assert.Zero(c.t, counters.Reconnects, name)
		assert.Zero(c.t, counters.Regressions, name)
	}
}

func (c *crowd) publishWith(name string) fleetdial.Revision {
	c.t.Helper()
	pub, err := fleetdial.NewPublisher(c.clients[name], fleetdial.PublisherConfig{Fleet: fleetName})
	require.NoError(c.t, err)
	set, err := fleetdial.NewSet([]fleetdial.Directive{{
		ID: "a", Level: fleetdial.Shape, SamplePerMille: 1000, ExpiresAt: time.Now().Add(time.Hour),
	}})
	require.NoError(c.t, err)
	rev, err := pub.Publish(c.t.Context(), set, fleetdial.PublishOptions{})
	require.NoError(c.t, err, name)
	return rev
}

// panicButton clears the fleet as redis-cli does, with the message sent to any node.
func (c *crowd) panicButton(write redis.UniversalClient, nodes ...*testutil.Redis) {
	c.t.Helper()
	for _, node := range nodes {
		rev := c.publishWith("URL")
		c.have("URL", "the revision", func(got fleetdial.Revision) bool { return got.ID == rev.ID })
		require.NoError(c.t, write.Set(c.t.Context(), fleetKey, "", 0).Err())
		require.NoError(c.t, node.Client(c.t).Publish(c.t.Context(), fleetKey, "fetch").Err())
		c.have("redis-cli", "the empty value", func(got fleetdial.Revision) bool { return got.Version == 0 && got.Set.Len() == 0 })
	}
}

// clusterClients has each kind of client of a Cluster publish to each.
func (table topologies) clusterClients(t *testing.T) {
	t.Parallel()
	cluster := testutil.StartCluster(t)
	random := newClient(t, cluster.URL()).(*redis.ClusterClient)
	opts := *random.Options()
	require.NoError(t, random.Close())
	opts.ReadOnly, opts.RouteRandomly = true, true
	owner := cluster.Owner(fleetKey)
	c := newCrowd(t, map[string]redis.UniversalClient{
		"one node":         newClient(t, cluster.Nodes[owner].URL()),
		"URL":              newClient(t, cluster.URL()),
		"opaque":           opaque{newClient(t, cluster.URL())},
		"embedding":        embedding{newClient(t, cluster.URL()).(*redis.ClusterClient)},
		"routed at random": redis.NewClusterClient(&opts),
	})
	c.publish()
	c.panicButton(c.clients["URL"], cluster.Nodes...)

	// A subscriber of an earlier release, and other programs, use SSUBSCRIBE.
	sharded := c.clients["URL"].SSubscribe(t.Context(), fleetKey)
	t.Cleanup(func() { _ = sharded.Close() })
	_, err := sharded.Receive(t.Context())
	require.NoError(t, err)
	for _, name := range []string{"URL", "embedding"} {
		rev := c.publishWith(name)
		ctx, cancel := context.WithTimeout(t.Context(), within)
		message, err := sharded.ReceiveMessage(ctx)
		cancel()
		require.NoError(t, err, name)
		assert.Contains(t, message.Payload, rev.ID, name)
	}

	// After the slot has moved, the sessions stay. The client of one node cannot read the key.
	require.NoError(t, c.subs["one node"].Close())
	delete(c.subs, "one node")
	delete(c.clients, "one node")
	cluster.MoveSlot(fleetKey, (owner+1)%3)
	c.publish()
	c.panicButton(c.clients["URL"], cluster.Nodes...)
}

// sentinelClients has each kind of client of a Sentinel deployment publish to each. One of
// them is a *redis.ClusterClient.
func (table topologies) sentinelClients(t *testing.T) {
	t.Parallel()
	s := testutil.StartSentinels(t)
	// redis.NewUniversalClient returns such a client for Sentinel with RouteRandomly. That one
	// leaves goroutines behind when it is closed.
	random := redis.NewClusterClient(&redis.ClusterOptions{
		ReadOnly: true, RouteRandomly: true, Protocol: 2, ContextTimeoutEnabled: true,
		ClusterSlots: func(context.Context) ([]redis.ClusterSlot, error) {
			master := s.Master()
			nodes := []redis.ClusterNode{{Addr: master.Addr()}}
			for _, server := range s.Servers {
				if server != master {
					nodes = append(nodes, redis.ClusterNode{Addr: server.Addr()})
				}
			}
			return []redis.ClusterSlot{{Start: 0, End: 16383, Nodes: nodes}}, nil
		},
	})
	c := newCrowd(t, map[string]redis.UniversalClient{
		"one server":       newClient(t, s.Master().URL()),
		"URL":              newClient(t, s.URL()),
		"opaque":           opaque{newClient(t, s.URL())},
		"routed at random": random,
	})
	c.publish()
	c.panicButton(c.clients["URL"], s.Master())
	for _, server := range s.Servers {
		stats, err := server.Client(t).Info(t.Context(), "commandstats").Result()
		require.NoError(t, err)
		assert.NotContains(t, stats, "cmdstat_spublish", "SPUBLISH is for Clusters")
	}
}
