package faulttest

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/testutil"
)

// The bounds with the default configuration.
const (
	noticedWithin   = 5 * time.Second
	convergedWithin = 3 * time.Second
	resyncWithin    = 31 * time.Second // the resync interval and the fetch
)

// row is one fault of the matrix.
type row struct {
	name string
	// how describes for the table how the test makes the fault.
	how string
	// args are the arguments of the server.
	args []string
	// behindLink connects the subscribers through a link.
	behindLink bool
	// user is the ACL user of the subscribers. It has all permissions. It is the default
	// user if empty.
	user string
	// signed reports whether the sets are signed and the signatures are verified.
	signed bool
	// prepare prepares the server before the subscribers start, because the preparation
	// takes long.
	prepare func(t *testing.T, server *testutil.Redis)

	// fault makes the fault.
	fault func(f *faulty)
	// lasts reports whether the fault lasts until mend, so that the test can hold it for
	// a while.
	lasts bool
	// state is the state of the subscribers during the fault. It is StateLive if the
	// fault does not concern them.
	state fleetdial.State
	// publishing is a part of the error of a publish during the fault. It is "works" if
	// the publish must succeed, and empty if the test does not publish during the fault.
	publishing string
	// mend ends the fault. It is nil if the fault ends by itself.
	mend func(f *faulty)
	// publish publishes the set that the fleet must have after the fault. The default is
	// insist.
	publish func(f *faulty)
	// converged bounds the time until the fleet has that set. The default is
	// convergedWithin.
	converged time.Duration
	// after makes the row's own checks at the end.
	after func(f *faulty)
}

// faulty is a fleet with the fault of a row.
type faulty struct {
	*fleet
	t      *testing.T
	server *testutil.Redis
	other  *testutil.Redis // the second server of a row that has two
	link   *testutil.Link
	// admin is a client of the server.
	admin *redis.Client
	// conn is a connection that was opened before the fault.
	conn *redis.Conn
}

// do sends a command on the connection that was opened before the fault.
func (f *faulty) do(args ...any) {
	f.t.Helper()
	require.NoError(f.t, f.conn.Do(context.Background(), args...).Err())
}

const matrixSubscribers = 3

// ownConnections bounds the connections of a row outside of its fleet: two of the test, and two
// of a publisher that the row has made.
const ownConnections = 4

// hold is how long the test holds a lasting fault after the subscribers have noticed it.
const hold = 3 * time.Second

// mostConnects bounds the attempts of a fleet to connect while a fault is held. Each
// session and each fetch of a subscriber has a backoff from 50 ms to 2 s.
const mostConnects = matrixSubscribers * 40

// newFaulty starts the server and the fleet of a row.
func newFaulty(t *testing.T, r row) *faulty {
	t.Helper()
	f := &faulty{t: t, server: testutil.StartRedis(t, r.args...)}
	if r.prepare != nil {
		r.prepare(t, f.server)
	}
	f.admin = f.server.Client(t)
	f.conn = f.admin.Conn()
	t.Cleanup(func() { _ = f.conn.Close() })
	addr, login := f.server.Addr(), ""
	if r.behindLink {
		f.link = testutil.StartLink(t, addr)
		addr = f.link.Addr()
	}
	if r.user != "" {
		f.allow(r.user)
		login = r.user + ":" + "pw@"
	}
	if r.signed {
		f.fleet = newSignedFleet(t, matrixSubscribers, "redis://"+login+addr, f.server.URL())
	} else {
		f.fleet = newFleet(t, matrixSubscribers, "redis://"+login+addr, f.server.URL(), nil)
	}
	return f
}

// allow creates a user with all permissions.
func (f *faulty) allow(user string) { f.do("ACL", "SETUSER", user, "on", ">pw", "~*", "&*", "+@all") }

func TestFaultMatrix(t *testing.T) {
	t.Parallel()
	table := newTable("fault", "made with", "state", "publish during the fault", "noticed after", "converged after")
	t.Run("rows", func(t *testing.T) {
		for _, r := range rows() {
			t.Run(r.name, func(t *testing.T) {
				t.Parallel()
				noticed, converged := r.run(t)
				publishing := r.publishing
				if publishing != "works" && publishing != "" {
					publishing = "fails: " + publishing
				}
				table.add(r.name, r.how, string(r.state), orDash(publishing), took(noticed), took(converged))
			})
		}
	})
	var order []string
	for _, r := range rows() {
		order = append(order, r.name)
	}
	table.show(t, "matrix", order)
}

