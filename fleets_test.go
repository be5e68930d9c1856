package fleetdial

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/redisstore"
	"github.com/fleetdial/fleetdial/testutil"
)

// clientFor returns a client for a URL of any topology.
func clientFor(t testing.TB, url string) redis.UniversalClient {
	t.Helper()
	opts, err := ParseURL(url)
	require.NoError(t, err)
	client := redis.NewUniversalClient(opts)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func TestFleets_Topologies(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]func(testing.TB) string{
		"server":   func(t testing.TB) string { return testutil.StartRedis(t).URL() },
		"Sentinel": func(t testing.TB) string { return testutil.StartSentinels(t).URL() },
		"Cluster":  func(t testing.TB) string { return testutil.StartCluster(t).URL() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := clientFor(t, url(t))
			fleets, err := Fleets(t.Context(), client)
			require.NoError(t, err)
			require.Empty(t, fleets)
			var want []string
			for i := range 20 {
				p := newTestPublisher(t, client, PublisherConfig{Fleet: fmt.Sprintf("f%02d", i)})
				exists, err := p.Exists(t.Context())
				require.NoError(t, err)
				require.False(t, exists)
				publish(t, p, "a")
				exists, err = p.Exists(t.Context())
				require.NoError(t, err)
				require.True(t, exists)
				want = append(want, fmt.Sprintf("f%02d", i))
			}
			fleets, err = Fleets(t.Context(), client)
			require.NoError(t, err)
			assert.Equal(t, want, fleets)
			all, err := SummarizeFleets(t.Context(), client, fleets)
			require.NoError(t, err)
			require.Len(t, all, len(want))
			for i, f := range all {
				assert.NoError(t, f.Err)
				assert.Equal(t, want[i], f.Name)
				assert.EqualValues(t, 1, f.Revision.Version)
				assert.Equal(t, 1, f.Revision.Set.Len())
				assert.Zero(t, f.Instances)
				assert.WithinDuration(t, time.Now(), f.Now, time.Minute)
			}
			p := newTestPublisher(t, client, PublisherConfig{Fleet: "f07"})
			require.NoError(t, p.Forget(t.Context(), all[7].Revision))
			fleets, err = Fleets(t.Context(), client)
			require.NoError(t, err)
			assert.Equal(t, append(want[:7:7], want[8:]...), fleets)
		})
	}
}

func TestFleets_KeyHistoryOrRoster(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	server.Do(t, "SET", "fleetdial:{key}", "")
	server.Do(t, "LPUSH", "fleetdial:{history}:history", "x")
	server.Do(t, "ZADD", "fleetdial:{roster}:fleet", 1, "web")
	for _, other := range []string{
		"fleetdial:{report}:instance:web", "fleetdial:{report}:instance:y", "fleetdial:{report}:instance:{t}",
		"fleetdial:{a b}", "fleetdial:{}", "fleetdial:{x", "fleetdial:{" + strings.Repeat("x", 65) + "}", "fleetdial:{x}:", "other:{x}",
	} {
		server.Do(t, "SET", other, "x")
	}
	fleets, err := Fleets(t.Context(), client)
	require.NoError(t, err)
	assert.Equal(t, []string{"history", "key", "roster"}, fleets)
	for _, name := range fleets {
		exists, err := newTestPublisher(t, client, PublisherConfig{Fleet: name}).Exists(t.Context())
		assert.NoError(t, err)
		assert.True(t, exists, name)
	}
	exists, err := newTestPublisher(t, client, PublisherConfig{Fleet: "report"}).Exists(t.Context())
	assert.NoError(t, err)
	assert.False(t, exists)
}

func TestFleets_ScansAllKeys(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t, "--enable-debug-command", "yes")
	server.Do(t, "DEBUG", "POPULATE", 50_000)
	publish(t, newTestPublisher(t, server.Client(t), PublisherConfig{Fleet: "prod"}), "a")
	fleets, err := Fleets(t.Context(), server.Client(t))
	require.NoError(t, err)
	assert.Equal(t, []string{"prod"}, fleets)
}

