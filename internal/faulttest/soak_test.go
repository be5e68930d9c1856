package faulttest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/testutil"
)

const (
	soakSubscribers = 50
	// soakConverged bounds the time until fifty subscribers on a busy machine converge.
	soakConverged = 10 * time.Second
)

// soakTime returns the duration of the soak test: the environment variable SOAK, by
// default 15s.
func soakTime(t *testing.T) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(cmp.Or(os.Getenv("SOAK"), "15s"))
	require.NoError(t, err, "SOAK must be a duration (such as 10m)")
	return d
}

// soak is a fleet with random faults, one after another, while sets are published.
type soak struct {
	*fleet
	t      *testing.T
	server *testutil.Redis
	link   *testutil.Link
	client *redis.Client
	conn   *redis.Conn

	// publishing is held during a publish.
	publishing sync.Mutex
	// published and failed count the publishes of keepPublishing.
	published, failed atomic.Int64
	// converged holds the times to converge, by the name of the fault.
	converged map[string][]time.Duration
	// before is the number of goroutines at the start.
	before int
}

// soakFault is a random fault. make makes the fault, and returns the function that ends
// it.
type soakFault struct {
	name string
	make func(s *soak) (mend func())
}

// last lets a fault last for up to three seconds.
func last() {
	<-time.After(rand.N(3 * time.Second))
}

// soakFaults are the faults of the soak test.

