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

// The bounds, for the default configuration.
const (
	noticedWithin   = 5 * time.Second
	convergedWithin = 3 * time.Second
	resyncWithin    = 31 * time.Second // a resync, and the look
)

// row is one fault of the matrix.
type row struct {
	name string
	// how is how it is made, for the table.
	how string
	// args are the server's; behindLink has the subscribers reach it through a link; user is whom they log in as, with
	// rights to everything.
	args       []string
	behindLink bool
	user       string
	// signed says that the sets are signed, and the signatures verified.
	signed bool
	// prepare gets the server ready before anyone follows it, for what takes long to make.
	prepare func(t *testing.T, server *testutil.Redis)

	fault func(f *faulty)
	// lasts says that the fault ends only when it is taken away, so that it can be held for a while.
	lasts bool
	// state is what the subscribers have to say while it lasts, StateLive if it is nothing to them.
	state fleetdial.State
	// publishing is what the error of a publish has to contain while it lasts; "works" if it has to work, "" if nothing is
	// published meanwhile.
	publishing string
	// mend takes the fault away, if it does not go away by itself.
	mend func(f *faulty)
	// publish publishes what the fleet is to have then; insist unless told.
	publish func(f *faulty)
	// converged bounds how long after that the fleet has what is published then; convergedWithin unless told.
	converged time.Duration
	// after looks at what else has to be.
	after func(f *faulty)
}

// faulty is a fleet with the fault of a row.
type faulty struct {
	*fleet
	t      *testing.T
	server *testutil.Redis
	other  *testutil.Redis // where a row has two
	link   *testutil.Link
	// admin is a connection that was there before the fault.
	admin *redis.Client
	conn  *redis.Conn
}

// do sends a command on the connection that was there before the fault.
func (f *faulty) do(args ...any) {
	f.t.Helper()
	require.NoError(f.t, f.conn.Do(context.Background(), args...).Err())
}

const matrixSubscribers = 3

// mostConnections is how many a fleet may hold beside its subscriptions: one that reads and one that reports for each
// subscriber, two of the publisher, whose pool may have replaced one, and the test's own two.
const mostConnections = 2*matrixSubscribers + 4

// hold is how long a fault that lasts is held after it was noticed.
const hold = 3 * time.Second

// mostConnects is how often a fleet may have connected, or tried to, while a fault was held: each subscriber's session and
// each look with a backoff that goes from 50 ms to 2 s.
const mostConnects = matrixSubscribers * 40

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

// allow gives a user the rights to everything.
func (f *faulty) allow(user string) { f.do("ACL", "SETUSER", user, "on", ">pw", "~*", "&*", "+@all") }

func TestFaultMatrix(t *testing.T) {
	t.Parallel()
	table := newTable("fault", "made with", "subscribers say", "a publish meanwhile", "noticed after", "converged after")
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

// run makes the fault, publishes during it, takes it away, and returns how long it took to be noticed and mended.
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
		f.eventually(within, "they say "+string(r.state), func() bool { return f.say(r.state) })
		noticed = time.Since(began)
	}
	r.publishMeanwhile(f)
	if noticed == 0 {
		noticed = time.Since(began)
	}
	assert.Less(t, noticed, noticedWithin, "noticed")
	if r.lasts {
		r.holds(f)
	} else if r.publishing != "works" {
		assert.True(t, f.say(r.state), "they say %s as long as it lasts", r.state)
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
	assert.Less(t, converged, bound, "converged")

	// What was opened anew is what there was.
	f.eventually(within, "one subscription for each", func() bool { return pubsubs(t, f.admin) == matrixSubscribers })
	f.eventually(within, "connections are given back", func() bool { return normals(t, f.admin) <= mostConnections })
	f.eventually(within, "no more goroutines than before", func() bool { return f.goroutines() <= goroutines })
	if r.after != nil {
		r.after(f)
	}
	f.calm()
	f.close()
	f.eventually(within, "all subscriptions end", func() bool { return pubsubs(t, f.admin) == 0 })
	f.checker.verdict(t)
	return noticed, converged
}

// holds sees that the subscribers say what is true as long as the fault lasts, and do not storm the server.
func (r row) holds(f *faulty) {
	f.t.Helper()
	before := f.connects()
	looked := time.Now()
	for began := looked; time.Since(began) < hold; time.Sleep(5 * time.Millisecond) {
		if time.Since(looked) > 500*time.Millisecond {
			f.lookAgain() // which finds what is there already, and has nothing to tell
			looked = time.Now()
		}
		if !f.say(r.state) {
			f.t.Errorf("after %v of the fault they do not say %s", time.Since(began), r.state)
			return
		}
	}
	if before >= 0 {
		assert.Less(f.t, f.connects()-before, mostConnects, "connections")
	}
}

// lookAgain has every subscriber look at the key.
func (f *faulty) lookAgain() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
	defer cancel()
	for _, sub := range f.subs {
		_ = sub.Refresh(ctx)
	}
}

// connects returns how many connections the server has taken, -1 if it does not tell.
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

// within is how long a test waits for what has a bound of its own, or none.
const within = 30 * time.Second

func (r row) publishMeanwhile(f *faulty) {
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
	assert.True(f.t, strings.Contains(err.Error(), r.publishing), "%v", err)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
