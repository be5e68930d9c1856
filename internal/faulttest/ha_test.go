package faulttest

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/testutil"
)

// topologies has the tests with more than one server. In each, a server or a link fails.
type topologies struct{ *table }

func TestTopologies(t *testing.T) {
	t.Parallel()
	all := topologies{newTable("topology", "fault", "took over after", "published after", "converged after")}
	t.Run("group", func(t *testing.T) {
		t.Run("sentinel", all.sentinel)
		t.Run("replica", all.replica)
		t.Run("cluster, a slot moves", all.clusterSlot)
		t.Run("cluster, an owner is lost", all.clusterOwner)
		t.Run("cluster, kinds of clients", all.clusterClients)
		t.Run("sentinel, kinds of clients", all.sentinelClients)
		t.Run("a name moves", all.nameMoves)
	})
	all.show(t, "topologies", []string{"Sentinel", "replica", "Cluster", "name"})
}

// sentinel makes the master of a Sentinel deployment fail.
func (table topologies) sentinel(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ fault, mend func(*testutil.Redis) }{
		"killed":                  {(*testutil.Redis).Kill, (*testutil.Redis).Restart},
		"stopped, then continued": {(*testutil.Redis).Stop, (*testutil.Redis).Continue},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testutil.StartSentinels(t)
			f := newFleet(t, 5, s.URL(), s.URL(), nil)
			f.insist()
			f.eventuallyHave(within)
			f.replicated(s.Servers...)
			f.checker.mayGoBackTo(f.last)

			old := s.Master()
			began := time.Now()
			c.fault(old)
			f.eventually(within, "the sentinels elect another master", func() bool { return s.Master() != nil && s.Master() != old })
			tookOver := time.Since(began)
			f.insist()
			published := time.Since(began)
			f.eventuallyHave(within)
			converged := time.Since(began)
			assert.Less(t, converged-tookOver, convergedWithin, "time to converge after the failover")
			f.checker.goesBackNoMore()
			f.allSubscribeTo(s.Master(), s.Servers...)

			// The old master comes back as a replica. No subscriber may go back to it.
			c.mend(old)
			replica := old.Client(t)
			f.eventually(within, "the old master follows the new one", func() bool {
				role, err := replica.Do(context.Background(), "ROLE").Slice()
				return err == nil && role[0] == "slave" && role[3] == "connected"
			})
			f.soonHave()
			f.allSubscribeTo(s.Master(), s.Servers...)
			f.calm()
			f.checker.verdict(t)
			table.add("Sentinel", "master "+name, took(tookOver), took(published), took(converged))
		})
	}
}

// replicated waits until all servers hold the same revision.
func (f *fleet) replicated(servers ...*testutil.Redis) {
	f.t.Helper()
	clients := make([]*redis.Client, len(servers))
	for i := range servers {
		clients[i] = servers[i].Client(f.t)
	}
	f.eventually(within, "all servers hold the same revision", func() bool {
		first := clients[0].Get(context.Background(), fleetKey)
		for _, c := range clients[1:] {
			if got := c.Get(context.Background(), fleetKey); got.Err() != nil || got.Val() != first.Val() {
				return false
			}
		}
		return first.Err() == nil
	})
}

// soonHave publishes a set, and checks that every subscriber has it before the next
// resync.
func (f *fleet) soonHave() {
	f.t.Helper()
	f.insist()
	f.eventuallyHave(convergedWithin)
}

// allSubscribeTo checks that every subscriber has its subscription at the server, and
// none at the other servers.
func (f *fleet) allSubscribeTo(server *testutil.Redis, all ...*testutil.Redis) {
	f.t.Helper()
	for _, other := range all {
		want := 0
		if other == server {
			want = len(f.subs)
		}
		client := other.Client(f.t)
		f.eventually(within, "every subscriber has its subscription at the right server", func() bool {
			n, err := client.PubSubNumSub(context.Background(), fleetKey).Result()
			if err != nil {
				return other != server // the other server may be down
			}
			return n[fleetKey] == int64(want)
		})
	}
}