var soakFaults = []soakFault{
	{"killed", func(s *soak) func() { s.server.Kill(); return s.server.Restart }},
	{"killed, back but empty", func(s *soak) func() { s.server.Kill(); return s.server.RestartEmpty }},
	{"hung", func(s *soak) func() { s.server.Stop(); return s.server.Continue }},
	{"nothing arrives", func(s *soak) func() {
		s.link.Swallow(testutil.ToClient)
		return s.link.Heal
	}},
	{"nothing is sent", func(s *soak) func() {
		s.link.Swallow(testutil.ToServer)
		return s.link.Heal
	}},
	{"subscriptions killed", func(s *soak) func() { return s.do("CLIENT", "KILL", "TYPE", "pubsub") }},
	{"connections killed", func(s *soak) func() { return s.do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") }},
	{"flushed", func(s *soak) func() { return s.do("FLUSHALL") }},
	{"junk", func(s *soak) func() { s.do("SET", fleetKey, "junk"); return s.do("PUBLISH", fleetKey, "fetch") }},
	{"huge", func(s *soak) func() {
		return s.do("EVAL", "redis.call('DEL',KEYS[1]) redis.call('SETRANGE',KEYS[1],20971520,'x') "+
			"return redis.call('PUBLISH',KEYS[1],'fetch')", 1, fleetKey)
	}},
	{"wrong type", func(s *soak) func() {
		// The script is atomic, because a publish may run at the same time.
		s.do("EVAL", "redis.call('DEL',KEYS[1]) return redis.call('LPUSH',KEYS[1],'x')", 1, fleetKey)
		return func() { s.do("DEL", fleetKey) }
	}},
	{"memory full", func(s *soak) func() {
		s.do("CONFIG", "SET", "maxmemory", "1mb")
		return func() { s.do("CONFIG", "SET", "maxmemory", "0") }
	}},
	{"demoted", func(s *soak) func() {
		s.do("REPLICAOF", "127.0.0.1", "1")
		return func() { s.do("REPLICAOF", "NO", "ONE") }
	}},
	{"slow readers", func(s *soak) func() {
		s.do("CONFIG", "SET", "client-output-buffer-limit", "pubsub 32kb 0 0")
		s.do("PUBLISH", fleetKey, strings.Repeat("x", 1<<20))
		return s.do("CONFIG", "SET", "client-output-buffer-limit", "pubsub 32mb 8mb 60")
	}},
	{"paused", func(s *soak) func() { return s.do("CLIENT", "PAUSE", 1500, "ALL") }},
	{"partition", func(s *soak) func() {
		s.link.Swallow(testutil.ToClient)
		s.link.Swallow(testutil.ToServer)
		return s.link.Heal
	}},
	{"denied", func(s *soak) func() {
		s.do("CONFIG", "SET", "requirepass", "pw")
		s.do("CLIENT", "KILL", "TYPE", "pubsub")
		s.do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
		return func() { s.do("CONFIG", "SET", "requirepass", "") }
	}},
	{"too many clients", func(s *soak) func() {
		s.do("CONFIG", "SET", "maxclients", 1)
		s.do("CLIENT", "KILL", "TYPE", "pubsub")
		s.do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
		return func() { s.do("CONFIG", "SET", "maxclients", 10000) }
	}},
	{"the key goes back", func(s *soak) func() {
		s.publishing.Lock()
		defer s.publishing.Unlock()
		s.insist()
		old, err := s.client.Get(context.Background(), fleetKey).Result()
		require.NoError(s.t, err)
		s.checker.mayGoBackTo(s.last)
		s.insist()
		s.do("SET", fleetKey, old)
		return s.do("PUBLISH", fleetKey, "fetch")
	}},
	{"a storm", func(s *soak) func() {
		for range 2000 {
			s.client.Publish(context.Background(), fleetKey, "fetch")
		}
		return func() {}
	}},
}

// do sends a command directly to the server. It uses a connection that CLIENT KILL with
// SKIPME does not close. If the server was restarted, do opens a new connection.
func (s *soak) do(args ...any) func() {
	s.t.Helper()
	err := s.conn.Do(context.Background(), args...).Err()
	if _, isReply := errors.AsType[redis.Error](err); err != nil && !isReply {
		_ = s.conn.Close()
		s.conn = s.client.Conn()
		err = s.conn.Do(context.Background(), args...).Err()
	}
	require.NoError(s.t, err)
	return func() {}
}

func TestSoak(t *testing.T) {
	t.Parallel()
	duration := soakTime(t)
	s := &soak{
		t: t, server: testutil.StartRedis(t, "--appendonly", "yes", "--appendfsync", "always"),
		converged: make(map[string][]time.Duration),
	}
	s.link = testutil.StartLink(t, s.server.Addr())
	s.client = s.server.Client(t)
	s.conn = s.client.Conn()
	t.Cleanup(func() { _ = s.conn.Close() })
	s.fleet = newFleet(t, soakSubscribers, "redis://"+s.link.Addr(), s.server.URL(), nil)
	s.insist()
	s.eventuallyHave(within)
	s.before = s.goroutines()

	began := time.Now()
	ctx, stop := context.WithCancel(context.Background())
	var publisher sync.WaitGroup
	publisher.Go(func() { s.keepPublishing(ctx) })
	for time.Since(began) < duration {
		s.runFault(soakFaults[rand.N(len(soakFaults))])
	}
	stop()
	publisher.Wait()
	s.settle("the end")
	s.calm()
	s.eventually(within, "the extra goroutines end", func() bool { return s.goroutines() <= s.before })
	s.summary(time.Since(began))
	s.checker.verdict(t)
}

// keepPublishing publishes several times a second until ctx ends. A publish may fail.
func (s *soak) keepPublishing(ctx context.Context) {
	for ctx.Err() == nil {
		s.publishing.Lock()
		err := s.publish(2 * time.Second)
		s.publishing.Unlock()
		if err == nil {
			s.published.Add(1)
		} else {
			s.failed.Add(1)
		}
		select {
		case <-ctx.Done():
		case <-time.After(rand.N(400 * time.Millisecond)):
		}
	}
}

// runFault makes a fault, holds it, ends it, and checks that the fleet recovers.
func (s *soak) runFault(fault soakFault) {
	s.t.Helper()
	mend := fault.make(s)
	last()
	mend()
	s.settle(fault.name)
}

// settle publishes a set, and waits until every subscriber has it.
func (s *soak) settle(after string) {
	s.t.Helper()
	s.publishing.Lock()
	defer s.publishing.Unlock()
	began := time.Now()
	s.insist()
	s.eventually(within, "the fleet converges after the fault: "+after, s.have)
	took := time.Since(began)
	if took > soakConverged {
		s.t.Errorf("the fleet took %v to converge after the fault %s (at most %v)", took, after, soakConverged)
	}
	s.converged[after] = append(s.converged[after], took)
}

// summary prints the table of the soak test.
func (s *soak) summary(d time.Duration) {
	s.t.Helper()
	out := newTable("fault", "times", "converged, median", "converged, longest")
	names := slices.Sorted(maps.Keys(s.converged))
	faults := 0
	for _, name := range names {
		all := slices.Sorted(slices.Values(s.converged[name]))
		faults += len(all)
		out.add(name, fmt.Sprint(len(all)), took(all[len(all)/2]), took(all[len(all)-1]))
	}
	out.preface = fmt.Sprintf("%v, %d subscribers, %d faults; %d sets published, %d publishes failed during faults; "+
		"%d checks of subscribers, %d violations; %d revisions applied, %d reconnections, %d corrections; "+
		"%d goroutines of the fleet at the start, %d at the end.\n\n",
		d.Round(time.Second), soakSubscribers, faults, s.published.Load(), s.failed.Load(),
		s.checker.checks.Load(), len(s.checker.violations),
		s.count(func(c fleetdial.Counters) int64 { return c.Applies }),
		s.count(func(c fleetdial.Counters) int64 { return c.Reconnects }),
		s.count(func(c fleetdial.Counters) int64 { return c.Corrections }),
		s.before, s.goroutines())
	out.show(s.t, "soak", names)
}