func TestFleets_Errors(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t, "--rename-command", "SCAN", "")
	_, err := Fleets(t.Context(), server.Client(t))
	require.ErrorContains(t, err, "scan for fleets")
	acl, err := NewACL("prod")
	require.NoError(t, err)
	proxy := as(t, testutil.StartRedis(t), "proxy", acl.Proxy)
	_, err = Fleets(t.Context(), proxy)
	require.ErrorIs(t, err, ErrUnavailable)
	_, err = Fleets(t.Context(), nil)
	require.ErrorContains(t, err, "the client is nil")
	ring := redis.NewRing(&redis.RingOptions{})
	defer ring.Close()
	_, err = Fleets(t.Context(), ring)
	require.ErrorContains(t, err, "Ring")
	server.Kill()
	_, err = SummarizeFleets(t.Context(), server.Client(t), []string{"prod"})
	require.ErrorIs(t, err, ErrUnavailable)
}

func TestSummarizeFleets_ReasonsAndInstances(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	cfg := testConfig()
	cfg.Fleet, cfg.Instance = "prod", "web"
	p := newTestPublisher(t, client, PublisherConfig{Fleet: "prod"})
	publish(t, p, "a", "b")
	subscribe(t, client, cfg)
	rosterOf(t, p, 1)
	server.Do(t, "ZADD", "fleetdial:{prod}:fleet", time.Now().Add(-time.Minute).UnixMilli(), "gone")
	server.Do(t, "ZADD", "fleetdial:{prod}:fleet", time.Now().Add(time.Hour).UnixMilli(), "forged")
	server.Do(t, "SET", "fleetdial:{junk}", "junk")
	server.Do(t, "SET", "fleetdial:{empty}", "")
	server.Do(t, "LPUSH", "fleetdial:{list}", "x")
	publish(t, newTestPublisher(t, client, PublisherConfig{Fleet: "torn"}), "a")
	server.Do(t, "APPEND", "fleetdial:{torn}", "x")
	all, err := SummarizeFleets(t.Context(), client, []string{"prod", "junk", "empty", "list", "torn", "none"})
	require.NoError(t, err)
	prod, junk, empty, list, torn, none := all[0], all[1], all[2], all[3], all[4], all[5]
	assert.NoError(t, prod.Err)
	assert.Equal(t, 2, prod.Revision.Set.Len())
	assert.Equal(t, 1, prod.Instances, "an instance that is GONE does not count, nor does a time ahead of the clock")
	assert.ErrorContains(t, junk.Err, "not a fleetdial value")
	assert.NoError(t, empty.Err)
	assert.Zero(t, empty.Revision.Version)
	assert.ErrorContains(t, list.Err, `the key "fleetdial:{list}" is of another type`)
	assert.Error(t, torn.Err)
	assert.EqualValues(t, 1, torn.Revision.Version)
	assert.ErrorIs(t, none.Err, ErrNoRevision)
	_, err = SummarizeFleets(t.Context(), client, []string{"a b"})
	require.ErrorContains(t, err, "Fleet: must be")
	require.NotErrorIs(t, err, ErrUnavailable)

	acl, err := NewACL("prod")
	require.NoError(t, err)
	all, err = SummarizeFleets(t.Context(), as(t, server, "publisher", acl.Publisher), []string{"junk", "prod"})
	require.NoError(t, err)
	assert.ErrorContains(t, all[0].Err, "NOPERM")
	assert.NoError(t, all[1].Err)
	assert.Equal(t, 1, all[1].Instances)
}

func TestForget_LiveInstance(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	p := newTestPublisher(t, server.Client(t), PublisherConfig{Fleet: "prod"})
	rev, err := p.Publish(t.Context(), setOf(t, "a"), PublishOptions{})
	require.NoError(t, err)
	cfg := testConfig()
	cfg.Fleet, cfg.Instance = "prod", "web"
	sub := subscribe(t, server.Client(t), cfg)
	rosterOf(t, p, 1)
	err = p.Forget(t.Context(), rev)
	require.ErrorIs(t, err, ErrInstancesLive)
	require.ErrorContains(t, err, "live instances: web")
	current, err := p.Current(t.Context())
	require.NoError(t, err)
	assert.Equal(t, rev.ID, current.ID)
	require.NoError(t, sub.Close())
	require.NoError(t, p.Forget(t.Context(), rev))
	assert.Empty(t, server.Client(t).Keys(t.Context(), "*").Val())
	require.NoError(t, p.Forget(t.Context(), Revision{}), "a fleet that does not exist is forgotten already")
}

