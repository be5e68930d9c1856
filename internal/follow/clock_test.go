package follow

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/wire"
)

var errNoTime = errors.New("NOPERM this user has no permissions to run the 'time' command")

func TestClock_WrongLocalClockChangesNothing(t *testing.T) {
	t.Parallel()
	for _, skew := range []time.Duration{0, time.Hour, -time.Hour} {
		r := newRig(t, lasting(t, skew+time.Minute), nil)
		r.skew = skew
		r.start()
		assert.Equal(t, skew, r.f.Status().ClockOffset)
		assert.True(t, r.isOn())
		r.run(epoch.Add(time.Minute - time.Millisecond).Sub(r.now))
		assert.True(t, r.isOn(), "a millisecond before the expiry")
		r.run(time.Millisecond)
		assert.False(t, r.isOn(), "at the expiry by the fleet's clock")
	}
}

func TestClock_SetBackExtendsNothing(t *testing.T) {
	t.Parallel()
	r := startRig(t, lasting(t, time.Minute), resyncing(time.Second))
	r.skew = -time.Hour // by it, the directive has an hour more
	r.run(epoch.Add(time.Minute).Sub(r.now))
	assert.False(t, r.isOn())
	assert.EqualValues(t, 1, r.f.Status().Counters.ClockJumps)
}

// TestClock_SetForwardEndsDirectivesEarlier is also what happens after this machine was
// suspended without notice.
func TestClock_SetForwardEndsDirectivesEarlier(t *testing.T) {
	t.Parallel()
	r := startRig(t, lasting(t, time.Hour), resyncing(time.Second))
	r.skew = 30 * time.Minute
	r.run(2 * time.Second)
	r.run(epoch.Add(30*time.Minute - time.Millisecond).Sub(r.now))
	assert.True(t, r.isOn())
	r.run(time.Millisecond)
	assert.False(t, r.isOn())
}

func TestClock_JumpIsConfirmedAndLoggedOnce(t *testing.T) {
	t.Parallel()
	for _, by := range []time.Duration{30 * time.Minute, -30 * time.Minute} {
		r := startRig(t, lasting(t, 2*time.Hour), resyncing(time.Second))
		before := len(r.fetches)
		r.skew = by
		r.until(2*time.Second, "a fetch measures the new clock", func() bool { return len(r.fetches) > before })
		assert.Zero(t, r.f.Status().Counters.ClockJumps, "one measurement confirms nothing")
		r.run(firstRetry)
		assert.EqualValues(t, 1, r.f.Status().Counters.ClockJumps)
		assert.Equal(t, 1, r.count(before, FetchClock), "the second measurement reads the clock only")
		r.run(10 * time.Minute)
		assert.EqualValues(t, 1, r.f.Status().Counters.ClockJumps)
		lines := r.logged("the clock of Redis jumped")
		require.Len(t, lines, 1)
		assert.Equal(t, by, lines[0].attr("by"))
		assert.Equal(t, by, r.f.Status().ClockOffset)
	}
}

// TestClock_OneWrongReadingIsIgnored has one reply to TIME show another day, as a server did
// whose clock was being set.
func TestClock_OneWrongReadingIsIgnored(t *testing.T) {
	t.Parallel()
	for _, skew := range []time.Duration{24 * time.Hour, -24 * time.Hour} {
		r := startRig(t, lasting(t, time.Hour), resyncing(time.Minute))
		before := len(r.fetches)
		r.skew = skew
		r.until(2*time.Minute, "the wrong reading", func() bool { return len(r.fetches) > before })
		r.skew = 0
		r.run(time.Minute)
		assert.True(t, r.isOn())
		status := r.f.Status()
		assert.Zero(t, status.Counters.ClockJumps)
		assert.Zero(t, status.ClockOffset)
		assert.Len(t, r.logged("one reading of the clock of Redis was wrong and is ignored"), 1)
		r.run(epoch.Add(time.Hour - time.Millisecond).Sub(r.now))
		assert.True(t, r.isOn())
		r.run(time.Millisecond)
		assert.False(t, r.isOn())
	}
}

