package faulttest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/testutil"
)

// rows returns all rows of the matrix.
func rows() []row {
	var all []row
	for _, group := range [][]row{goneRows, silentRows, readOnlyRows(), deniedRows, disconnectRows, contentRows} {
		all = append(all, group...)
	}
	return all
}

// goneRows are the faults in which the server ends, or its data is lost.
var goneRows = []row{
	{
		name: "killed", how: "SIGKILL, restart with its data", args: []string{"--appendonly", "yes", "--appendfsync", "always"},
		fault: func(f *faulty) { f.server.Kill() }, lasts: true, state: fleetdial.StateStale, publishing: "connection refused",
		mend: func(f *faulty) { f.server.Restart() },
	},
	{
		name: "back, but empty", how: "SIGKILL, restart in a new directory", lasts: true, state: fleetdial.StateMissing,
		fault: func(f *faulty) { f.server.Kill(); f.server.RestartEmpty() },
	},
	{
		name: "back, but empty, signed", how: "the same, with a fleet that verifies signatures", signed: true,
		lasts: true, state: fleetdial.StateMissing,
		fault: func(f *faulty) { f.server.Kill(); f.server.RestartEmpty() },
		mend: func(f *faulty) {
			f.eventually(within, "the roster has a report of every subscriber", func() bool {
				roster, err := f.pub.Roster(context.Background())
				return err == nil && len(roster.Instances) == matrixSubscribers
			})
		},
		after: func(f *faulty) {
			assert.Zero(f.t, f.count(func(c fleetdial.Counters) int64 { return c.Rejections[fleetdial.RejectReplayed] }))
			assert.Zero(f.t, f.count(func(c fleetdial.Counters) int64 { return c.Regressions }))
		},
	},
	{
		name: "loading", how: "restart with `--key-load-delay`", state: fleetdial.StateStale, publishing: "LOADING",
		args: []string{"--enable-debug-command", "yes", "--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024"},
		fault: func(f *faulty) {
			f.do("DEBUG", "POPULATE", 4000)
			f.do("SAVE")
			f.server.Kill()
			f.server.Restart()
		},
		mend: func(f *faulty) {
			f.eventually(within, "the server has loaded its data", func() bool {
				info, err := f.admin.Info(context.Background(), "persistence").Result()
				return err == nil && strings.Contains(info, "\nloading:0")
			})
		},
	},
	{
		name: "a replica that lags takes over", how: "`REPLICAOF NO ONE`, writes to the old master, switch",
		behindLink: true, state: fleetdial.StateLive, args: []string{"--repl-diskless-sync-delay", "0"},
		fault: func(f *faulty) {
			f.other = testutil.StartRedis(f.t, "--replicaof", "127.0.0.1 "+port(f.server))
			old, replica := f.last, f.other.Client(f.t)
			f.eventually(within, "the replica has the revision of the master", func() bool {
				copied, err := replica.Get(f.t.Context(), fleetKey).Result()
				original, _ := f.admin.Get(f.t.Context(), fleetKey).Result()
				return err == nil && copied == original
			})
			f.other.Do(f.t, "REPLICAOF", "NO", "ONE")
			f.insist()
			f.insist()
			f.eventuallyHave(within)
			f.checker.mayGoBackTo(old)
			f.link.To(f.other.Addr())
			f.last = old
			f.eventuallyHave(within)
		},
		mend: func(f *faulty) {
			client := newClient(f.t, f.other.URL())
			f.t.Cleanup(func() { _ = client.Close() })
			var err error
			f.pub, err = fleetdial.NewPublisher(client, fleetdial.PublisherConfig{Fleet: fleetName})
			require.NoError(f.t, err)
			f.admin = f.other.Client(f.t)
		},
		after: func(f *faulty) {
			assert.EqualValues(f.t, matrixSubscribers, f.count(func(c fleetdial.Counters) int64 { return c.Regressions }))
		},
	},
}

// port returns the server's port.
func port(server *testutil.Redis) string {
	_, port, _ := strings.Cut(server.Addr(), ":")
	return port
}

// inTheBackground returns a fault that sends a command, and does not wait for its reply.
// The reply comes after the end of the fault.
func inTheBackground(args ...any) func(f *faulty) {
	return func(f *faulty) {
		client := f.server.Client(f.t)
		opts := *client.Options()
		opts.ReadTimeout = time.Minute
		go func() {
			conn := newClientWith(opts)
			defer conn.Close()
			_ = conn.Do(context.Background(), args...).Err()
		}()
	}
}

// answers waits until the server replies.
func answers(f *faulty) {
	client := f.server.Client(f.t)
	defer client.Close()
	f.eventually(within, "the server replies", func() bool { return client.Ping(context.Background()).Err() == nil })
}

// healed makes the link carry all data again, on new connections.
func healed(f *faulty) { f.link.Heal() }

