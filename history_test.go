package fleetdial

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/testutil"
)

func TestRollback_PublishesOlderRevision(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports)
	ctx := t.Context()
	soon := setOf(t, "lasts", "ends").Directives()
	soon[1].ExpiresAt = time.Now().Add(400 * time.Millisecond)
	set, err := NewSet(soon)
	require.NoError(t, err)
	first, err := f.pub.Publish(ctx, set, PublishOptions{Reason: "one"})
	require.NoError(t, err)
	f.publishOne(t, "x")

	entries, err := f.pub.History(ctx)
	require.NoError(t, err)
	require.Len(t, entries, 2)
	assert.Equal(t, first.ID, entries[1].Revision.ID)
	assert.Equal(t, "one", entries[1].Revision.Reason)

	testutil.Eventually(t, within, "the directive has expired", func() bool { return time.Now().After(soon[1].ExpiresAt) })
	rev, expired, err := f.pub.Rollback(ctx, 1, RollbackOptions{PublishOptions: PublishOptions{DryRun: true}})
	require.NoError(t, err)
	require.Len(t, expired, 1)
	require.Equal(t, "ends", expired[0].ID)
	assert.EqualValues(t, 3, rev.Version)
	eventually(t, f.sub, "x")
	_, _, err = f.pub.Rollback(ctx, 1, RollbackOptions{})
	require.NoError(t, err)
	eventually(t, f.sub, "lasts")
	rev, expired, err = f.pub.Rollback(ctx, 1, RollbackOptions{TTL: time.Hour})
	require.NoError(t, err)
	assert.Empty(t, expired)
	assert.Equal(t, 2, rev.Set.Len())
	assert.WithinDuration(t, rev.PublishedAt.Add(time.Hour), rev.Set.Directives()[1].ExpiresAt, time.Second)

	_, _, err = f.pub.Rollback(ctx, 77, RollbackOptions{})
	require.ErrorIs(t, err, ErrNotInHistory)
}

func TestHistory_UnreadableEntry(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports)
	ctx := t.Context()
	first := f.publishOne(t, "x")
	require.NoError(t, f.client.LPush(ctx, testHistory, "junk").Err())
	entries, err := f.pub.History(ctx)
	require.NoError(t, err)
	require.Len(t, entries, 2)
	assert.Error(t, entries[0].Err)
	assert.NoError(t, entries[1].Err)
	f.publishOne(t, "y")
	found, err := f.pub.Find(ctx, 1)
	require.NoError(t, err, "Find reads past the entry")
	assert.Equal(t, first.ID, found.ID)
}
