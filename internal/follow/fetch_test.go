package follow

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/store"
	"github.com/fleetdial/fleetdial/internal/wire"
)

func TestResync_ReadsHeaderAndEachTenthTimeTheValue(t *testing.T) {
	t.Parallel()
	r := startRig(t, lasting(t, 24*time.Hour), resyncing(30*time.Second))
	before := len(r.fetches)
	require.Equal(t, 1, r.count(0, FetchValue))
	r.run(20 * time.Minute)
	fetches := r.fetches[before:]
	assert.GreaterOrEqual(t, len(fetches), 40, "at least each 30 s")
	assert.LessOrEqual(t, len(fetches), 50, "no more than the jitter makes it")
	for i, mode := range fetches {
		want := FetchHeader
		if (i+1)%10 == 0 {
			want = FetchValue
		}
		assert.Equal(t, want, mode, "resync %d", i+1)
	}
	assert.Zero(t, r.f.Status().Counters.Corrections)
	assert.EqualValues(t, 1, r.f.Status().Counters.Applies)
	assert.Equal(t, 1, r.sessions)
}

func TestResync_FleetSpreadsOut(t *testing.T) {
	t.Parallel()
	r := startRig(t, lasting(t, 24*time.Hour), resyncing(30*time.Second))
	r.run(20 * time.Minute)
	gaps := make(map[time.Duration]bool)
	for i := 3; i < len(r.fetchedAt); i++ {
		gap := r.fetchedAt[i].Sub(r.fetchedAt[i-1])
		assert.GreaterOrEqual(t, gap, 24*time.Second)
		assert.LessOrEqual(t, gap, 30*time.Second)
		gaps[gap.Truncate(time.Second)] = true
	}
	assert.Greater(t, len(gaps), 3, "the intervals differ")
}

func TestFetch_FailuresBackOff(t *testing.T) {
	t.Parallel()
	r := startRig(t, lasting(t, time.Hour), nil)
	r.err = errRefused
	require.ErrorIs(t, r.refresh(), errRefused)
	assert.Equal(t, wire.StateStale, r.f.Status().State)
	before := len(r.fetches)
	r.run(time.Minute)
	tries := len(r.fetches) - before
	assert.Greater(t, tries, 30, "it tries again, each two seconds at least")
	assert.Less(t, tries, 200, "it does not spin")
	r.err = nil
	r.run(longestBackoff)
	assert.Equal(t, wire.StateLive, r.f.Status().State)
}

// TestFetch_MessagesDoNotEndBackoff sends messages while the fetches fail.
func TestFetch_MessagesDoNotEndBackoff(t *testing.T) {
	t.Parallel()
	r := startRig(t, lasting(t, time.Hour), nil)
	r.err = errRefused
	require.ErrorIs(t, r.refresh(), errRefused)
	before := len(r.fetches)
	for i := range 6000 {
		r.message(announcementOf(int64(i+2), wire.NewID(), 0))
		r.run(10 * time.Millisecond)
	}
	assert.Less(t, len(r.fetches)-before, 200)
}

// TestFetch_HungMakesStale has fetches get no reply, while the session is fine.
func TestFetch_HungMakesStale(t *testing.T) {
	t.Parallel()
	r := startRig(t, lasting(t, time.Hour), func(cfg *Config) { cfg.SubscriptionTimeout = time.Second })
	r.hung = true
	r.deliver(Refresh{1})
	r.run(time.Second - time.Millisecond)
	assert.Equal(t, wire.StateLive, r.f.Status().State)
	r.run(time.Millisecond)
	assert.Equal(t, wire.StateStale, r.f.Status().State)
	assert.ErrorIs(t, r.f.Status().Err, store.ErrUnavailable)
	assert.ErrorContains(t, r.f.Status().Err, "fetch the fleet's key")
	assert.ErrorContains(t, r.f.Status().Err, "no reply for 1s")
	r.run(10 * time.Second)
	assert.Equal(t, wire.StateStale, r.f.Status().State)
	assert.Len(t, r.logged("state changed"), 1, "one line for the change, however many fetches hang")
	r.hung = false
	r.until(10*time.Second, "live again", func() bool { return r.f.Status().State == wire.StateLive })
	assert.Equal(t, 1, r.sessions, "the session stays")
	assert.NoError(t, r.f.Status().Err)
}

// TestFetch_HungDelaysNoOtherEvent loses the session while a fetch hangs.
func TestFetch_HungDelaysNoOtherEvent(t *testing.T) {
	t.Parallel()
	r := startRig(t, lasting(t, time.Hour), nil)
	r.hung = true
	r.deliver(Refresh{1})
	r.lose(errRefused)
	assert.Equal(t, wire.StateStale, r.f.Status().State)
	r.run(shortestBackoff)
	assert.Equal(t, 2, r.sessions)
	assert.Len(t, r.fetches, 3, "never two fetches at once")
}