// silentRows are the faults in which no reply arrives.
var silentRows = []row{
	{
		name: "hung", how: "SIGSTOP, SIGCONT", lasts: true, state: fleetdial.StateStale, publishing: "redis is unavailable",
		fault: func(f *faulty) { f.server.Stop() }, mend: func(f *faulty) { f.server.Continue() },
	},
	{
		name: "paused", how: "`CLIENT PAUSE 8000 ALL`", state: fleetdial.StateStale, publishing: "redis is unavailable",
		fault: func(f *faulty) { f.do("CLIENT", "PAUSE", 8000, "ALL") }, mend: answers,
	},
	{
		name: "asleep", how: "`DEBUG SLEEP 8`", state: fleetdial.StateStale, publishing: "redis is unavailable",
		args: []string{"--enable-debug-command", "yes"}, fault: inTheBackground("DEBUG", "SLEEP", "8"), mend: answers,
	},
	{
		name: "partition", how: "data in both directions is lost", behindLink: true,
		lasts: true, state: fleetdial.StateStale, publishing: "works",
		fault: func(f *faulty) { f.link.Swallow(testutil.ToServer); f.link.Swallow(testutil.ToClient) },
		mend:  healed,
	},
	{
		name: "half open, nothing arrives", how: "data from the server is lost", behindLink: true,
		lasts: true, state: fleetdial.StateStale, publishing: "works",
		fault: func(f *faulty) { f.link.Swallow(testutil.ToClient) },
		mend:  healed,
	},
	{
		name: "half open, nothing is sent", how: "data from the clients is lost", behindLink: true,
		lasts: true, state: fleetdial.StateStale, publishing: "works",
		fault: func(f *faulty) { f.link.Swallow(testutil.ToServer) },
		mend:  healed,
	},
}

// readOnlyRows are the faults in which the server rejects writes. The subscribers stay
// live.
func readOnlyRows() []row {
	config := func(name, value string) func(f *faulty) {
		return func(f *faulty) { f.do("CONFIG", "SET", name, value) }
	}
	return []row{
		{
			name: "memory full", how: "`CONFIG SET maxmemory 1mb`", state: fleetdial.StateLive, publishing: "OOM",
			fault: config("maxmemory", "1mb"), mend: config("maxmemory", "0"),
		},
		{
			name: "demoted", how: "`REPLICAOF 127.0.0.1 1`", state: fleetdial.StateLive, publishing: "READONLY",
			fault: func(f *faulty) { f.do("REPLICAOF", "127.0.0.1", "1") },
			mend:  func(f *faulty) { f.do("REPLICAOF", "NO", "ONE") },
		},
		{
			name: "too few replicas", how: "`CONFIG SET min-replicas-to-write 1`", state: fleetdial.StateLive,
			publishing: "NOREPLICAS",
			fault:      config("min-replicas-to-write", "1"), mend: config("min-replicas-to-write", "0"),
		},
		{
			name: "cannot save", how: "BGSAVE into a removed directory", state: fleetdial.StateLive, publishing: "MISCONF",
			args: []string{"--enable-protected-configs", "yes"},
			fault: func(f *faulty) {
				dir := filepath.Join(f.t.TempDir(), "gone")
				require.NoError(f.t, os.Mkdir(dir, 0o700))
				f.do("CONFIG", "SET", "dir", dir)
				require.NoError(f.t, os.Remove(dir))
				f.do("CONFIG", "SET", "save", "3600 1")
				f.do("BGSAVE")
				f.eventually(within, "the save has failed", func() bool {
					info, err := f.admin.Info(context.Background(), "persistence").Result()
					return err == nil && strings.Contains(info, "rdb_last_bgsave_status:err")
				})
			},
			mend: config("stop-writes-on-bgsave-error", "no"),
		},
	}
}

// user is the ACL user of the subscribers in deniedRows.
const user = "proxy"

// deniedRows are the faults in which Redis denies access.

var deniedRows = []row{
	{
		name: "denied: NOAUTH", how: "`CONFIG SET requirepass`, connections killed", lasts: true, state: fleetdial.StateStale,
		publishing: "NOAUTH",
		fault: func(f *faulty) {
			f.do("CONFIG", "SET", "requirepass", "pw")
			f.do("CLIENT", "KILL", "TYPE", "pubsub")
			f.do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
		},
		mend: func(f *faulty) { f.do("CONFIG", "SET", "requirepass", "") },
	},
	{
		name: "denied: WRONGPASS", how: "`ACL DELUSER`", user: user, lasts: true, state: fleetdial.StateStale, publishing: "works",
		fault: func(f *faulty) { f.do("ACL", "DELUSER", user) }, mend: func(f *faulty) { f.allow(user) },
	},
	{
		name: "denied: the channel", how: "`ACL SETUSER … resetchannels`", user: user, lasts: true, state: fleetdial.StateStale,
		publishing: "works",
		fault:      func(f *faulty) { f.do("ACL", "SETUSER", user, "resetchannels") }, mend: func(f *faulty) { f.allow(user) },
	},
	{
		name: "denied: the key", how: "`ACL SETUSER … resetkeys`, then a publish", user: user, lasts: true, state: fleetdial.StateStale,
		fault: func(f *faulty) {
			f.do("ACL", "SETUSER", user, "resetkeys")
			f.insist()
		},
		mend: func(f *faulty) { f.allow(user) },
	},
}