// TestForget_ReportsOfGoneInstances has an instance that vanished an hour ago at most.
func TestForget_ReportsOfGoneInstances(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	p := newTestPublisher(t, client, PublisherConfig{Fleet: "prod"})
	rev, err := p.Publish(t.Context(), setOf(t, "a"), PublishOptions{})
	require.NoError(t, err)
	server.Do(t, "SET", "fleetdial:{prod}:instance:gone", "x")
	server.Do(t, "ZADD", "fleetdial:{prod}:fleet", time.Now().Add(-time.Minute).UnixMilli(), "gone")
	require.NoError(t, p.Forget(t.Context(), rev))
	assert.Empty(t, client.Keys(t.Context(), "*").Val())
}

// TestForget_ReportAfterRoster has an instance that was GONE report between the reading of the
// roster and the transaction.
func TestForget_ReportAfterRoster(t *testing.T) {
	t.Parallel()
	p := newTestPublisher(t, testutil.StartRedis(t).Client(t), PublisherConfig{})
	now := time.UnixMilli(1_790_000_000_000)
	seen := now.Add(-time.Minute)
	roster := &Roster{Now: now, Instances: []Instance{{Name: "web", State: InstanceGone, LastSeen: seen}}}
	check := func(at time.Time) error {
		return p.checkRemains(redisstore.Remains{Members: []redisstore.Member{{Name: "web", LastSeen: at}}}, roster, Revision{}, false)
	}
	require.NoError(t, check(seen))
	require.ErrorIs(t, check(seen.Add(time.Millisecond)), ErrInstancesLive)
	require.NoError(t, check(now.Add(time.Hour)), "a time ahead of the clock is forged")
}

func TestForget_AnotherRevision(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	p := newTestPublisher(t, server.Client(t), PublisherConfig{Fleet: "prod", PublishedBy: "ann"})
	rev, err := p.Publish(t.Context(), setOf(t, "a"), PublishOptions{})
	require.NoError(t, err)
	next, err := p.Publish(t.Context(), setOf(t, "b"), PublishOptions{Reason: "next"})
	require.NoError(t, err)
	for _, seen := range []Revision{rev, {}} {
		err := p.Forget(t.Context(), seen)
		conflict, ok := err.(*ConflictError) //nolint:errorlint // the documented type
		require.True(t, ok, "%v", err)
		assert.Equal(t, next.ID, conflict.ID)
		assert.Equal(t, "ann", conflict.PublishedBy)
	}
	server.Do(t, "APPEND", "fleetdial:{prod}", "junk")
	err = p.Forget(t.Context(), rev)
	conflict, ok := err.(*ConflictError) //nolint:errorlint // the documented type
	require.True(t, ok, "%v", err)
	assert.Equal(t, next.ID, conflict.ID)
	assert.NotNil(t, conflict.Set, "the set of an unreadable value")
	server.Do(t, "SET", "fleetdial:{prod}", "junk")
	require.NoError(t, p.Forget(t.Context(), Revision{}))
	assert.Empty(t, server.Client(t).Keys(t.Context(), "*").Val())
}

// racing calls act once, before the first EXEC of a client.
type racing struct{ act func() }

func (r *racing) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (r *racing) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }
func (r *racing) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if cmds[0].Name() == "multi" && r.act != nil {
			act := r.act
			r.act = nil
			act()
		}
		return next(ctx, cmds)
	}
}

func TestForget_WriteInBetween(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]struct {
		act   func(testing.TB, *testutil.Redis)
		check func(testing.TB, error)
	}{
		"a publish": {
			func(t testing.TB, server *testutil.Redis) {
				publish(t, newTestPublisher(t, server.Client(t), PublisherConfig{Fleet: "prod"}), "b")
			},
			func(t testing.TB, err error) {
				_, conflict := err.(*ConflictError) //nolint:errorlint // the documented type
				assert.True(t, conflict, "%v", err)
			},
		},
		"a report": {
			func(t testing.TB, server *testutil.Redis) {
				server.Do(t, "SET", "fleetdial:{prod}:instance:web", "x")
				server.Do(t, "ZADD", "fleetdial:{prod}:fleet", time.Now().UnixMilli(), "web")
			},
			func(t testing.TB, err error) { assert.ErrorIs(t, err, ErrInstancesLive) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testutil.StartRedis(t)
			client := server.Client(t)
			p := newTestPublisher(t, client, PublisherConfig{Fleet: "prod"})
			rev, err := p.Publish(t.Context(), setOf(t, "a"), PublishOptions{})
			require.NoError(t, err)
			hook := &racing{act: func() { write.act(t, server) }}
			client.AddHook(hook)
			write.check(t, p.Forget(t.Context(), rev))
			assert.Nil(t, hook.act, "the write came in between")
			assert.EqualValues(t, 1, server.Client(t).Exists(t.Context(), "fleetdial:{prod}").Val())
		})
	}
}

