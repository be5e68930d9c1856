package fleetdial_test

import (
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/examples"
	"github.com/fleetdial/fleetdial/testutil"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// TestRoster_WaitAndRollback calls what an operator's tool calls to see who has a revision, and to go
// back.
func TestRoster_WaitAndRollback(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	ctx := t.Context()
	pub, err := fleetdial.NewPublisher(client, fleetdial.PublisherConfig{})
	require.NoError(t, err)
	sub, err := fleetdial.Subscribe(ctx, client, fleetdial.SubscriberConfig{Instance: "web-1", Logger: quiet})
	require.NoError(t, err)
	defer sub.Close()
	assert.Equal(t, fleetdial.SourceStart, sub.Status().Source)
	var roster fleetdial.Roster
	testutil.Eventually(t, 10*time.Second, "the instance reports", func() bool {
		roster, err = pub.Roster(ctx)
		return err == nil && len(roster.Instances) == 1
	})
	assert.Equal(t, fleetdial.InstanceNever, roster.Instances[0].State)

	now, err := pub.Now(ctx)
	require.NoError(t, err)
	set, err := fleetdial.ParseSet(examples.Incident, now)
	require.NoError(t, err)
	first, err := pub.Publish(ctx, set, fleetdial.PublishOptions{})
	require.NoError(t, err)
	status, err := pub.Wait(ctx, first, roster, fleetdial.WaitOptions{})
	require.NoError(t, err)
	assert.Equal(t, 1, status.Applied)
	assert.Equal(t, fleetdial.SourceLive, sub.Status().Source)
	_, err = pub.Publish(ctx, nil, fleetdial.PublishOptions{})
	require.NoError(t, err)

	entries, err := pub.History(ctx)
	require.NoError(t, err)
	require.Len(t, entries, 2)
	assert.Equal(t, first.ID, entries[1].Revision.ID)
	found, err := pub.Find(ctx, 1)
	require.NoError(t, err)
	assert.Equal(t, first.ID, found.ID)
	back, expired, err := pub.Rollback(ctx, 1, fleetdial.RollbackOptions{})
	require.NoError(t, err)
	assert.Empty(t, expired)
	assert.Zero(t, fleetdial.DiffSets(back.Set, set).Len())
	assert.EqualValues(t, 3, back.Version)
	_, _, err = pub.Rollback(ctx, 99, fleetdial.RollbackOptions{})
	assert.ErrorIs(t, err, fleetdial.ErrNotInHistory)

	explained := set.Explain(fleetdial.Request{Tenant: "globex"}, now)
	require.Len(t, explained.Directives, 3)
	assert.Contains(t, explained.Directives[0].Differs, fleetdial.FieldTenant)
}

// TestPublish_SubscriberFollows calls what an operator's tool and a proxy call.
func TestPublish_SubscriberFollows(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	ctx := t.Context()
	sub, err := fleetdial.Subscribe(ctx, client, fleetdial.SubscriberConfig{Fleet: "prod", Logger: quiet})
	require.NoError(t, err)
	defer sub.Close()
	assert.Equal(t, fleetdial.StateMissing, sub.Status().State)
	assert.ErrorIs(t, sub.Status().Err, fleetdial.ErrNoRevision)
	changes := make(chan fleetdial.Change, 10)
	defer sub.OnChange(func(c fleetdial.Change) { changes <- c })()

	pub, err := fleetdial.NewPublisher(client, fleetdial.PublisherConfig{Fleet: "prod", PublishedBy: "alice"})
	require.NoError(t, err)
	now, err := pub.Now(ctx)
	require.NoError(t, err)
	set, err := fleetdial.ParseSet(examples.Incident, now)
	require.NoError(t, err)
	rev, err := pub.Publish(ctx, set, fleetdial.PublishOptions{Reason: "slow", IfVersion: fleetdial.IfAbsent})
	require.NoError(t, err)

	change := <-changes
	assert.Zero(t, change.From.Version)
	assert.Equal(t, rev.ID, change.To.ID)
	status := sub.Status()
	assert.Equal(t, fleetdial.StateLive, status.State)
	assert.Equal(t, "alice", status.Revision.PublishedBy)
	assert.Equal(t, "slow", status.Revision.Reason)
	assert.False(t, status.AppliedAt.IsZero())
	assert.EqualValues(t, 1, status.Counters.Applies)
	d := sub.Decide(fleetdial.Request{Tenant: "acme", Index: "orders", Endpoint: fleetdial.IngestBulk, ID: "x"})
	assert.Equal(t, fleetdial.Decision{Level: fleetdial.ShapeRewriteDiff, RingBuffer: true, By: "acme-orders-writes"}, d)

	conflict := new(fleetdial.ConflictError)
	_, err = pub.Publish(ctx, nil, fleetdial.PublishOptions{IfVersion: 7})
	require.ErrorAs(t, err, &conflict)
	_, err = pub.Update(ctx, func(current fleetdial.Revision) (*fleetdial.Set, error) {
		return fleetdial.NewSet(current.Set.Directives()[:1])
	}, fleetdial.PublishOptions{})
	require.NoError(t, err)
	change = <-changes
	assert.Equal(t, 1, change.To.Set.Len())
	diff := change.Diff()
	assert.Len(t, diff.Removed, 2)
	assert.Empty(t, diff.Added)
	assert.Empty(t, diff.Changed)
	require.NoError(t, sub.Refresh(ctx))
	requireValues(t, client, sub)
}

// requireValues reads the value of the key as another program would, and has the subscriber
// reject another one.
func requireValues(t *testing.T, client *redis.Client, sub *fleetdial.Subscriber) {
	t.Helper()
	ctx := t.Context()
	value, err := client.Get(ctx, "fleetdial:{prod}").Bytes()
	require.NoError(t, err)
	decoded, err := fleetdial.DecodeRevision(value)
	require.NoError(t, err)
	assert.EqualValues(t, 2, decoded.Version)
	_, err = fleetdial.DecodeRevision(value[1:])
	malformed := new(fleetdial.MalformedError)
	assert.ErrorAs(t, err, &malformed)

	require.NoError(t, client.Set(ctx, "fleetdial:{prod}", "junk", 0).Err())
	require.Error(t, sub.Refresh(ctx))
	status := sub.Status()
	assert.Equal(t, fleetdial.StateRejected, status.State)
	assert.Equal(t, fleetdial.RejectMalformed, status.Rejected.Reason)
	assert.EqualValues(t, 1, status.Counters.Rejections[fleetdial.RejectMalformed])
	assert.Equal(t, 1, sub.Load().Len())
}

func TestAppendBody_ReadsBack(t *testing.T) {
	t.Parallel()
	now := time.Now()
	set, err := fleetdial.ParseSet(examples.Incident, now)
	require.NoError(t, err)
	again, err := fleetdial.ParseSet(fleetdial.AppendBody(nil, set), now)
	require.NoError(t, err)
	assert.Equal(t, set.Len(), again.Len())
}

func TestDecide_DoesNotAllocate(t *testing.T) {
	server := testutil.StartRedis(t)
	client := server.Client(t)
	pub, err := fleetdial.NewPublisher(client, fleetdial.PublisherConfig{})
	require.NoError(t, err)
	set, err := fleetdial.ParseSet(examples.Incident, time.Now())
	require.NoError(t, err)
	_, err = pub.Publish(t.Context(), set, fleetdial.PublishOptions{})
	require.NoError(t, err)
	sub, err := fleetdial.Subscribe(t.Context(), client, fleetdial.SubscriberConfig{Logger: quiet})
	require.NoError(t, err)
	defer sub.Close()
	req := fleetdial.Request{Tenant: "acme", Endpoint: fleetdial.Search, ID: "req-1"}
	require.Equal(t, fleetdial.ShapeTiming, sub.Decide(req).Level)
	assert.Zero(t, testing.AllocsPerRun(1000, func() {
		sub.Load()
		sub.Decide(req)
	}))
}

// newURLClient returns a client as ParseURL's users have it, which is closed with the test.
func newURLClient(t testing.TB, url string) redis.UniversalClient {
	opts, err := fleetdial.ParseURL(url)
	require.NoError(t, err)
	client := redis.NewUniversalClient(opts)
	t.Cleanup(func() { _ = client.Close() })
	return client
}
