package fleetdial

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/wire"
	"github.com/fleetdial/fleetdial/testutil"
)

// conditionalWrites are the writes that check the options of a publish.
func conditionalWrites(t *testing.T, p *Publisher) map[string]func(PublishOptions) (Revision, error) {
	return map[string]func(PublishOptions) (Revision, error){
		"Publish": func(opts PublishOptions) (Revision, error) { return p.Publish(t.Context(), setOf(t, "b"), opts) },
		"Update": func(opts PublishOptions) (Revision, error) {
			return p.Update(t.Context(), func(Revision) (*Set, error) { return setOf(t, "b"), nil }, opts)
		},
		"Rollback": func(opts PublishOptions) (Revision, error) {
			rev, _, err := p.Rollback(t.Context(), 1, RollbackOptions{PublishOptions: opts})
			return rev, err
		},
		"DryRun": func(opts PublishOptions) (Revision, error) {
			opts.DryRun = true
			return p.Publish(t.Context(), setOf(t, "b"), opts)
		},
	}
}

func TestPublish_IfCurrent(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	p := newTestPublisher(t, client, PublisherConfig{PublishedBy: "alice"})
	for name, write := range conditionalWrites(t, p) {
		require.NoError(t, client.FlushAll(t.Context()).Err())
		_, err := p.Publish(t.Context(), setOf(t, "a"), PublishOptions{Reason: "first", IfCurrent: &Revision{}})
		require.NoError(t, err, name)
		current, err := p.Current(t.Context())
		require.NoError(t, err, name)
		before := client.Get(t.Context(), testKey).Val()

		otherID, otherVersion := current, current
		otherID.ID = wire.NewID()
		otherVersion.Version = 2
		for _, expected := range []Revision{otherID, otherVersion, {}} {
			_, err = write(PublishOptions{IfCurrent: &expected})
			conflict := new(ConflictError)
			require.ErrorAs(t, err, &conflict, name)
			assert.Equal(t, expected.Version, conflict.Expected, name)
			assert.Equal(t, current.ID, conflict.ID, name)
			assert.EqualValues(t, 1, conflict.Version, name)
			assert.Equal(t, "alice", conflict.PublishedBy, name)
			assert.Equal(t, "first", conflict.Reason, name)
			assert.Equal(t, 1, conflict.Set.Len(), name)
			assert.ErrorContains(t, err, `"alice" ("first")`, name)
		}
		_, err = write(PublishOptions{IfCurrent: &current, IfVersion: 7})
		require.ErrorAs(t, err, new(*ConflictError), name)
		_, err = write(PublishOptions{IfCurrent: &otherID, IfVersion: 1})
		require.ErrorAs(t, err, new(*ConflictError), name)
		assert.ErrorContains(t, err, "expected another revision of version 1")
		require.Equal(t, before, client.Get(t.Context(), testKey).Val(), name)

		rev, err := write(PublishOptions{IfCurrent: &current, IfVersion: 1})
		require.NoError(t, err, name)
		assert.EqualValues(t, 2, rev.Version, name)
	}
}

func TestPublish_IfVersionBelowAbsent(t *testing.T) {
	t.Parallel()
	client := testutil.StartRedis(t).Client(t)
	p := newTestPublisher(t, client, PublisherConfig{})
	_, err := p.Publish(t.Context(), setOf(t, "a"), PublishOptions{IfVersion: IfAbsent - 1})
	require.EqualError(t, err, "if_version: must be a non-negative integer")
	assert.Zero(t, client.Exists(t.Context(), testKey).Val())
}

func TestPublish_IfCurrentOfNoRevision(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	p := newTestPublisher(t, client, PublisherConfig{})
	opts := PublishOptions{IfCurrent: &Revision{}, DryRun: true}
	_, err := p.Publish(t.Context(), nil, opts)
	require.NoError(t, err, "a missing key")
	require.NoError(t, client.Set(t.Context(), testKey, "", 0).Err())
	_, err = p.Publish(t.Context(), nil, opts)
	require.NoError(t, err, "an empty value")
	current, err := p.Current(t.Context())
	require.NoError(t, err)
	_, err = p.Publish(t.Context(), nil, PublishOptions{IfCurrent: &current, DryRun: true})
	require.NoError(t, err, "what Current returns for an empty value")
}

