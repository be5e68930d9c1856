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

// Cluster is a Redis Cluster of three masters with one replica each. All nodes are
// processes of the test. They end with the test.
type Cluster struct {
	t     testing.TB
	Nodes []*Redis
	ids   []string
	admin []*redis.Client
}

// StartCluster starts a Cluster, and waits until it accepts commands. A node considers
// another node down after one second of silence.
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
	c.eventually("every node is connected to all nodes", func(i int) bool {
		return strings.Count(c.do(i, "CLUSTER", "NODES").(string), " connected") == len(c.Nodes)
	})
	for i := clusterMasters; i < len(c.Nodes); i++ {
		c.do(i, "CLUSTER", "REPLICATE", c.ids[i-clusterMasters])
	}
	c.eventually("the cluster accepts commands", func(i int) bool {
		return strings.Contains(c.do(i, "CLUSTER", "INFO").(string), "cluster_state:ok") &&
			strings.Count(c.do(i, "CLUSTER", "NODES").(string), "slave ") == clusterMasters
	})
	c.eventually("every replica is connected to its master", func(i int) bool {
		return i < clusterMasters || strings.Contains(c.do(i, "INFO", "replication").(string), "master_link_status:up")
	})
	return c
}

// do sends a command to a node. An error reply fails the test.
func (c *Cluster) do(node int, args ...any) any {
	c.t.Helper()
	reply, err := c.admin[node].Do(context.Background(), args...).Result()
	if err != nil {
		c.t.Fatalf("node %d: %v: %v", node, args, err)
	}
	return reply
}

// eventually waits until ok holds for every node.
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

// URL returns the redis+cluster:// URL of all nodes.
func (c *Cluster) URL() string {
	var addrs []string
	for _, node := range c.Nodes {
		addrs = append(addrs, node.Addr())
	}
	return "redis+cluster://" + strings.Join(addrs, ",")
}

// Owner returns the index in Nodes of the master that has the key's slot. It returns -1
// if no node has the slot.
func (c *Cluster) Owner(key string) int { return c.OwnerNow(key, -1) }

// OwnerNow returns the same as Owner, and does not contact the node with the index
// without, because that node may be down.
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

// Follows reports whether the node is a replica that is connected to its master.
func (c *Cluster) Follows(node int) bool {
	role, err := c.admin[node].Do(context.Background(), "ROLE").Slice()
	return err == nil && len(role) > 3 && role[0] == "slave" && role[3] == "connected"
}

// holds reports whether the shard has the slot.
func holds(shard redis.ClusterShard, slot int64) bool {
	return slices.ContainsFunc(shard.Slots, func(r redis.SlotRange) bool { return r.Start <= slot && slot <= r.End })
}

// masterOf returns the id of a shard's master. During a failover a shard may have two
// masters. masterOf then returns the master that is online.
func masterOf(shard redis.ClusterShard) (id string) {
	for _, node := range shard.Nodes {
		if node.Role == "master" && (id == "" || node.Health == "online") {
			id = node.ID
		}
	}
	return id
}

// index returns the index in Nodes of the node with the id.
func (c *Cluster) index(id string) int {
	for i := range c.ids {
		if c.ids[i] == id {
			return i
		}
	}
	return -1
}

// MoveSlot moves the slot of a key, with all its keys, to another master. It sends the
// same commands as redis-cli --cluster reshard.
func (c *Cluster) MoveSlot(key string, to int) {
	c.t.Helper()
	c.BeginMove(key, to)()
}

// BeginMove moves the keys of a slot to another master. The slot itself stays in
// migration until the test calls end.
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
