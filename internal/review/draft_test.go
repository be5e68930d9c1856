package review

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/wire"
	"github.com/fleetdial/fleetdial/testutil"
)

// draftRig is a fleet without instances on a Redis of its own, and a publisher with a short MaxTTL.
type draftRig struct {
	*testing.T
	client *redis.Client
	pub    *fleetdial.Publisher
	now    time.Time
}

func startDraft(t *testing.T) *draftRig {
	t.Helper()
	client := testutil.StartRedis(t).Client(t)
	pub, err := fleetdial.NewPublisher(client, fleetdial.PublisherConfig{PublishedBy: "ann", MaxTTL: time.Hour})
	require.NoError(t, err)
	return &draftRig{t, client, pub, time.Now()}
}

// set returns a set of directives that end in half an hour, except late, which ends in two hours.
func (r *draftRig) set(ids ...string) *fleetdial.Set {
	r.Helper()
	ends := make(map[string]time.Time)
	for _, id := range ids {
		ends[id] = r.now.Add(30 * time.Minute)
	}
	ends["late"] = r.now.Add(2 * time.Hour)
	return setOf(r.T, ends, ids...)
}

// publish publishes a set with the longest MaxTTL.
func (r *draftRig) publish(set *fleetdial.Set) fleetdial.Revision {
	r.Helper()
	pub, err := fleetdial.NewPublisher(r.client, fleetdial.PublisherConfig{PublishedBy: "bob", MaxTTL: 24 * time.Hour})
	require.NoError(r, err)
	rev, err := pub.Publish(r.Context(), set, fleetdial.PublishOptions{Reason: "of bob"})
	require.NoError(r, err)
	return rev
}

// to returns the change to a set.
func to(set *fleetdial.Set) Change {
	return Change{Set: func(context.Context, fleetdial.Revision) (*fleetdial.Set, error) { return set, nil }}
}

func (r *draftRig) draft(c Change) (Draft, error) {
	return NewDraft(r.Context(), r.pub, c, fleetdial.PublishOptions{})
}

func TestNewDraft_WritesNothing(t *testing.T) {
	t.Parallel()
	r := startDraft(t)
	asked := 0
	change := to(r.set("a"))
	change.OnMissing = func(context.Context) error { asked++; return nil }
	d, err := r.draft(change)
	require.NoError(t, err)
	assert.Equal(t, 1, asked)
	assert.Zero(t, d.From.Version)
	assert.Zero(t, d.From.Set.Len())
	assert.EqualValues(t, 1, d.To.Version)
	_, err = r.pub.Current(t.Context())
	require.ErrorIs(t, err, fleetdial.ErrNoRevision)

	rev, err := d.Publish(t.Context(), r.pub, fleetdial.PublishOptions{Reason: "first"})
	require.NoError(t, err)
	assert.EqualValues(t, 1, rev.Version)
	d, err = r.draft(change)
	require.NoError(t, err)
	assert.Equal(t, 1, asked, "the fleet has a revision")
	assert.Equal(t, rev.ID, d.From.ID)
	assert.NoError(t, d.Unreadable)
	assert.Nil(t, d.Format)
}

func TestNewDraft_Errors(t *testing.T) {
	t.Parallel()
	r := startDraft(t)
	stop := errors.New("stop")
	change := to(r.set("a"))
	change.OnMissing = func(context.Context) error { return stop }
	_, err := r.draft(change)
	require.ErrorIs(t, err, stop)
	_, err = r.draft(Change{Set: func(context.Context, fleetdial.Revision) (*fleetdial.Set, error) { return nil, stop }})
	require.ErrorIs(t, err, stop)
	_, err = r.draft(to(r.set("late")))
	require.Error(t, err)
	assert.True(t, IsInvalid(err), "a new directive ends later than MaxTTL")
}

// TestNewDraft_LongTTLOfOthers keeps a directive that ends later than MaxTTL, unless the change
// replaces the set.
func TestNewDraft_LongTTLOfOthers(t *testing.T) {
	t.Parallel()
	r := startDraft(t)
	r.publish(r.set("late"))
	change := to(r.set("late", "a"))
	_, err := r.draft(change)
	require.NoError(t, err)
	change.Replaces = true
	_, err = r.draft(change)
	require.Error(t, err)
	assert.True(t, IsInvalid(err))
}