func TestPublish_ConditionsKeepUnreadableValue(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	p := newTestPublisher(t, client, PublisherConfig{})
	for _, content := range []string{"junk", string(value(t, 3, setOf(t, "a")))[:100]} {
		require.NoError(t, client.Set(t.Context(), testKey, content, 0).Err())
		for _, opts := range []PublishOptions{{IfVersion: IfAbsent}, {IfCurrent: &Revision{}}} {
			_, err := p.Publish(t.Context(), setOf(t, "a"), opts)
			conflict := new(ConflictError)
			require.ErrorAs(t, err, &conflict)
			assert.NotNil(t, conflict.Set)
			assert.Equal(t, content, client.Get(t.Context(), testKey).Val())
		}
	}
}

// TestPublish_IfUnreadable has a readable revision come in, in place of an unreadable value. Its
// directives fill more than the first bytes, which Publish reads otherwise.
func TestPublish_IfUnreadable(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	p := newTestPublisher(t, client, PublisherConfig{PublishedBy: "alice"})
	opts := PublishOptions{IfUnreadable: true}
	readable := string(value(t, 3, setOf(t, "a", "b", "c")))
	for _, content := range []string{"", "junk", readable[:100], readable[:len(readable)-1]} {
		require.NoError(t, client.Set(t.Context(), testKey, content, 0).Err())
		_, err := p.Publish(t.Context(), setOf(t, "b"), opts)
		require.NoError(t, err, content)
	}
	require.NoError(t, client.Del(t.Context(), testKey).Err())
	for _, dryRun := range []bool{true, false} {
		opts.DryRun = dryRun
		_, err := p.Publish(t.Context(), setOf(t, "b"), opts)
		require.NoError(t, err, "a missing key")
	}
	require.NoError(t, client.Set(t.Context(), testKey, readable, 0).Err())
	_, err := p.Publish(t.Context(), setOf(t, "b"), opts)
	conflict := new(ConflictError)
	require.ErrorAs(t, err, &conflict)
	assert.Equal(t, 3, conflict.Set.Len())
	assert.Equal(t, readable, client.Get(t.Context(), testKey).Val())
}

func TestCurrent_UnreadableValueTellsItsHeader(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	p := newTestPublisher(t, client, PublisherConfig{})
	full := value(t, 3, setOf(t, "a"))
	require.NoError(t, client.Set(t.Context(), testKey, full[:len(full)-1], 0).Err())
	rev, err := p.Current(t.Context())
	require.ErrorAs(t, err, new(*MalformedError))
	assert.EqualValues(t, 3, rev.Version)
	assert.NotEmpty(t, rev.ID)
	assert.Nil(t, rev.Set)
}

// TestUpdate_WatchesKeyAndHistory writes one of the keys while a transaction is under way.
func TestUpdate_WatchesKeyAndHistory(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	p := newTestPublisher(t, client, PublisherConfig{})
	for name, write := range map[string]func(){
		"key":     func() { client.Set(t.Context(), testKey, "", 0) },
		"history": func() { client.LPush(t.Context(), testHistory, value(t, 1, setOf(t))) },
	} {
		calls := 0
		_, err := p.Update(t.Context(), func(Revision) (*Set, error) {
			if calls++; calls == 1 {
				write()
			}
			return setOf(t, "a"), nil
		}, PublishOptions{})
		require.NoError(t, err, name)
		assert.Equal(t, 2, calls, name)
	}
}

// TestPublish_ChecksClockOfRedis has TIME return a time that no server shows.
func TestPublish_ChecksClockOfRedis(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	client.AddHook(intercept{after: func(cmds []redis.Cmder) error {
		for _, cmd := range cmds {
			if now, ok := cmd.(*redis.TimeCmd); ok {
				now.SetVal(time.Unix(3600, 0))
			}
		}
		return nil
	}})
	p := newTestPublisher(t, client, PublisherConfig{})
	_, err := p.Publish(t.Context(), nil, PublishOptions{})
	require.ErrorContains(t, err, "the clock of Redis shows the year 1970")
	assert.Zero(t, client.Exists(t.Context(), testKey).Val())
}

// ending returns a set with one directive that ends after the time.
func ending(t *testing.T, id string, ttl time.Duration) *Set {
	t.Helper()
	set, err := NewSet([]Directive{{ID: id, Level: Shape, SamplePerMille: 1000, ExpiresAt: time.Now().Add(ttl)}})
	require.NoError(t, err)
	return set
}