// disconnectRows are the faults in which Redis closes connections. In most of them the
// subscribers reconnect so soon that they stay live.
var disconnectRows = []row{
	{
		name: "subscriptions killed", how: "`CLIENT KILL TYPE pubsub`", state: fleetdial.StateLive, publishing: "works",
		fault: func(f *faulty) {
			f.do("CLIENT", "KILL", "TYPE", "pubsub")
			f.reconnected(1)
		},
	},
	{
		name: "too slow a reader", how: "`client-output-buffer-limit 'pubsub 32kb 0 0'`, a message of 1 MB",
		state: fleetdial.StateLive, publishing: "works",
		fault: func(f *faulty) {
			f.do("CONFIG", "SET", "client-output-buffer-limit", "pubsub 32kb 0 0")
			f.do("PUBLISH", fleetKey, strings.Repeat("x", 1<<20))
			f.reconnected(1)
		},
	},
	{
		name: "too many clients", how: "`CONFIG SET maxclients 1`, connections killed", lasts: true, state: fleetdial.StateStale,
		publishing: "redis is unavailable",
		fault: func(f *faulty) {
			f.do("CONFIG", "SET", "maxclients", 1)
			f.do("CLIENT", "KILL", "TYPE", "pubsub")
			f.do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
		},
		mend: func(f *faulty) { f.do("CONFIG", "SET", "maxclients", 10000) },
	},
}

// reconnected waits until the subscribers have begun so many new sessions each, and are
// live. On a busy machine they may begin more.
func (f *faulty) reconnected(times int64) {
	f.t.Helper()
	f.eventually(within, "every subscriber has reconnected and is live", func() bool {
		return f.count(func(c fleetdial.Counters) int64 { return c.Reconnects }) >= times*matrixSubscribers &&
			f.inState(fleetdial.StateLive)
	})
}

// message publishes a message on the fleet's channel, which makes the subscribers fetch
// the key.
func message(f *faulty) { f.do("PUBLISH", fleetKey, "fetch") }

// contentRows are the faults in which the content of the key is wrong.
var contentRows = []row{
	{
		name: "the key is gone", how: "FLUSHALL, a message", lasts: true, state: fleetdial.StateMissing,
		fault: func(f *faulty) { f.do("FLUSHALL"); message(f) },
	},
	{
		name: "junk", how: "SET, a message", state: fleetdial.StateRejected, publishing: "works",
		fault: func(f *faulty) { f.do("SET", fleetKey, "junk"); message(f) },
	},
	{
		name: "wrong type", how: "DEL, LPUSH, a message", lasts: true, state: fleetdial.StateRejected, publishing: "of another type",
		fault: func(f *faulty) { f.do("DEL", fleetKey); f.do("LPUSH", fleetKey, "x"); message(f) },
		mend:  func(f *faulty) { f.do("DEL", fleetKey) },
	},
	{
		name: "a huge value", how: "RENAME of 200 MB, a message", state: fleetdial.StateRejected, publishing: "works",
		prepare: func(t *testing.T, server *testutil.Redis) { server.Fill(t, "huge", 200<<20) },
		fault:   func(f *faulty) { f.do("RENAME", "huge", fleetKey); message(f) },
	},
	{
		name: "a lost announcement", how: "SET of a revision without PUBLISH", state: fleetdial.StateLive,
		fault: func(f *faulty) {}, converged: resyncWithin,
		publish: func(f *faulty) {
			// A publisher of another fleet writes a revision. COPY then copies it to our
			// key.
			client := newClient(f.t, f.server.URL())
			defer client.Close()
			elsewhere, err := fleetdial.NewPublisher(client, fleetdial.PublisherConfig{Fleet: "elsewhere"})
			require.NoError(f.t, err)
			set, n := f.checker.next(f.t, time.Now())
			f.do("SET", "fleetdial:{elsewhere}", "")
			for range 5 { // so that its version is higher than the version of our key
				_, err = elsewhere.Publish(f.t.Context(), set, fleetdial.PublishOptions{Reason: fmt.Sprintf("s%d", n)})
				require.NoError(f.t, err)
			}
			f.do("COPY", "fleetdial:{elsewhere}", fleetKey, "REPLACE")
			f.last = n
		},
		after: func(f *faulty) {
			f.eventually(within, "the correction is counted", func() bool {
				return f.count(func(c fleetdial.Counters) int64 { return c.Corrections }) == matrixSubscribers
			})
		},
	},
}