func TestDraft_UnreadableValue(t *testing.T) {
	t.Parallel()
	r := startDraft(t)
	unreadable := func(text string) { require.NoError(t, r.client.Set(t.Context(), "fleetdial:{default}", text, 0).Err()) }
	unreadable("damaged")
	change := to(r.set("a"))
	_, err := r.draft(change)
	rejected, ok := errors.AsType[*UnreadableError](err)
	require.True(t, ok, "%v", err)
	assert.Equal(t, "nothing was written: "+rejected.Err.Error(), err.Error())

	change.Replaces = true
	d, err := r.draft(change)
	require.NoError(t, err)
	require.Error(t, d.Unreadable)
	readable := r.publish(r.set("b")) // a readable revision came in between
	_, err = d.Publish(t.Context(), r.pub, fleetdial.PublishOptions{})
	conflict, ok := errors.AsType[*fleetdial.ConflictError](err)
	require.True(t, ok, "%v", err)
	assert.Equal(t, readable.Version, conflict.Version)

	unreadable("damaged again")
	rev, err := d.Publish(t.Context(), r.pub, fleetdial.PublishOptions{})
	require.NoError(t, err)
	assert.Equal(t, []string{"a"}, IDs(rev.Set))
}

func TestDraft_OtherRevisionInBetween(t *testing.T) {
	t.Parallel()
	r := startDraft(t)
	r.publish(r.set("a"))
	for _, replaces := range []bool{false, true} {
		change := to(r.set("b"))
		change.Replaces = replaces
		d, err := r.draft(change)
		require.NoError(t, err)
		other := r.publish(r.set("c"))
		_, err = d.Publish(t.Context(), r.pub, fleetdial.PublishOptions{})
		require.Error(t, err)
		assert.Equal(t, fmt.Sprintf(`version %d was published in between by "bob" ("of bob")`, other.Version), Overtaken(err))

		require.NoError(t, r.client.Del(t.Context(), "fleetdial:{default}").Err())
		_, err = d.Publish(t.Context(), r.pub, fleetdial.PublishOptions{})
		require.Error(t, err)
		assert.Equal(t, "the current revision was removed in between", Overtaken(err))
		r.publish(r.set("a"))
	}
}

// TestDraft_Format publishes a set that a live instance does not read only if the draft says it.
func TestDraft_Format(t *testing.T) {
	t.Parallel()
	r := startDraft(t)
	all := r.set("a").Directives()
	all[0].MaxPerSecond = 5
	limited, err := fleetdial.NewSet(all)
	require.NoError(t, err)
	unwarned, err := r.draft(to(limited))
	require.NoError(t, err)
	require.Nil(t, unwarned.Format)

	now := time.Now()
	report := wire.EncodeReport(&wire.Report{
		Instance: "old", StartedAt: now, WrittenAt: now, Since: now, Every: 10 * time.Minute, State: "live", Source: "live", MaxFormat: 1,
	})
	require.NoError(t, r.client.Set(t.Context(), "fleetdial:{default}:instance:old", report, 0).Err())
	require.NoError(t, r.client.ZAdd(t.Context(), "fleetdial:{default}:fleet", redis.Z{Score: float64(now.UnixMilli()), Member: "old"}).Err())
	_, err = unwarned.Publish(t.Context(), r.pub, fleetdial.PublishOptions{})
	_, ok := errors.AsType[*fleetdial.FormatError](err)
	require.True(t, ok, "%v", err)

	warned, err := r.draft(to(limited))
	require.NoError(t, err)
	require.NotNil(t, warned.Format)
	assert.Equal(t, "old", warned.Format.Instances[0].Name)
	assert.EqualValues(t, 1, warned.To.Version)
	_, err = warned.Publish(t.Context(), r.pub, fleetdial.PublishOptions{})
	require.NoError(t, err)
}