// TestFetch_OwnErrorOnceASessionStands checks that Err is why the fetch failed, not why there
// was no session before.
func TestFetch_OwnErrorOnceASessionStands(t *testing.T) {
	t.Parallel()
	denied := fmt.Errorf("read the fleet's key: %w: NOPERM", store.ErrUnavailable)
	r := newRig(t, lasting(t, time.Hour), nil)
	r.err = denied
	r.run(time.Second)
	require.True(t, r.started)
	assert.ErrorIs(t, r.startErr, denied)
	assert.Equal(t, denied, r.f.Status().Err)

	r = startRig(t, lasting(t, time.Hour), nil)
	r.err = denied
	r.lose(errRefused)
	assert.Equal(t, errRefused, r.f.Status().Err)
	r.run(time.Second)
	assert.Equal(t, denied, r.f.Status().Err)
	r.err = nil
	r.run(longestBackoff)
	assert.NoError(t, r.f.Status().Err)
}

// TestFetch_AnnouncementDuringFetch publishes while a fetch is under way, which reads the key
// as it was before.
func TestFetch_AnnouncementDuringFetch(t *testing.T) {
	t.Parallel()
	ends := epoch.Add(time.Hour)
	for name, begin := range map[string]func(r *rig){
		"a resync":        func(r *rig) { r.until(time.Minute, "a resync", func() bool { return r.f.current != nil }) },
		"a refresh":       func(r *rig) { r.deliver(Refresh{1}) },
		"an announcement": func(r *rig) { r.value = valueOf(t, 2, ends, "b"); r.announce() },
	} {
		r := startRig(t, valueOf(t, 1, ends, "a"), resyncing(30*time.Second))
		r.latency = 100 * time.Millisecond
		begin(r)
		require.NotNil(t, r.f.current, name)
		r.run(50 * time.Millisecond)
		r.value = valueOf(t, 3, ends, "c")
		r.announce()
		r.run(time.Second)
		assert.EqualValues(t, 3, r.f.Status().Revision.Version, name)
		r.run(10 * time.Minute)
		assert.Zero(t, r.f.Status().Counters.Corrections, name)
		assert.Equal(t, 1, r.sessions, name)
	}
}

// TestFetch_ResyncBeforeItsAnnouncement reads a revision whose announcement is under way.
func TestFetch_ResyncBeforeItsAnnouncement(t *testing.T) {
	t.Parallel()
	r := startRig(t, valueOf(t, 1, epoch.Add(time.Hour), "a"), resyncing(30*time.Second))
	r.value = valueOf(t, 2, epoch.Add(time.Hour), "b")
	r.until(time.Minute, "the resync applies it", func() bool { return r.f.Status().Counters.Applies == 2 })
	r.run(announcementGrace - time.Millisecond)
	r.announce()
	r.run(10 * time.Minute)
	assert.Zero(t, r.f.Status().Counters.Corrections)
	assert.Equal(t, 1, r.sessions)
}

func TestFetch_ResyncFindsWhatWasNotAnnounced(t *testing.T) {
	t.Parallel()
	r := startRig(t, valueOf(t, 1, epoch.Add(time.Hour), "a"), resyncing(30*time.Second))
	r.value = valueOf(t, 2, epoch.Add(time.Hour), "b")
	r.run(time.Minute)
	assert.EqualValues(t, 2, r.f.Status().Revision.Version)
	assert.EqualValues(t, 1, r.f.Status().Counters.Corrections)
	assert.Equal(t, 2, r.sessions, "the session that lost an announcement is replaced")
	assert.Equal(t, wire.StateLive, r.f.Status().State)
	assert.Len(t, r.logged("announcement was lost; the resync found the revision"), 1)
}

// TestFetch_LaggingReplica announces a revision before the node that is read has it.
func TestFetch_LaggingReplica(t *testing.T) {
	t.Parallel()
	r := startRig(t, valueOf(t, 1, epoch.Add(time.Hour), "a"), nil)
	before := len(r.fetches)
	next := valueOf(t, 2, epoch.Add(time.Hour), "b")
	head, err := wire.DecodeHeader(next)
	require.NoError(t, err)
	r.message(announcementOf(2, head.ID, 0))
	r.run(10 * time.Millisecond)
	r.value = next
	r.run(300 * time.Millisecond)
	assert.EqualValues(t, 2, r.f.Status().Revision.Version)
	assert.LessOrEqual(t, len(r.fetches)-before, 1+maxTries)
	assert.GreaterOrEqual(t, r.f.Status().AnnounceToApply.Sum, 10*time.Millisecond, "counted from the announcement")
}
