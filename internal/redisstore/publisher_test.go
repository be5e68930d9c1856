package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/wire"
	"github.com/fleetdial/fleetdial/testutil"
)

const (
	testKey     = "fleetdial:{default}"
	testHistory = testKey + ":history"
)

// historyVersions returns the versions in the history, newest first.
func historyVersions(t testing.TB, client *redis.Client) (versions []int64) {
	t.Helper()
	values, err := client.LRange(context.Background(), testHistory, 0, -1).Result()
	require.NoError(t, err)
	for _, v := range values {
		rev, err := wire.Decode([]byte(v))
		require.NoError(t, err)
		versions = append(versions, rev.Version)
	}
	return versions
}

func TestPublishWritesKeyHistoryAndAnnouncement(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	listener := client.Subscribe(t.Context(), testKey)
	defer listener.Close()
	_, err := listener.Receive(t.Context())
	require.NoError(t, err)
	p := newPublisher(t, client, PublisherConfig{PublishedBy: "ops@host", History: 3})

	var last wire.Revision
	for range 5 {
		last, err = p.Publish(t.Context(), setOf(t, "a"), PublishOptions{Reason: "because"})
		require.NoError(t, err)
		message, err := listener.ReceiveMessage(t.Context())
		require.NoError(t, err)
		assert.JSONEq(t, fmt.Sprintf(`{"version":%d,"id":%q}`, last.Version, last.ID), message.Payload)
	}
	assert.EqualValues(t, 5, last.Version)
	assert.Equal(t, []int64{5, 4, 3}, historyVersions(t, client))

	current, err := p.Current(t.Context())
	require.NoError(t, err)
	assert.Equal(t, last.ID, current.ID)
	assert.Equal(t, "ops@host", current.PublishedBy)
	assert.Equal(t, "because", current.Reason)
	assert.True(t, last.PublishedAt.Equal(current.PublishedAt))
	stored, err := client.Get(t.Context(), testKey).Bytes()
	require.NoError(t, err)
	newest, err := client.LIndex(t.Context(), testHistory, 0).Bytes()
	require.NoError(t, err)
	assert.Equal(t, stored, newest, "the history holds what the key held")

	dry, err := p.Publish(t.Context(), setOf(t), PublishOptions{DryRun: true})
	require.NoError(t, err)
	assert.EqualValues(t, 6, dry.Version)
	assert.Equal(t, []int64{5, 4, 3}, historyVersions(t, client), "a dry run writes nothing")
}

func TestP8ConcurrentPublishersLoseNothing(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	const publishers, each = 6, 15
	var wg sync.WaitGroup
	for i := range publishers {
		wg.Go(func() {
			p := newPublisher(t, client, PublisherConfig{History: MaxHistory})
			for j := range each {
				id := fmt.Sprintf("%d-%d", i, j)
				_, err := p.Update(t.Context(), func(current wire.Revision) (*directive.Set, error) {
					more := setOf(t, id).Directives()
					return directive.NewSet(append(current.Set.Directives(), more...))
				}, PublishOptions{})
				assert.NoError(t, err)
			}
		})
	}
	wg.Wait()
	current, err := newPublisher(t, client, PublisherConfig{}).Current(t.Context())
	require.NoError(t, err)
	assert.Equal(t, publishers*each, current.Set.Len(), "every update is in")
	assert.EqualValues(t, publishers*each, current.Version)
	versions := historyVersions(t, client)
	for i, v := range versions {
		assert.EqualValues(t, publishers*each-i, v, "each version once")
	}
}

func TestP8ConflictTellsWhatIsThere(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	p := newPublisher(t, client, PublisherConfig{PublishedBy: "alice"})
	ctx := t.Context()

	conflict := new(ConflictError)
	_, err := p.Publish(ctx, setOf(t, "a"), PublishOptions{IfVersion: 7})
	require.ErrorAs(t, err, &conflict)
	assert.EqualError(t, err, "conflict: expected version 7, but nothing is published")
	require.Zero(t, client.Exists(ctx, testKey).Val())

	_, err = p.Publish(ctx, setOf(t, "a"), PublishOptions{IfVersion: IfAbsent, Reason: "first"})
	require.NoError(t, err)
	before := client.Get(ctx, testKey).Val()
	for _, want := range []int64{IfAbsent, 2} {
		_, err = p.Publish(ctx, setOf(t, "b"), PublishOptions{IfVersion: want})
		require.ErrorAs(t, err, &conflict)
		assert.EqualValues(t, 1, conflict.Version)
		assert.Equal(t, "alice", conflict.PublishedBy)
		assert.Equal(t, "first", conflict.Reason)
	}
	assert.Equal(t, before, client.Get(ctx, testKey).Val())
	rev, err := p.Publish(ctx, setOf(t, "b"), PublishOptions{IfVersion: 1})
	require.NoError(t, err)
	assert.EqualValues(t, 2, rev.Version)
}

