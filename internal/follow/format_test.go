package follow

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// inFormat returns a value with the number of another format.
func inFormat(t *testing.T, format byte, value []byte) []byte {
	t.Helper()
	const head = "\x87\xa6format"
	require.True(t, bytes.HasPrefix(value, []byte(head)))
	value = bytes.Clone(value)
	value[len(head)] = format
	return value
}

// TestFormat_UnknownIsRejectedWithVersionAndID publishes a revision that a later release may
// write.
func TestFormat_UnknownIsRejectedWithVersionAndID(t *testing.T) {
	t.Parallel()
	private, public := newKey(t)
	ends := epoch.Add(24 * time.Hour)
	for _, signed := range []bool{false, true} {
		seal := func(value []byte) []byte {
			if signed {
				return sealed(t, value, private)
			}
			return value
		}
		r := startRig(t, seal(valueOf(t, 1, ends, "first")), func(cfg *Config) {
			cfg.ResyncInterval = time.Minute
			if signed {
				cfg.Keys = ringOf(t, public)
			}
		})
		later := valueOf(t, 2, ends, "later")
		head, err := wire.DecodeHeader(later)
		require.NoError(t, err)
		r.value = seal(inFormat(t, wire.MaxFormat+1, later))
		r.message(announcementOf(head.Version, head.ID, 0))
		r.run(time.Second)

		status := r.f.Status()
		require.NotNil(t, status.Rejected)
		assert.Equal(t, wire.StateRejected, status.State)
		assert.EqualValues(t, 2, status.Rejected.Version)
		assert.Equal(t, head.ID, status.Rejected.ID)
		assert.Equal(t, wire.RejectInvalid, status.Rejected.Reason)
		assert.EqualError(t, status.Rejected.Err, "format: is 3, this fleetdial reads up to 2")
		lines := r.logged("revision rejected; the last good one stays")
		require.Len(t, lines, 1)
		assert.EqualValues(t, 2, lines[0].attr("version"))
		assert.Equal(t, head.ID, lines[0].attr("id"))
		assert.Equal(t, "first", r.set.Directives()[0].ID)
		assert.True(t, r.isOn(), "the set stays")

		// Nothing is read again and again because of it.
		before := len(r.fetches)
		r.run(time.Hour)
		assert.LessOrEqual(t, len(r.fetches)-before, 2*60)
		assert.Len(t, r.logged("revision rejected; the last good one stays"), 1)
		assert.EqualValues(t, 1, r.f.Status().Counters.Rejections[wire.RejectInvalid])

		r.value = seal(valueOf(t, 3, ends, "third"))
		r.announce()
		r.run(time.Second)
		assert.Equal(t, wire.StateLive, r.f.Status().State)
		assert.Nil(t, r.f.Status().Rejected)
		assert.Equal(t, "third", r.set.Directives()[0].ID)
		assert.Zero(t, r.f.Status().Counters.Corrections)
		assert.Equal(t, 1, r.sessions)
	}
}

// TestFormat_UnknownAtTheStart starts on a value that a later release may write.
func TestFormat_UnknownAtTheStart(t *testing.T) {
	t.Parallel()
	r := newRig(t, inFormat(t, wire.MaxFormat+1, lasting(t, time.Hour)), nil)
	r.until(time.Second, "the follower has started", func() bool { return r.started })
	require.NotNil(t, r.f.Status().Rejected)
	assert.EqualValues(t, 1, r.f.Status().Rejected.Version)
	assert.NotEmpty(t, r.f.Status().Rejected.ID)
	assert.Equal(t, wire.StateRejected, r.f.Status().State)
	assert.Zero(t, r.set.Len())
}

// TestFormat_2IsApplied applies a directive of one instance, which ends when it should on that
// instance, and applies to no other.
func TestFormat_2IsApplied(t *testing.T) {
	t.Parallel()
	r := startRig(t, lasting(t, time.Minute), nil)
	rev, err := wire.Decode(r.value)
	require.NoError(t, err)
	all := rev.Set.Directives()
	all[0].Instances, all[0].MaxPerSecond = &directive.Instances{Names: []string{"here"}}, 5
	rev.ID, rev.Version = wire.NewID(), 2
	rev.Set, err = directive.NewSet(all)
	require.NoError(t, err)
	r.value, err = wire.Encode(rev)
	require.NoError(t, err)
	r.announce()
	r.run(0)
	require.Equal(t, wire.StateLive, r.f.Status().State)
	assert.False(t, r.isOn(), "the whole set is of no instance")
	isOn := func(name string) bool {
		return r.set.ForInstance(name, nil).Evaluate(directive.Request{}, r.now).Level == directive.Shape
	}
	assert.True(t, isOn("here"))
	assert.False(t, isOn("there"))
	r.run(epoch.Add(time.Minute).Sub(r.now) - 1)
	assert.True(t, isOn("here"))
	r.run(1)
	assert.False(t, isOn("here"))
}
