package fleetdial

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/wire"
	"github.com/fleetdial/fleetdial/testutil"
)

const testHistory = testKey + ":history"

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

func TestPublish_WritesKeyHistoryAndAnnouncement(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	listener := client.Subscribe(t.Context(), testKey)
	defer listener.Close()
	_, err := listener.Receive(t.Context())
	require.NoError(t, err)
	p := newTestPublisher(t, client, PublisherConfig{PublishedBy: "ops@host", History: 3})

	var last Revision
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
	assert.Equal(t, stored, newest, "the newest entry of the history is the value of the key")

	dry, err := p.Publish(t.Context(), setOf(t), PublishOptions{DryRun: true})
	require.NoError(t, err)
	assert.EqualValues(t, 6, dry.Version)
	assert.Equal(t, []int64{5, 4, 3}, historyVersions(t, client), "a dry run writes nothing")
}

func TestUpdate_ConcurrentPublishersLoseNothing(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	const publishers, each = 6, 15
	var wg sync.WaitGroup
	for i := range publishers {
		wg.Go(func() {
			p := newTestPublisher(t, client, PublisherConfig{History: MaxHistory})
			for j := range each {
				id := fmt.Sprintf("%d-%d", i, j)
				_, err := p.Update(t.Context(), func(current Revision) (*Set, error) {
					more := setOf(t, id).Directives()
					return NewSet(append(current.Set.Directives(), more...))
				}, PublishOptions{})
				assert.NoError(t, err)
			}
		})
	}
	wg.Wait()
	current, err := newTestPublisher(t, client, PublisherConfig{}).Current(t.Context())
	require.NoError(t, err)
	assert.Equal(t, publishers*each, current.Set.Len(), "the set holds every update")
	assert.EqualValues(t, publishers*each, current.Version)
	versions := historyVersions(t, client)
	for i, v := range versions {
		assert.EqualValues(t, publishers*each-i, v, "each version is in the history once")
	}
}

func TestPublish_ConflictNamesCurrentRevision(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	p := newTestPublisher(t, client, PublisherConfig{PublishedBy: "alice"})
	ctx := t.Context()

	conflict := new(ConflictError)
	_, err := p.Publish(ctx, setOf(t, "a"), PublishOptions{IfVersion: 7})
	require.ErrorAs(t, err, &conflict)
	assert.EqualError(t, err, "conflict: expected version 7, but there is no current revision")
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

func TestUpdate_LostRace(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	p := newTestPublisher(t, client, PublisherConfig{})
	publish(t, p, "a")
	overtaken := false
	_, err := p.Update(t.Context(), func(Revision) (*Set, error) {
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
	rev, err := p.Update(t.Context(), func(current Revision) (*Set, error) {
		if !overtaken {
			overtaken = true
			publish(t, p, "another")
		}
		assert.NotNil(t, current.Set)
		return setOf(t, "mine"), nil
	}, PublishOptions{})
	require.NoError(t, err, "without a condition, Update repeats a lost race")
	assert.EqualValues(t, 4, rev.Version)
}

func TestPublish_ErrorReplies(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do   [][]any
		want string
	}{
		"OOM":        {[][]any{{"CONFIG", "SET", "maxmemory", "1mb"}}, "OOM command not allowed"},
		"READONLY":   {[][]any{{"REPLICAOF", "127.0.0.1", "1"}}, "READONLY You can't write"},
		"NOREPLICAS": {[][]any{{"CONFIG", "SET", "min-replicas-to-write", "1"}}, "NOREPLICAS Not enough"},
		"NOPERM": {
			[][]any{{"ACL", "SETUSER", "default", "resetchannels"}}, "NOPERM this user has no permissions",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testutil.StartRedis(t)
			client := server.Client(t)
			for _, cmd := range c.do {
				server.Do(t, cmd...)
			}
			_, err := newTestPublisher(t, client, PublisherConfig{}).Publish(t.Context(), setOf(t, "a"), PublishOptions{})
			require.ErrorContains(t, err, c.want)
			assert.ErrorContains(t, err, "nothing was written")
			require.ErrorIs(t, err, ErrUnavailable)
			assert.Zero(t, client.Exists(t.Context(), testKey).Val())
		})
	}
}

func TestPublish_ForeignValues(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	p := newTestPublisher(t, client, PublisherConfig{})
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
	_, err = p.Update(ctx, func(Revision) (*Set, error) { panic("not called") }, PublishOptions{})
	assert.ErrorContains(t, err, "holds no valid set")
	rev, err := p.Publish(ctx, setOf(t, "c"), PublishOptions{})
	require.NoError(t, err)
	assert.EqualValues(t, 3, rev.Version, "the history tells the last version")
	client.Del(ctx, testKey)
	rev, err = p.Publish(ctx, nil, PublishOptions{})
	require.NoError(t, err)
	assert.EqualValues(t, 4, rev.Version)
}

func TestPublish_UsesClockOfRedis(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	p := newTestPublisher(t, client, PublisherConfig{})
	before := client.Time(t.Context()).Val()
	now, err := p.Now(t.Context())
	require.NoError(t, err)
	rev, err := p.Publish(t.Context(), nil, PublishOptions{})
	require.NoError(t, err)
	after := client.Time(t.Context()).Val()
	assert.False(t, now.Before(before) || now.After(after))
	assert.False(t, rev.PublishedAt.Before(before.Truncate(time.Millisecond)) || rev.PublishedAt.After(after))
}

func TestNewPublisher_WrongConfiguration(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	defer client.Close()
	ring := redis.NewRing(&redis.RingOptions{})
	defer ring.Close()
	var none *redis.Client
	for name, c := range map[string]struct {
		client redis.UniversalClient
		cfg    PublisherConfig
		want   string
	}{
		"no client":      {nil, PublisherConfig{}, "the client is nil"},
		"nil client":     {none, PublisherConfig{}, "the client is nil"},
		"ring":           {ring, PublisherConfig{}, "Ring"},
		"fleet":          {client, PublisherConfig{Fleet: "a}b"}, "Fleet: must be 1 to 64 "},
		"long fleet":     {client, PublisherConfig{Fleet: strings.Repeat("x", 65)}, "Fleet: must be 1 to 64 "},
		"long publisher": {client, PublisherConfig{PublishedBy: strings.Repeat("x", 257)}, "PublishedBy: "},
		"history":        {client, PublisherConfig{History: -1}, "History: must be 1 to 1000"},
		"long history":   {client, PublisherConfig{History: MaxHistory + 1}, "History: must be 1 to 1000"},
		"max TTL":        {client, PublisherConfig{MaxTTL: -1}, "MaxTTL: must not be negative"},
		"sign key":       {client, PublisherConfig{SignKey: make([]byte, 3)}, "SignKey: has 3 bytes"},
	} {
		_, err := NewPublisher(c.client, c.cfg)
		assert.ErrorContains(t, err, c.want, name)
	}
	_, err := newTestPublisher(t, client, PublisherConfig{}).Publish(
		t.Context(), nil, PublishOptions{Reason: strings.Repeat("x", 1025)})
	invalid := new(ValidationError)
	assert.ErrorAs(t, err, &invalid)
	_, err = newTestPublisher(t, client, PublisherConfig{}).Publish(t.Context(), nil, PublishOptions{})
	assert.ErrorIs(t, err, ErrUnavailable)
}