func TestP8ARaceLostToAConditionIsAConflict(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	p := newPublisher(t, client, PublisherConfig{})
	publish(t, p, "a")
	overtaken := false
	_, err := p.Update(t.Context(), func(wire.Revision) (*directive.Set, error) {
		if !overtaken {
			overtaken = true
			publish(t, p, "other")
		}
		return setOf(t, "mine"), nil
	}, PublishOptions{IfVersion: 1})
	conflict := new(ConflictError)
	require.ErrorAs(t, err, &conflict)
	assert.EqualValues(t, 2, conflict.Version)

	overtaken = false
	rev, err := p.Update(t.Context(), func(current wire.Revision) (*directive.Set, error) {
		if !overtaken {
			overtaken = true
			publish(t, p, "another")
		}
		assert.NotNil(t, current.Set)
		return setOf(t, "mine"), nil
	}, PublishOptions{})
	require.NoError(t, err, "without a condition, a lost race is run again")
	assert.EqualValues(t, 4, rev.Version)
}

// impatient is a client whose reads time out fast, and which repeats nothing by itself.
func impatient(t testing.TB, addr string) *redis.Client {
	t.Helper()
	client := redis.NewClient(&redis.Options{
		Addr: addr, Protocol: 2, ReadTimeout: 200 * time.Millisecond, WriteTimeout: 200 * time.Millisecond,
		ContextTimeoutEnabled: true, MaxRetries: -1,
	})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func TestP8ALostReplyIsSettledByTheID(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	link := testutil.StartLink(t, server.Addr())
	direct := server.Client(t)
	p := newPublisher(t, impatient(t, link.Addr()), PublisherConfig{})

	calls := 0
	var healed sync.WaitGroup
	rev, err := p.Update(t.Context(), func(wire.Revision) (*directive.Set, error) {
		calls++
		link.Swallow(testutil.ToClient) // EXEC arrives, and its reply does not
		healed.Go(func() {
			testutil.Eventually(t, within, "the write arrives", func() bool {
				return direct.Exists(context.Background(), testKey).Val() == 1
			})
			link.Heal()
		})
		return setOf(t, "a"), nil
	}, PublishOptions{})
	healed.Wait()
	require.NoError(t, err)
	assert.Equal(t, 1, calls)
	assert.EqualValues(t, 1, rev.Version)
	assert.Equal(t, []int64{1}, historyVersions(t, direct), "published once")
}

func TestP8ALostReplyIsNotSettledByAHistoryThatForgot(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	link := testutil.StartLink(t, server.Addr())
	direct := server.Client(t)
	p := newPublisher(t, impatient(t, link.Addr()), PublisherConfig{History: 3})
	rival := newPublisher(t, direct, PublisherConfig{History: 3})
	calls := 0
	var healed sync.WaitGroup
	_, err := p.Update(t.Context(), func(wire.Revision) (*directive.Set, error) {
		if calls++; calls > 1 {
			return setOf(t, "again"), nil
		}
		link.Swallow(testutil.ToClient)
		healed.Go(func() {
			testutil.Eventually(t, within, "the write arrives", func() bool {
				return direct.Exists(context.Background(), testKey).Val() == 1
			})
			for range 3 {
				publish(t, rival, "rival")
			}
			link.Heal()
		})
		return setOf(t, "a"), nil
	}, PublishOptions{})
	healed.Wait()
	require.ErrorIs(t, err, ErrOutcomeUnknown)
	assert.Equal(t, []int64{4, 3, 2}, historyVersions(t, direct), "nothing is published over what came later")
}

func TestP8ALostRequestIsPublishedOnce(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	link := testutil.StartLink(t, server.Addr())
	direct := server.Client(t)
	p := newPublisher(t, impatient(t, link.Addr()), PublisherConfig{})
	calls := 0
	rev, err := p.Update(t.Context(), func(wire.Revision) (*directive.Set, error) {
		if calls++; calls == 1 {
			link.Swallow(testutil.ToServer) // EXEC never arrives; nothing can be published before this is over
			time.AfterFunc(500*time.Millisecond, func() { link.Heal() })
		}
		return setOf(t, "a"), nil
	}, PublishOptions{})
	require.NoError(t, err)
	assert.Equal(t, 2, calls)
	assert.EqualValues(t, 1, rev.Version)
	assert.Equal(t, []int64{1}, historyVersions(t, direct), "published once")
}

func TestP8ALateExecIsNotPublishedTwice(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	direct := server.Client(t)
	p := newPublisher(t, impatient(t, server.Addr()), PublisherConfig{})
	calls := 0
	rev, err := p.Update(t.Context(), func(wire.Revision) (*directive.Set, error) {
		if calls++; calls == 1 {
			server.Stop() // EXEC waits in the socket of a server that hangs
			// Long enough for the attempt to time out, and for others to queue up behind it.
			time.AfterFunc(700*time.Millisecond, server.Continue)
		}
		return setOf(t, "a"), nil
	}, PublishOptions{})
	require.NoError(t, err)
	assert.EqualValues(t, 1, rev.Version)
	assert.Equal(t, []int64{1}, historyVersions(t, direct), "published once")
	current, err := p.Current(t.Context())
	require.NoError(t, err)
	assert.Equal(t, rev.ID, current.ID)
}

func TestP8AnOutcomeThatStaysOpenIsSaid(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	p := newPublisher(t, impatient(t, server.Addr()), PublisherConfig{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := p.Update(ctx, func(wire.Revision) (*directive.Set, error) {
		server.Kill()
		return setOf(t, "a"), nil
	}, PublishOptions{})
	require.ErrorIs(t, err, ErrOutcomeUnknown)
}

func TestRefusalsOfRedisComeOutAsThemselves(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do          [][]any
		want        string
		unavailable bool
	}{
		"OOM":        {[][]any{{"CONFIG", "SET", "maxmemory", "1mb"}}, "OOM command not allowed", false},
		"READONLY":   {[][]any{{"REPLICAOF", "127.0.0.1", "1"}}, "READONLY You can't write", false},
		"NOREPLICAS": {[][]any{{"CONFIG", "SET", "min-replicas-to-write", "1"}}, "NOREPLICAS Not enough", false},
		"NOPERM": {
			[][]any{{"ACL", "SETUSER", "default", "resetchannels"}}, "NOPERM this user has no permissions", true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testutil.StartRedis(t)
			client := server.Client(t)
			for _, cmd := range c.do {
				server.Do(t, cmd...)
			}
			_, err := newPublisher(t, client, PublisherConfig{}).Publish(t.Context(), setOf(t, "a"), PublishOptions{})
			require.ErrorContains(t, err, c.want)
			assert.ErrorContains(t, err, "nothing was written")
			assert.Equal(t, c.unavailable, errors.Is(err, ErrUnavailable))
			assert.Zero(t, client.Exists(t.Context(), testKey).Val())
		})
	}
}

func TestPublishOverWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	p := newPublisher(t, client, PublisherConfig{})
	ctx := t.Context()

	client.LPush(ctx, testKey, "x")
	_, err := p.Publish(ctx, setOf(t, "a"), PublishOptions{})
	assert.ErrorContains(t, err, "is of another type")
	_, err = p.Current(ctx)
	assert.ErrorContains(t, err, "is of another type")
	client.Del(ctx, testKey)

	client.Set(ctx, testHistory, "x", 0)
	_, err = p.Publish(ctx, setOf(t, "a"), PublishOptions{})
	assert.ErrorContains(t, err, testHistory)
	assert.Zero(t, client.Exists(ctx, testKey).Val())
	client.Del(ctx, testHistory)

	_, err = p.Current(ctx)
	assert.ErrorIs(t, err, ErrNoRevision)
	publish(t, p, "a")
	publish(t, p, "b")
	client.Set(ctx, testKey, "junk", 0)
	_, err = p.Update(ctx, func(wire.Revision) (*directive.Set, error) { panic("not called") }, PublishOptions{})
	assert.ErrorContains(t, err, "holds no valid set")
	rev, err := p.Publish(ctx, setOf(t, "c"), PublishOptions{})
	require.NoError(t, err)
	assert.EqualValues(t, 3, rev.Version, "the history tells where the versions stood")
	client.Del(ctx, testKey)
	rev, err = p.Publish(ctx, nil, PublishOptions{})
	require.NoError(t, err)
	assert.EqualValues(t, 4, rev.Version)
}

