package follow

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A resync from a replica that lags finds an older revision. No announcement was lost.
func TestFollower_ResyncFindsOlderRevision(t *testing.T) {
	t.Parallel()
	r := newHand(t)
	r.settle(r.reply(r.revision(1, "a", noon.Add(time.Hour))))
	require.NotNil(t, r.announce(2).Fetch)
	require.NotNil(t, r.reply(r.revision(2, "b", noon.Add(time.Hour))).Applied)

	for _, version := range []int64{1, 2} {
		r.now = r.now.Add(time.Hour)
		require.NotNil(t, r.handle(Timer{}).Fetch)
		require.NotNil(t, r.reply(r.revision(version, "b", noon.Add(time.Hour))).Applied)
		r.now = r.now.Add(2 * announcementGrace)
		assert.Empty(t, r.handle(Timer{}).EndSessions)
	}
	assert.Zero(t, r.Status().Counters.Corrections)

	// The same in another session, whose first fetch found version 2.
	r.handle(SessionLost{Session: 1, Err: errDown})
	r.now = r.now.Add(time.Second)
	require.Equal(t, uint64(2), r.handle(Timer{}).OpenSession)
	require.NotNil(t, r.handle(Subscribed{Session: 2}).Fetch)
	r.reply(r.revision(2, "b", noon.Add(time.Hour)))
	for _, version := range []int64{1, 2} {
		r.now = r.now.Add(time.Hour)
		require.NotNil(t, r.handle(Timer{}).Fetch)
		require.NotNil(t, r.reply(r.revision(version, "b", noon.Add(time.Hour))).Applied)
		r.now = r.now.Add(2 * announcementGrace)
		assert.Empty(t, r.handle(Timer{}).EndSessions)
	}
	assert.Zero(t, r.Status().Counters.Corrections)

	r.now = r.now.Add(time.Hour)
	require.NotNil(t, r.handle(Timer{}).Fetch)
	require.NotNil(t, r.reply(r.revision(3, "c", noon.Add(time.Hour))).Applied)
	r.now = r.now.Add(2 * announcementGrace)
	assert.NotEmpty(t, r.handle(Timer{}).EndSessions, "the announcement of version 3 was lost")
	assert.Equal(t, int64(1), r.Status().Counters.Corrections)
}