func TestForget_LostReply(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	p := newTestPublisher(t, client, PublisherConfig{Fleet: "prod"})
	rev, err := p.Publish(t.Context(), setOf(t, "a"), PublishOptions{})
	require.NoError(t, err)
	client.AddHook(&losing{})
	require.NoError(t, p.Forget(t.Context(), rev), "the keys are gone, so an earlier attempt has removed them")
	assert.Empty(t, server.Client(t).Keys(t.Context(), "*").Val())
}

// TestForget_LostReplyThenWrite loses the reply to an EXEC that removed the fleet. Whoever writes
// then makes the fleet exist again, so that no answer is certain.
func TestForget_LostReplyThenWrite(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(testing.TB, *testutil.Redis){
		"a publish": func(t testing.TB, server *testutil.Redis) {
			publish(t, newTestPublisher(t, server.Client(t), PublisherConfig{Fleet: "prod"}), "b")
		},
		"a report": func(t testing.TB, server *testutil.Redis) {
			server.Do(t, "SET", "fleetdial:{prod}:instance:web", "x")
			server.Do(t, "ZADD", "fleetdial:{prod}:fleet", time.Now().UnixMilli(), "web")
		},
		"another type": func(t testing.TB, server *testutil.Redis) { server.Do(t, "LPUSH", "fleetdial:{prod}", "x") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testutil.StartRedis(t)
			client := server.Client(t)
			p := newTestPublisher(t, client, PublisherConfig{Fleet: "prod"})
			rev, err := p.Publish(t.Context(), setOf(t, "a"), PublishOptions{})
			require.NoError(t, err)
			client.AddHook(&losing{then: func() { write(t, server) }})
			err = p.Forget(t.Context(), rev)
			require.ErrorIs(t, err, ErrOutcomeUnknown)
			assert.NotContains(t, err.Error(), "nothing was removed")
			_, isConflict := errors.AsType[*ConflictError](err)
			assert.False(t, isConflict, "a conflict says that nothing was removed")
			assert.NotErrorIs(t, err, ErrInstancesLive)
		})
	}
}

// losing loses the reply to the first EXEC of a client, and calls then.
type losing struct {
	racing
	lost bool
	then func()
}

func (l *losing) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		if cmds[0].Name() == "multi" && !l.lost {
			l.lost = true
			if l.then != nil {
				l.then()
			}
			return context.DeadlineExceeded
		}
		return err
	}
}

func TestForget_ACL(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	acl, err := NewACL("prod")
	require.NoError(t, err)
	p := newTestPublisher(t, as(t, server, "publisher", acl.Publisher), PublisherConfig{Fleet: "prod"})
	server.Do(t, "ACL", "LOG", "RESET")
	server.Do(t, "ZADD", "fleetdial:{prod}:fleet", time.Now().Add(-time.Minute).UnixMilli(), "gone")
	rev, err := p.Publish(t.Context(), setOf(t, "a"), PublishOptions{})
	require.NoError(t, err)
	require.NoError(t, p.Forget(t.Context(), rev))
	assert.Empty(t, denials(t, server))
	assert.Empty(t, server.Client(t).Keys(t.Context(), "*").Val())
	without := acl.Publisher[:len(acl.Publisher)-1]
	old := newTestPublisher(t, as(t, server, "old", without), PublisherConfig{Fleet: "prod"})
	rev, err = old.Publish(t.Context(), setOf(t, "a"), PublishOptions{})
	require.NoError(t, err)
	require.ErrorContains(t, old.Forget(t.Context(), rev), "nothing was removed")
	_, err = old.Current(t.Context())
	require.NoError(t, err)
}