func TestP4PublishersCountFromTheClockOfRedis(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	p := newPublisher(t, client, PublisherConfig{})
	before := client.Time(t.Context()).Val()
	now, err := p.Now(t.Context())
	require.NoError(t, err)
	rev, err := p.Publish(t.Context(), nil, PublishOptions{})
	require.NoError(t, err)
	after := client.Time(t.Context()).Val()
	assert.False(t, now.Before(before) || now.After(after))
	assert.False(t, rev.PublishedAt.Before(before.Truncate(time.Millisecond)) || rev.PublishedAt.After(after))
}

func TestNewPublisherRefusesWrongConfigurations(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	defer client.Close()
	ring := redis.NewRing(&redis.RingOptions{})
	defer ring.Close()
	var none *redis.Client
	for name, c := range map[string]struct {
		client redis.UniversalClient
		cfg    PublisherConfig
	}{
		"no client":      {nil, PublisherConfig{}},
		"nil client":     {none, PublisherConfig{}},
		"ring":           {ring, PublisherConfig{}},
		"fleet":          {client, PublisherConfig{Fleet: "a}b"}},
		"long fleet":     {client, PublisherConfig{Fleet: strings.Repeat("x", 65)}},
		"long publisher": {client, PublisherConfig{PublishedBy: strings.Repeat("x", 257)}},
		"history":        {client, PublisherConfig{History: -1}},
	} {
		_, err := NewPublisher(c.client, c.cfg)
		assert.Error(t, err, name)
	}
	_, err := newPublisher(t, client, PublisherConfig{}).Publish(
		t.Context(), nil, PublishOptions{Reason: strings.Repeat("x", 1025)})
	invalid := new(directive.ValidationError)
	assert.ErrorAs(t, err, &invalid)
	_, err = newPublisher(t, client, PublisherConfig{}).Publish(t.Context(), nil, PublishOptions{})
	assert.ErrorIs(t, err, ErrUnavailable)
}
