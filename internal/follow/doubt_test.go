package follow

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/wire"
)

// TestValue_RestoredAfterAlteration alters a value under its header, and puts it back. Both
// have the same header, so that only the whole value tells.
func TestValue_RestoredAfterAlteration(t *testing.T) {
	t.Parallel()
	rev, err := wire.Decode(valueOf(t, 1, epoch.Add(24*time.Hour), "first"))
	require.NoError(t, err)
	rev.Reason = strings.Repeat("r", wire.HeaderBytes)
	original, err := wire.Encode(rev)
	require.NoError(t, err)
	r := startRig(t, original, resyncing(time.Minute))
	r.value = bytes.Replace(original, []byte("Shape"), []byte("shape"), 1)
	r.until(time.Hour, "rejected", func() bool { return r.f.Status().State == wire.StateRejected })
	require.Error(t, r.refresh())
	r.value = original
	require.NoError(t, r.refresh())
	assert.Equal(t, wire.StateLive, r.f.Status().State)
	assert.EqualValues(t, 1, r.f.Status().Counters.Applies)
}

// TestClock_WrongReadingIsInNoOffset reads a wrong clock once, with the fetch that applies a
// revision.
func TestClock_WrongReadingIsInNoOffset(t *testing.T) {
	t.Parallel()
	r := startRig(t, lasting(t, time.Hour), nil)
	r.value = valueOf(t, 2, epoch.Add(time.Hour), "b")
	fetches := len(r.fetches)
	r.skew = 24 * time.Hour
	r.announce()
	r.until(time.Second, "the fetch begins", func() bool { return len(r.fetches) > fetches })
	r.skew = 0
	r.run(time.Second)
	status := r.f.Status()
	assert.EqualValues(t, 2, status.Revision.Version)
	assert.Zero(t, status.ClockOffset)
	assert.Less(t, status.PublishToApply.Sum, time.Hour)
}

// TestClock_SnapshotGetsBackWhatAWrongReadingTook starts with one wrong reading of the clock,
// which leaves less time.
func TestClock_SnapshotGetsBackWhatAWrongReadingTook(t *testing.T) {
	t.Parallel()
	r := newRig(t, lasting(t, time.Hour), nil)
	r.skew = 24 * time.Hour
	r.run(0)
	r.skew = 0
	r.run(time.Minute)
	require.NotEmpty(t, r.saves)
	last := r.saves[len(r.saves)-1]
	assert.Nil(t, last.Value, "the value stays")
	assert.WithinDuration(t, time.Unix(0, 0), last.Epoch, time.Second, "the right clock")
}

// TestClock_MeasurementEndsNoSpread has a clock that disagrees while a fetch is spread.
func TestClock_MeasurementEndsNoSpread(t *testing.T) {
	t.Parallel()
	for range 20 {
		r := startRig(t, lasting(t, time.Hour), nil)
		r.value = valueOf(t, 2, epoch.Add(time.Hour), "b")
		header, err := wire.DecodeHeader(r.value)
		require.NoError(t, err)
		r.message(announcementOf(2, header.ID, wire.MaxSpread))
		at := r.f.next.notBefore
		r.f.clockAt = r.now // as after a measurement that disagrees
		r.run(0)
		require.NotNil(t, r.f.next)
		assert.Equal(t, at, r.f.next.notBefore)
	}
}