// TestClock_FirstReadingIsConfirmed has the very first reply to TIME be wrong.
func TestClock_FirstReadingIsConfirmed(t *testing.T) {
	t.Parallel()
	for _, skew := range []time.Duration{24 * time.Hour, -24 * time.Hour} {
		r := newRig(t, lasting(t, time.Hour), resyncing(time.Minute))
		r.skew = skew
		r.run(0)
		require.Len(t, r.fetches, 1)
		assert.False(t, r.started, "the start waits for the second measurement")
		r.skew = 0
		r.run(time.Second) // a third measurement decides
		assert.True(t, r.started)
		assert.True(t, r.isOn())
		assert.Zero(t, r.f.Status().Counters.ClockJumps)
		assert.Zero(t, r.f.Status().ClockOffset)
		r.run(epoch.Add(time.Hour - time.Millisecond).Sub(r.now))
		assert.True(t, r.isOn())
		r.run(time.Millisecond)
		assert.False(t, r.isOn())
	}
}

// TestClock_DirectivePublishedAgain publishes the same expiry again once a clock that was
// ahead, and confirmed, is right again.
func TestClock_DirectivePublishedAgain(t *testing.T) {
	t.Parallel()
	r := startRig(t, lasting(t, time.Hour), resyncing(time.Second))
	r.skew = 24 * time.Hour
	r.run(time.Minute)
	assert.False(t, r.isOn(), "by the clock that is ahead, the directive has ended")
	require.EqualValues(t, 1, r.f.Status().Counters.ClockJumps)
	r.skew = 0
	r.run(time.Minute)
	require.EqualValues(t, 2, r.f.Status().Counters.ClockJumps)
	r.value = valueOf(t, 2, epoch.Add(time.Hour), "a")
	r.announce()
	r.run(time.Millisecond)
	assert.True(t, r.isOn())
	r.run(epoch.Add(time.Hour - time.Millisecond).Sub(r.now))
	assert.True(t, r.isOn())
	r.run(time.Millisecond)
	assert.False(t, r.isOn(), "at the expiry")
}

func TestClock_WithoutTimeTheLocalOneCounts(t *testing.T) {
	t.Parallel()
	r := newRig(t, lasting(t, time.Minute), resyncing(time.Second))
	r.noTime = errNoTime
	r.start()
	assert.True(t, r.isOn())
	r.run(epoch.Add(time.Minute).Sub(r.now))
	assert.False(t, r.isOn())
	assert.Len(t, r.logged("the clock of Redis cannot be read; expiries count on the clock of this machine"), 1)
}

// TestClock_WithoutTimeTheLocalOneMayBePutRight puts a machine's clock right that was behind.
func TestClock_WithoutTimeTheLocalOneMayBePutRight(t *testing.T) {
	t.Parallel()
	r := newRig(t, lasting(t, time.Minute), resyncing(time.Second))
	r.noTime, r.wall = errNoTime, -time.Hour
	r.start()
	r.run(2 * time.Second)
	r.wall = 0
	r.run(2 * time.Second)
	assert.True(t, r.isOn())
	r.wall = -time.Hour // it is wrong again, which extends nothing
	r.run(epoch.Add(time.Minute).Sub(r.now))
	assert.False(t, r.isOn())
}

// TestClock_OwnClockReplacesNoOther has TIME fail after it worked, on a machine whose clock is
// wrong.
func TestClock_OwnClockReplacesNoOther(t *testing.T) {
	t.Parallel()
	r := newRig(t, lasting(t, time.Minute), resyncing(time.Second))
	r.wall = time.Hour
	r.start()
	r.noTime = errNoTime
	r.run(10 * time.Second)
	assert.True(t, r.isOn())
	assert.Zero(t, r.f.Status().Counters.ClockJumps)
	r.wall = -time.Hour
	r.run(epoch.Add(time.Minute).Sub(r.now))
	assert.False(t, r.isOn())
}