func TestPublish_MaxTTL(t *testing.T) {
	t.Parallel()
	const year = 365 * 24 * time.Hour
	server := testutil.StartRedis(t)
	client := server.Client(t)
	p := newTestPublisher(t, client, PublisherConfig{})
	require.NoError(t, client.LPush(t.Context(), testHistory, value(t, 1, ending(t, "far", year))).Err())
	rejected := func(err error, what string) {
		t.Helper()
		invalid := new(ValidationError)
		require.ErrorAs(t, err, &invalid, what)
		assert.Equal(t, "directives[0].expires_at", invalid.Path, what)
		assert.ErrorContains(t, err, `directive "far" ends more than 24h0m0s from now (`, what)
		assert.Zero(t, client.Exists(t.Context(), testKey).Val(), what)
	}
	_, err := p.Publish(t.Context(), ending(t, "far", DefaultMaxTTL+time.Minute), PublishOptions{})
	rejected(err, "Publish")
	_, err = p.Publish(t.Context(), ending(t, "far", year), PublishOptions{DryRun: true})
	rejected(err, "DryRun")
	_, err = p.Update(t.Context(), func(Revision) (*Set, error) { return ending(t, "far", year), nil }, PublishOptions{})
	rejected(err, "Update")
	_, _, err = p.Rollback(t.Context(), 1, RollbackOptions{})
	rejected(err, "Rollback")
	_, _, err = p.Rollback(t.Context(), 1, RollbackOptions{TTL: 25 * time.Hour})
	rejected(err, "Rollback with a TTL")

	_, _, err = p.Rollback(t.Context(), 1, RollbackOptions{TTL: time.Hour})
	require.NoError(t, err)
	rev, _, err := newTestPublisher(t, client, PublisherConfig{MaxTTL: 2 * year}).Rollback(t.Context(), 1, RollbackOptions{})
	require.NoError(t, err)
	assert.Equal(t, 1, rev.Set.Len())
}

func TestUpdate_MaxTTLOfUnchangedDirectives(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	long := newTestPublisher(t, client, PublisherConfig{MaxTTL: 100 * time.Hour})
	_, err := long.Publish(t.Context(), ending(t, "far", 99*time.Hour), PublishOptions{})
	require.NoError(t, err)
	p := newTestPublisher(t, client, PublisherConfig{})
	add := func(more *Set, change func(*Directive)) error {
		_, err := p.Update(t.Context(), func(current Revision) (*Set, error) {
			all := current.Set.Directives()
			change(&all[0])
			return NewSet(append(all, more.Directives()...))
		}, PublishOptions{})
		return err
	}
	require.NoError(t, add(setOf(t, "near"), func(*Directive) {}))
	err = add(nil, func(d *Directive) { d.Level = ShapeTiming })
	require.ErrorAs(t, err, new(*ValidationError))
	err = add(nil, func(d *Directive) { d.ExpiresAt = d.ExpiresAt.Add(time.Hour) })
	require.ErrorAs(t, err, new(*ValidationError))
	current, err := p.Current(t.Context())
	require.NoError(t, err)
	_, err = p.Publish(t.Context(), current.Set, PublishOptions{})
	require.ErrorAs(t, err, new(*ValidationError), "Publish checks all directives")
}

// TestPublish_MaxTTLWithTrustedKeys has a publisher that reads the whole current set, because it
// checks signatures.
func TestPublish_MaxTTLWithTrustedKeys(t *testing.T) {
	t.Parallel()
	client := testutil.StartRedis(t).Client(t)
	private, _ := newKey(t)
	long := newTestPublisher(t, client, PublisherConfig{MaxTTL: 100 * time.Hour, SignKey: private})
	rev, err := long.Publish(t.Context(), ending(t, "far", 99*time.Hour), PublishOptions{})
	require.NoError(t, err)
	p := newTestPublisher(t, client, PublisherConfig{SignKey: private})
	_, err = p.Publish(t.Context(), rev.Set, PublishOptions{})
	require.ErrorAs(t, err, new(*ValidationError), "Publish checks all directives")
	_, err = p.Update(t.Context(), func(current Revision) (*Set, error) { return current.Set, nil }, PublishOptions{})
	require.NoError(t, err, "Update does not check a directive that it leaves as it is")
}

