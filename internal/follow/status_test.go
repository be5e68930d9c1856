package follow

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/clock"
	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/histogram"
	"github.com/fleetdial/fleetdial/internal/wire"
)

func TestHistogram_Bounds(t *testing.T) {
	t.Parallel()
	h := histogram.New()
	before := h
	for _, d := range []time.Duration{-time.Second, time.Millisecond, time.Millisecond + 1, time.Minute, time.Minute + 1} {
		h.Observe(d)
	}
	assert.EqualValues(t, 2, h.Counts[0])
	assert.EqualValues(t, 1, h.Counts[1])
	assert.EqualValues(t, 1, h.Counts[len(h.Bounds)-1])
	assert.EqualValues(t, 1, h.Counts[len(h.Bounds)])
	assert.Equal(t, 2*time.Minute+2*time.Millisecond+2, h.Sum)
	assert.Equal(t, make([]uint64, len(h.Counts)), before.Counts, "an earlier status does not change")
}

// TestStatus_Latencies applies revisions at known times: the first one, one that is announced
// twice, one that is not announced and one that goes back.
func TestStatus_Latencies(t *testing.T) {
	t.Parallel()
	encode := func(version int64, published time.Time) []byte {
		b, err := wire.Encode(wire.Revision{
			ID: wire.NewID(), Version: version, PublishedAt: published.Truncate(time.Millisecond), Set: new(directive.Set),
		})
		require.NoError(t, err)
		return b
	}
	// The clock of Redis is an hour ahead.
	r := newRig(t, encode(1, epoch), resyncing(time.Minute))
	r.skew = time.Hour
	r.start()
	r.run(epoch.Add(100 * time.Millisecond).Sub(r.now))

	announced := encode(2, r.now.Add(r.skew))
	old := r.value
	r.value = announced
	r.run(3 * time.Millisecond)
	r.latency = 20 * time.Millisecond
	r.announce()
	r.announce()
	r.run(200 * time.Millisecond)
	require.EqualValues(t, 2, r.f.Status().Revision.Version)
	r.latency = 0
	assert.Equal(t, 20*time.Millisecond, r.f.Status().AnnounceToApply.Sum)
	assert.Equal(t, 23*time.Millisecond, r.f.Status().PublishToApply.Sum)

	r.value = encode(3, r.now.Add(r.skew))
	r.run(10 * time.Second)
	require.NoError(t, r.refresh())
	r.value = old
	require.NoError(t, r.refresh())
	s := r.f.Status()
	assert.EqualValues(t, 1, s.Counters.Regressions)
	assert.Equal(t, 20*time.Millisecond, s.AnnounceToApply.Sum)
	assert.InDelta(t, 10*time.Second+23*time.Millisecond, s.PublishToApply.Sum, float64(time.Millisecond))
	assert.Equal(t, r.now, s.LastSync)
	assert.Equal(t, r.now, s.AppliedAt)
}

// TestStatus_DoesNotChange keeps a status while the follower goes on.
func TestStatus_DoesNotChange(t *testing.T) {
	t.Parallel()
	r := startRig(t, lasting(t, time.Hour), nil)
	r.value = []byte("junk")
	require.Error(t, r.refresh())
	kept := r.f.Status()
	before := kept.Clone()
	r.value = []byte("rubbish")
	require.Error(t, r.refresh())
	r.value = valueOf(t, 2, epoch.Add(time.Hour), "b")
	r.announce()
	r.run(time.Second)
	assert.Equal(t, before, kept)
	assert.NotEqual(t, before.Counters, r.f.Status().Counters)
}

func TestRestore_CountsOnTheSnapshotsClock(t *testing.T) {
	t.Parallel()
	value := lasting(t, time.Minute)
	r := newRig(t, value, resyncing(time.Second))
	r.err = errRefused
	// 20 of the directive's 60 seconds were over when the snapshot was read.
	out, err := r.f.Restore(value, clock.EpochOf(r.now, r.now.Add(20*time.Second)), true)
	require.NoError(t, err)
	r.set = out.Set
	require.NotNil(t, out.Applied)
	assert.Equal(t, wire.SourceSnapshot, r.f.Status().Source)
	assert.Equal(t, wire.StateStale, r.f.Status().State)
	r.run(20 * time.Second)
	assert.True(t, r.isOn())
	r.err = nil
	r.run(5 * time.Second)
	assert.Equal(t, wire.SourceLive, r.f.Status().Source)
	assert.Zero(t, r.f.Status().Counters.Applies, "Redis confirms the set")
	// By the clock of Redis, no time has passed before the start. The snapshot's clock counts.
	r.run(epoch.Add(40*time.Second - time.Millisecond).Sub(r.now))
	assert.True(t, r.isOn())
	r.run(time.Millisecond)
	assert.False(t, r.isOn())
}

func TestRestore_RemembersTheSignedVersionOnly(t *testing.T) {
	t.Parallel()
	private, public := newKey(t)
	ends := epoch.Add(time.Hour)
	first, second := sealed(t, valueOf(t, 1, ends, "a"), private), sealed(t, valueOf(t, 2, ends, "b"), private)
	r := newRig(t, first, func(cfg *Config) { cfg.Keys = ringOf(t, public) })
	out, err := r.f.Restore(second, epoch, false)
	require.NoError(t, err)
	assert.Equal(t, Effects{}, out)
	r.start()
	assert.Empty(t, r.set.Directives())
	assert.Equal(t, wire.RejectReplayed, r.f.Status().Rejected.Reason)
	r.value = second
	require.NoError(t, r.refresh())
	assert.Equal(t, "b", r.set.Directives()[0].ID)

	_, err = newRig(t, nil, func(cfg *Config) { cfg.Keys = ringOf(t, public) }).f.Restore(lasting(t, time.Hour), epoch, true)
	require.ErrorIs(t, err, wire.ErrUnsigned)
}