// TestClock_OwnClockRefutesNoOther has TIME answer once on a machine whose clock is behind. The
// directive must end by that reading, because no other can be had.
func TestClock_OwnClockRefutesNoOther(t *testing.T) {
	t.Parallel()
	r := newRig(t, lasting(t, time.Minute), resyncing(time.Second))
	r.noTime, r.wall = errNoTime, -10*time.Hour
	r.start()
	r.run(2 * time.Second)
	before := len(r.fetches)
	r.noTime = nil
	r.until(2*time.Second, "a fetch reads the fleet's clock", func() bool { return len(r.fetches) > before })
	r.noTime = errNoTime
	r.run(epoch.Add(time.Minute - time.Millisecond).Sub(r.now))
	assert.True(t, r.isOn())
	assert.Empty(t, r.logged("one reading of the clock of Redis was wrong and is ignored"))
	r.run(time.Millisecond)
	assert.False(t, r.isOn())
}

func TestClock_AbsurdTimesDoNotCount(t *testing.T) {
	t.Parallel()
	for _, year := range []int{1999, 2262} {
		r := newRig(t, lasting(t, time.Minute), resyncing(time.Second))
		r.skew = time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC).Sub(epoch)
		r.start()
		assert.True(t, r.isOn(), "year %d", year)
		assert.Len(t, r.logged("the clock of Redis cannot be read; expiries count on the clock of this machine"), 1)
	}
}

// TestClock_LongRoundTrip lets each fetch take a second, which does not end a directive a
// second early.
func TestClock_LongRoundTrip(t *testing.T) {
	t.Parallel()
	r := startRig(t, lasting(t, time.Minute), resyncing(time.Second))
	r.latency = 900 * time.Millisecond
	r.run(epoch.Add(time.Minute - time.Millisecond).Sub(r.now))
	assert.True(t, r.isOn())
	assert.Zero(t, r.f.Status().Counters.ClockJumps)
	r.run(time.Millisecond)
	assert.False(t, r.isOn())
}

// TestClock_SuspectCountsIfRedisIsGone measures a clock that left less time to the directive,
// and loses Redis before a second measurement.
func TestClock_SuspectCountsIfRedisIsGone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		skew time.Duration
		isOn bool
	}{{24 * time.Hour, false}, {-24 * time.Hour, true}} {
		r := startRig(t, lasting(t, time.Hour), resyncing(time.Second))
		before := len(r.fetches)
		r.skew = c.skew
		r.until(2*time.Second, "one measurement", func() bool { return len(r.fetches) > before })
		r.err = errRefused
		r.run(time.Second)
		assert.Equal(t, c.isOn, r.isOn())
		r.err, r.skew = nil, 0
		r.run(5 * time.Second)
		assert.True(t, r.isOn(), "the clock was right after all")
	}
}

// TestClock_SuspendedMachine lets the local clock stand still for half an hour.
func TestClock_SuspendedMachine(t *testing.T) {
	t.Parallel()
	r := startRig(t, lasting(t, time.Hour), nil)
	r.skew += 30 * time.Minute
	r.deliver(Suspended{30 * time.Minute})
	r.run(epoch.Add(30*time.Minute - time.Millisecond).Sub(r.now))
	assert.True(t, r.isOn())
	r.run(time.Millisecond)
	assert.False(t, r.isOn())
	assert.Zero(t, r.f.Status().Counters.ClockJumps, "the clock of Redis did not jump")
}

// TestClock_SnapshotIsWrittenAgain checks that the file is written without a new value when
// the clock shows that less time is left, and only then.
func TestClock_SnapshotIsWrittenAgain(t *testing.T) {
	t.Parallel()
	r := startRig(t, lasting(t, time.Hour), resyncing(time.Second))
	r.run(10 * time.Second)
	require.Len(t, r.saves, 1)
	require.Equal(t, r.value, r.saves[0].Value)
	r.skew = -30 * time.Minute
	r.run(10 * time.Second)
	require.Len(t, r.saves, 1, "more time is left")
	r.skew = 30 * time.Minute
	r.run(10 * time.Second)
	require.Len(t, r.saves, 2)
	assert.Nil(t, r.saves[1].Value, "the value stays")
	shown := func(s Save) time.Time { return time.Unix(0, 0).UTC().Add(r.now.Sub(s.Epoch)) }
	assert.WithinDuration(t, r.now.Add(30*time.Minute), shown(r.saves[1]), time.Millisecond)
	head, err := wire.DecodeHeader(r.value)
	require.NoError(t, err)
	assert.Equal(t, head.ID, r.f.Status().Revision.ID)
}
