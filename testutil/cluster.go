package testutil

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	clusterMasters = 3
	clusterSlots   = 16384
)

// Cluster is a Redis Cluster of three masters with a replica each, all processes of the test's own.
type Cluster struct {
	t     testing.TB
	Nodes []*Redis
	ids   []string
	admin []*redis.Client
}

// StartCluster starts a Cluster, whose nodes take each other for down after a second, and waits until it serves.
func StartCluster(t testing.TB) *Cluster {
	t.Helper()
	c := &Cluster{t: t}
	for range 2 * clusterMasters {
		node := StartRedis(t, "--cluster-enabled", "yes", "--cluster-port", AnyPort, "--cluster-node-timeout", "1000",
			"--cluster-replica-validity-factor", "0", "--repl-diskless-sync-delay", "0")
		c.Nodes, c.admin = append(c.Nodes, node), append(c.admin, node.Client(t))
		c.ids = append(c.ids, c.do(len(c.Nodes)-1, "CLUSTER", "MYID").(string))
	}
	for i := range c.Nodes {
		c.do(i, "CLUSTER", "SET-CONFIG-EPOCH", i+1)
		if i < clusterMasters {
			from, to := i*clusterSlots/clusterMasters, (i+1)*clusterSlots/clusterMasters-1
			c.do(i, "CLUSTER", "ADDSLOTSRANGE", from, to)
		}
		host, port, _ := net.SplitHostPort(c.Nodes[0].Addr())
		c.do(i, "CLUSTER", "MEET", host, port, c.Nodes[0].more[0])
	}
	c.eventually("every node knows of all", func(i int) bool {
		return strings.Count(c.do(i, "CLUSTER", "NODES").(string), " connected") == len(c.Nodes)
	})
	for i := clusterMasters; i < len(c.Nodes); i++ {
		c.do(i, "CLUSTER", "REPLICATE", c.ids[i-clusterMasters])
	}
	c.eventually("the cluster serves", func(i int) bool {
		return strings.Contains(c.do(i, "CLUSTER", "INFO").(string), "cluster_state:ok") &&
			strings.Count(c.do(i, "CLUSTER", "NODES").(string), "slave ") == clusterMasters
	})
	c.eventually("replicas follow", func(i int) bool {
		return i < clusterMasters || strings.Contains(c.do(i, "INFO", "replication").(string), "master_link_status:up")
	})
	return c
}

func (c *Cluster) do(node int, args ...any) any {
	c.t.Helper()
	reply, err := c.admin[node].Do(context.Background(), args...).Result()
	if err != nil {
		c.t.Fatalf("node %d: %v: %v", node, args, err)
	}
	return reply
}

func (c *Cluster) eventually(what string, ok func(node int) bool) {
	c.t.Helper()
	Eventually(c.t, 30*time.Second, what, func() bool {
		for i := range c.Nodes {
			if !ok(i) {
				return false
			}
		}
		return true
	})
}

// URL returns the redis+cluster:// URL.
func (c *Cluster) URL() string {
	var addrs []string
	for _, node := range c.Nodes {
		addrs = append(addrs, node.Addr())
	}
	return "redis+cluster://" + strings.Join(addrs, ",")
}

// Owner returns which of Nodes is the master of a key's slot; -1 if none is.
func (c *Cluster) Owner(key string) int { return c.OwnerNow(key, -1) }

// OwnerNow is Owner without asking one of the nodes, which may be down.
func (c *Cluster) OwnerNow(key string, without int) int {
	for i := range c.Nodes {
		if i == without {
			continue
		}
		slot, err := c.admin[i].ClusterKeySlot(context.Background(), key).Result()
		if err != nil {
			continue
		}
		shards, err := c.admin[i].ClusterShards(context.Background()).Result()
		if err != nil {
			continue
		}
		for _, shard := range shards {
			if holds(shard, slot) {
				return c.index(masterOf(shard))
			}
		}
	}
	return -1
}

// Follows reports whether one of Nodes is a replica whose link to its master is up.
func (c *Cluster) Follows(node int) bool {
	role, err := c.admin[node].Do(context.Background(), "ROLE").Slice()
	return err == nil && len(role) > 3 && role[0] == "slave" && role[3] == "connected"
}

func holds(shard redis.ClusterShard, slot int64) bool {
	return slices.ContainsFunc(shard.Slots, func(r redis.SlotRange) bool { return r.Start <= slot && slot <= r.End })
}

// masterOf returns the id of a shard's master. During a failover there may be two; then the one that is online.
func masterOf(shard redis.ClusterShard) (id string) {
	for _, node := range shard.Nodes {
		if node.Role == "master" && (id == "" || node.Health == "online") {
			id = node.ID
		}
	}
	return id
}

func (c *Cluster) index(id string) int {
	for i := range c.ids {
		if c.ids[i] == id {
			return i
		}
	}
	return -1
}

// MoveSlot moves the slot of a key, with all its keys, to another master, as redis-cli --cluster reshard does.
func (c *Cluster) MoveSlot(key string, to int) {
	c.t.Helper()
	c.BeginMove(key, to)()
}

// BeginMove moves the keys of a slot, and leaves the slot itself between the two masters, until end is called.
func (c *Cluster) BeginMove(key string, to int) (end func()) {
	c.t.Helper()
	from := c.Owner(key)
	slot := c.do(from, "CLUSTER", "KEYSLOT", key)
	c.do(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", c.ids[from])
	c.do(from, "CLUSTER", "SETSLOT", slot, "MIGRATING", c.ids[to])
	host, port, _ := net.SplitHostPort(c.Nodes[to].Addr())
	for {
		keys := c.do(from, "CLUSTER", "GETKEYSINSLOT", slot, 100).([]any)
		if len(keys) == 0 {
			break
		}
		c.do(from, append([]any{"MIGRATE", host, port, "", 0, 5000, "KEYS"}, keys...)...)
	}
	return func() {
		c.t.Helper()
		c.do(to, "CLUSTER", "SETSLOT", slot, "NODE", c.ids[to])
		c.do(from, "CLUSTER", "SETSLOT", slot, "NODE", c.ids[to])
		for i := range c.Nodes {
			if role := c.do(i, "ROLE").([]any); i != to && i != from && fmt.Sprint(role[0]) == "master" {
				c.do(i, "CLUSTER", "SETSLOT", slot, "NODE", c.ids[to])
			}
		}
	}
}