// run makes the fault, publishes during the fault and ends the fault. It returns the time
// until the subscribers noticed the fault, and the time from its end until they
// converged.
func (r row) run(t *testing.T) (noticed, converged time.Duration) {
	f := newFaulty(t, r)
	f.insist()
	f.eventuallyHave(within)
	f.insist()
	f.eventuallyHave(within)
	goroutines := f.goroutines()

	began := time.Now()
	r.fault(f)
	if r.state != fleetdial.StateLive {
		f.eventually(within, "every subscriber is "+string(r.state), func() bool { return f.inState(r.state) })
		noticed = time.Since(began)
	}
	r.publishDuring(f)
	if noticed == 0 {
		noticed = time.Since(began)
	}
	assert.Less(t, noticed, noticedWithin, "time until the fault is noticed")
	if r.lasts {
		r.holds(f)
	} else if r.publishing != "works" {
		assert.True(t, f.inState(r.state), "every subscriber must be %s during the fault", r.state)
	}

	if r.mend != nil {
		r.mend(f)
	}
	mended := time.Now()
	if r.publish != nil {
		r.publish(f)
	} else {
		f.insist()
	}
	f.eventuallyHave(within + 10*time.Second)
	converged = time.Since(mended)
	bound := r.converged
	if bound == 0 {
		bound = convergedWithin
	}
	assert.Less(t, converged, bound, "time until the fleet converges")
	f.sameResources(goroutines)
	if r.after != nil {
		r.after(f)
	}
	f.calm()
	f.close()
	f.eventually(within, "all subscriptions end", func() bool { return pubsubs(t, f.admin) == 0 })
	f.checker.verdict(t)
	return noticed, converged
}

// sameResources checks that the fleet has no more subscriptions, connections and
// goroutines than before the fault.
func (f *faulty) sameResources(goroutines int) {
	f.t.Helper()
	f.eventually(within, "each subscriber has one subscription", func() bool { return pubsubs(f.t, f.admin) == matrixSubscribers })
	f.eventually(within, "no connection is in use", func() bool { return f.usedConnections() == 0 })
	f.eventually(within, "the extra connections are closed", func() bool {
		return normals(f.t, f.admin) <= f.pooledConnections()+ownConnections
	})
	f.eventually(within, "the extra goroutines end", func() bool { return f.goroutines() <= goroutines })
}

// holds holds the fault for a while. It checks that the subscribers stay in the state of
// the row, and that they do not connect too often.
func (r row) holds(f *faulty) {
	f.t.Helper()
	before := f.connects()
	refreshed := time.Now()
	for began := refreshed; time.Since(began) < hold; time.Sleep(5 * time.Millisecond) {
		if time.Since(refreshed) > 500*time.Millisecond {
			f.refresh() // which must change nothing and log nothing
			refreshed = time.Now()
		}
		if !f.inState(r.state) {
			f.t.Errorf("%v into the fault, a subscriber is not %s", time.Since(began), r.state)
			return
		}
	}
	if before >= 0 {
		assert.Less(f.t, f.connects()-before, mostConnects, "number of attempts to connect")
	}
}

// refresh makes every subscriber fetch the key.
func (f *faulty) refresh() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
	defer cancel()
	for _, sub := range f.subs {
		_ = sub.Refresh(ctx)
	}
}

// connects returns the number of connections that the server has accepted so far. It
// returns -1 if the server does not reply.
func (f *faulty) connects() int {
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	info, err := f.conn.Info(ctx, "stats").Result()
	if err != nil {
		return -1
	}
	for line := range strings.Lines(info) {
		if n, ok := strings.CutPrefix(strings.TrimSpace(line), "total_connections_received:"); ok {
			count, err := strconv.Atoi(n)
			require.NoError(f.t, err)
			return count
		}
	}
	return -1
}

// within is how long a test waits for a condition, where no shorter bound is checked.
const within = 30 * time.Second

// publishDuring publishes during the fault, and checks the result.
func (r row) publishDuring(f *faulty) {
	f.t.Helper()
	if r.publishing == "" {
		return
	}
	err := f.publish(2 * time.Second)
	if r.publishing == "works" {
		require.NoError(f.t, err)
		return
	}
	require.Error(f.t, err)
	assert.ErrorContains(f.t, err, r.publishing)
}

// orDash returns s, or a dash for an empty cell of the table.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