// replica connects the subscribers to a replica and the publisher to its master, and cuts
// the link between the two servers.
func (table topologies) replica(t *testing.T) {
	t.Parallel()
	master := testutil.StartRedis(t, "--repl-diskless-sync-delay", "0")
	link := testutil.StartLink(t, master.Addr())
	// With replica-serve-stale-data no, a replica that has lost its master returns
	// errors.
	replica := testutil.StartRedis(t, "--replicaof", "127.0.0.1 "+portOf(link.Addr()), "--replica-serve-stale-data", "no",
		"--repl-diskless-sync-delay", "0")
	client := replica.Client(t)
	testutil.Eventually(t, within, "the replica is connected to its master", func() bool { return client.Exists(t.Context(), fleetKey).Err() == nil })
	f := newFleet(t, 3, replica.URL(), master.URL(), nil)
	f.insist()
	f.eventuallyHave(within)

	began := time.Now()
	link.To("")
	f.eventually(within, "every subscriber is stale", func() bool { return f.inState(fleetdial.StateStale) })
	noticed := time.Since(began)
	assert.Less(t, noticed, noticedWithin)
	f.insist()
	link.To(master.Addr())
	f.eventually(within, "the replica is connected to its master again", func() bool { return client.Exists(context.Background(), fleetKey).Err() == nil })
	mended := time.Now()
	f.eventuallyHave(within)
	converged := time.Since(mended)
	assert.Less(t, converged, convergedWithin)
	f.soonHave()
	f.calm()
	f.checker.verdict(t)
	table.add("replica", "link to the master lost", took(noticed)+" (noticed)", "-", took(converged)+" after the link")
}

func portOf(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return port
}

// clusterSlot moves the fleet's slot between the masters of a Cluster while sets are
// published.
func (table topologies) clusterSlot(t *testing.T) {
	t.Parallel()
	c := testutil.StartCluster(t)
	f := newFleet(t, 5, c.URL(), c.URL(), nil)
	f.insist()
	f.eventuallyHave(within)
	stop := make(chan struct{})
	var publishing sync.WaitGroup
	publishing.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				_ = f.publish(5 * time.Second) // may fail while the slot moves
			}
		}
	})
	began := time.Now()
	first := c.Owner(fleetKey)
	for i := range 4 {
		c.MoveSlot(fleetKey, (first+1+i)%3)
	}
	moved := time.Now()
	close(stop)
	publishing.Wait()
	f.insist()
	published := time.Since(moved)
	f.eventuallyHave(within)
	assert.Less(t, time.Since(moved), convergedWithin)
	f.checker.verdict(t)
	table.add("Cluster", "the slot moves four times", took(moved.Sub(began)), took(published), took(time.Since(moved))+" after the last")
	f.listenInCluster(c)

	// While the slot is in migration, a publish must fail and must write nothing.
	end := c.BeginMove(fleetKey, first)
	require.ErrorIs(t, f.publish(5*time.Second), fleetdial.ErrUnavailable)
	f.checker.notPublished()
	end()
	f.soonHave()
	f.listenInCluster(c)
	f.calm()
	f.checker.verdict(t)
}

// listenInCluster checks that every subscriber has one subscription in the Cluster. It may
// be at any node, because the nodes pass messages on to each other.
func (f *fleet) listenInCluster(c *testutil.Cluster) {
	f.t.Helper()
	clients := make([]*redis.Client, len(c.Nodes))
	for i, node := range c.Nodes {
		clients[i] = node.Client(f.t)
	}
	f.eventually(within, "every subscriber has one subscription in the Cluster", func() bool {
		sum := int64(0)
		for _, client := range clients {
			n, err := client.PubSubNumSub(context.Background(), fleetKey).Result()
			if err != nil {
				return false
			}
			sum += n[fleetKey]
		}
		return sum == int64(len(f.subs))
	})
}

// clusterOwner makes the master that has the fleet's slot fail.
func (table topologies) clusterOwner(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ fault, mend func(*testutil.Redis) }{
		"killed":  {(*testutil.Redis).Kill, (*testutil.Redis).Restart},
		"stopped": {(*testutil.Redis).Stop, (*testutil.Redis).Continue},
	} {
		t.Run("the owner is "+name, func(t *testing.T) {
			t.Parallel()
			cluster := testutil.StartCluster(t)
			f := newFleet(t, 5, cluster.URL(), cluster.URL(), nil)
			f.insist()
			f.eventuallyHave(within)
			owner := cluster.Owner(fleetKey)
			f.checker.mayGoBackTo(f.last)
			began := time.Now()
			c.fault(cluster.Nodes[owner])
			f.eventually(within, "the replica takes over the slot", func() bool { return cluster.OwnerNow(fleetKey, owner) != owner })
			tookOver := time.Since(began)
			f.insist()
			published := time.Since(began)
			f.eventuallyHave(within)
			converged := time.Since(began)
			assert.Less(t, converged-tookOver, convergedWithin, "time to converge after the failover")
			f.checker.goesBackNoMore()
			c.mend(cluster.Nodes[owner])
			f.eventually(within, "the old owner is a replica of the new one", func() bool { return cluster.Follows(owner) })
			f.soonHave()
			f.listenInCluster(cluster)
			f.calm()
			f.checker.verdict(t)
			table.add("Cluster", "owner "+name, took(tookOver), took(published), took(converged))
		})
	}
}