func TestPublish_VersionsBeginAgainAfterHighest(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	p := newTestPublisher(t, client, PublisherConfig{})
	publish(t, p, "a")
	require.NoError(t, client.Set(t.Context(), testKey, value(t, maxVersion, setOf(t, "hostile")), 0).Err())
	rev, err := p.Publish(t.Context(), nil, PublishOptions{})
	require.NoError(t, err)
	assert.EqualValues(t, 1, rev.Version)
	rev, err = p.Update(t.Context(), func(current Revision) (*Set, error) { return current.Set, nil }, PublishOptions{})
	require.NoError(t, err)
	assert.EqualValues(t, 2, rev.Version)

	require.NoError(t, client.Set(t.Context(), testKey, value(t, maxVersion-1, setOf(t, "hostile")), 0).Err())
	rev, err = p.Publish(t.Context(), nil, PublishOptions{})
	require.NoError(t, err)
	assert.EqualValues(t, int64(maxVersion), rev.Version)
	client.Del(t.Context(), testKey)
	rev, err = p.Publish(t.Context(), nil, PublishOptions{})
	require.NoError(t, err, "the history tells the highest version")
	assert.EqualValues(t, 1, rev.Version)
}

// TestPublish_LostReplyAfterVersionsBeganAgain loses the first request while another publisher
// begins the versions again. The lower versions are no sign of a truncated history.
func TestPublish_LostReplyAfterVersionsBeganAgain(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	for name, inHistory := range map[string]bool{"published": true, "written by hand": false} {
		fleet := fmt.Sprint("f", inHistory)
		key := "fleetdial:{" + fleet + "}"
		direct := server.Client(t)
		rival := newTestPublisher(t, direct, PublisherConfig{Fleet: fleet})
		publish(t, rival, "old")
		old, err := rival.Current(t.Context())
		require.NoError(t, err)
		testutil.Eventually(t, within, "the next millisecond", func() bool {
			return direct.Time(t.Context()).Val().UnixMilli() > old.PublishedAt.UnixMilli()
		})
		highest := value(t, maxVersion, setOf(t, "hostile"))
		require.NoError(t, direct.Set(t.Context(), key, highest, 0).Err())
		if inHistory {
			require.NoError(t, direct.LPush(t.Context(), key+":history", highest).Err())
		}
		client := impatient(t, server.Addr())
		client.AddHook(loses(func(n int) bool {
			if n == 1 {
				publish(t, rival, "rival")
			}
			return n == 1
		}))
		rev, err := newTestPublisher(t, client, PublisherConfig{Fleet: fleet}).Publish(t.Context(), nil, PublishOptions{})
		require.NoError(t, err, name)
		assert.EqualValues(t, 2, rev.Version, name)
	}
}

func TestPublish_SignedFleetEndsAtHighestVersion(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	private, _ := newKey(t)
	p := newTestPublisher(t, client, PublisherConfig{SignKey: private})
	unsigned := value(t, maxVersion, setOf(t, "hostile"))
	require.NoError(t, client.Set(t.Context(), testKey, unsigned, 0).Err())
	rev, err := p.Publish(t.Context(), nil, PublishOptions{})
	require.NoError(t, err, "an unsigned value locks nobody out")
	assert.EqualValues(t, 1, rev.Version)

	signed, err := wire.AppendSignature(unsigned, testKey, private)
	require.NoError(t, err)
	require.NoError(t, client.Set(t.Context(), testKey, signed, 0).Err())
	_, err = p.Publish(t.Context(), nil, PublishOptions{})
	require.ErrorContains(t, err, "nothing was written: version 99999999999999 is the highest")
	assert.Equal(t, string(signed), client.Get(t.Context(), testKey).Val())
}

// TestPublish_SignedWaitsForRoster has the roster not be served. The version has to be above the
// ones that the roster reports, so nothing is signed without it.
func TestPublish_SignedWaitsForRoster(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	private, _ := newKey(t)
	for _, c := range []struct {
		fault     error
		published bool
	}{
		{reply("BUSY Redis is busy running a script."), false},
		{reply("LATER a code word of a later version"), false},
		{reply("NOPERM this user has no permissions"), true},
		{reply("WRONGTYPE Operation against a key"), true},
	} {
		client := impatient(t, server.Addr())
		client.AddHook(intercept{before: func(cmds []redis.Cmder) error {
			if cmds[0].Name() == "zrevrange" {
				return c.fault
			}
			return nil
		}})
		_, err := newTestPublisher(t, client, PublisherConfig{SignKey: private}).Publish(t.Context(), nil, PublishOptions{})
		if c.published {
			require.NoError(t, err, c.fault)
		} else {
			require.ErrorIs(t, err, ErrUnavailable, c.fault)
		}
	}
}
