package follow

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// TestValue_AlteredUnderItsIDIsNoticed changes a value and keeps its header.
func TestValue_AlteredUnderItsIDIsNoticed(t *testing.T) {
	t.Parallel()
	ends := epoch.Add(time.Hour)
	for name, c := range map[string]struct {
		alter func(value []byte) []byte
		// resyncs is after how many the change is noticed, and state the state then.
		resyncs int
		state   wire.State
	}{
		"truncated": {func(v []byte) []byte { return v[:len(v)-1] }, 1, wire.StateRejected},
		"extended":  {func(v []byte) []byte { return append(v, 0) }, 1, wire.StateRejected},
		"another valid set of the same length": {func(v []byte) []byte {
			return bytes.Replace(v, []byte("first"), []byte("other"), 1)
		}, fullResync, wire.StateLive},
		"an invalid set of the same length": {func(v []byte) []byte {
			return bytes.Replace(v, []byte("Shape"), []byte("shape"), 1)
		}, fullResync, wire.StateRejected},
	} {
		rev, err := wire.Decode(valueOf(t, 1, ends, "first"))
		require.NoError(t, err)
		rev.Reason = strings.Repeat("r", wire.HeaderBytes) // so that the header holds no directive
		original, err := wire.Encode(rev)
		require.NoError(t, err)
		r := startRig(t, original, resyncing(time.Minute))
		id := r.f.Status().Revision.ID
		r.value = c.alter(bytes.Clone(original))
		require.NotEqual(t, original, r.value)
		require.Equal(t, original[:wire.HeaderBytes], r.value[:wire.HeaderBytes])
		before := r.f.resyncs
		r.until(time.Hour, name, func() bool {
			return r.f.Status().Counters.Applies > 1 || len(r.f.Status().Counters.Rejections) > 0
		})
		r.run(0)
		assert.Equal(t, c.resyncs, r.f.resyncs-before, name)
		status := r.f.Status()
		assert.Equal(t, c.state, status.State, name)
		assert.Equal(t, id, status.Revision.ID, name)
		want := "first"
		if c.state == wire.StateLive {
			want = "other"
			assert.Equal(t, wire.Digest(r.value), r.f.Digest().String(), name)
			assert.Len(t, r.logged("revision applied again, because its value was altered under its id"), 1, name)
		} else {
			assert.Len(t, r.logged("revision rejected; the last good one stays"), 1, name)
		}
		assert.Equal(t, want, r.set.Directives()[0].ID, name)
		r.run(time.Hour)
		assert.Zero(t, r.f.Status().Counters.Corrections, "%s: no announcement was lost", name)
		assert.Equal(t, 1, r.sessions, name)
	}
}

// TestValue_ReencodedSignatureIsRejected writes a signature in another form, which a user can do
// who cannot sign.
func TestValue_ReencodedSignatureIsRejected(t *testing.T) {
	t.Parallel()
	private, public := newKey(t)
	good := sealed(t, lasting(t, time.Hour), private)
	seal := good[len(good)-wire.SignatureBytes:]
	body := good[:len(good)-wire.SignatureBytes]
	for name, spoiled := range map[string][]byte{
		"a map in 3 bytes": append(append(bytes.Clone(body), 0xde, 0, 2), seal[1:]...),
		"upper case":       append(bytes.Clone(body), bytes.ToUpper(seal)...),
		"a key in 2 bytes": append(append(bytes.Clone(body), seal[0], 0xd9, 3), seal[2:]...),
	} {
		r := startRig(t, good, func(cfg *Config) { cfg.Keys, cfg.ResyncInterval = ringOf(t, public), time.Second })
		for range 100 {
			r.value = spoiled
			r.message("fetch")
			r.run(time.Second)
			r.value = good
			r.message("fetch")
			r.run(time.Second)
		}
		status := r.f.Status()
		assert.EqualValues(t, 1, status.Counters.Applies, name)
		assert.Positive(t, status.Counters.Rejections[wire.RejectAltered], name)
		assert.Equal(t, wire.StateLive, status.State, name)
		assert.LessOrEqual(t, len(r.lines), linesIn(4*time.Minute), name)
	}
}

// linesIn returns how many lines about states and rejections the log may get in a time.
func linesIn(d time.Duration) int { return stateBurst + int(d/time.Minute)*stateBurst + 1 }

// TestValue_FlappingKeyDoesNotFloodTheLog has a key change several times a second.
func TestValue_FlappingKeyDoesNotFloodTheLog(t *testing.T) {
	t.Parallel()
	private, public := newKey(t)
	for name, isSigned := range map[string]bool{"unsigned": false, "signed": true} {
		for what, flap := range map[string]func(r *rig, on bool){
			"missing":         func(r *rig, on bool) { r.missing = on },
			"of another type": func(r *rig, on bool) { r.wrongType = on },
		} {
			value := lasting(t, time.Hour)
			if isSigned {
				value = sealed(t, value, private)
			}
			r := startRig(t, value, func(cfg *Config) {
				if isSigned {
					cfg.Keys = ringOf(t, public)
				}
			})
			const minutes = 5
			before := len(r.lines)
			for i := range minutes * 600 {
				flap(r, i/3%2 == 0)
				r.message("fetch")
				r.run(100 * time.Millisecond)
			}
			lines := r.lines[before:]
			assert.LessOrEqual(t, len(lines), linesIn(minutes*time.Minute), "%s, %s", name, what)
			assert.EqualValues(t, 1, r.f.Status().Counters.Applies)
			suppressed := 0
			for _, line := range lines {
				if n, ok := line.attr("suppressed").(int); ok {
					suppressed += n
				}
			}
			assert.Greater(t, suppressed, 100, "%s, %s: the lines tell how many are left out", name, what)
		}
	}
}

// TestValue_RejectionsDoNotFloodTheLog is about a user who can write the key, and cannot sign:
// each value may be another.
func TestValue_RejectionsDoNotFloodTheLog(t *testing.T) {
	t.Parallel()
	_, public := newKey(t)
	r := newRig(t, []byte("junk"), func(cfg *Config) { cfg.Keys = ringOf(t, public) })
	r.start()
	const minutes = 5
	for i := range minutes * 600 {
		r.value = append([]byte("junk "), byte(i>>8), byte(i))
		r.message("fetch")
		r.run(100 * time.Millisecond)
	}
	rejected := r.f.Status().Counters.Rejections[wire.RejectMalformed]
	assert.Greater(t, rejected, int64(minutes*60*4), "each value that is read is counted")
	assert.LessOrEqual(t, len(r.logged("revision rejected; the last good one stays")), linesIn(minutes*time.Minute))
	suppressed := 0
	for _, line := range r.lines {
		if n, ok := line.attr("suppressed").(int); ok {
			suppressed += n
		}
	}
	assert.Greater(t, suppressed, 100)
	assert.Empty(t, r.logged("state changed"), "the line of the rejection tells of the state")
}

// TestValue_AppliesDoNotFloodTheLog publishes 20 revisions a second.
func TestValue_AppliesDoNotFloodTheLog(t *testing.T) {
	t.Parallel()
	r := startRig(t, lasting(t, time.Hour), nil)
	const minutes = 2
	for i := range minutes * 60 * 20 {
		r.value = valueOf(t, int64(i+2), epoch.Add(time.Hour), "a")
		r.announce()
		r.run(50 * time.Millisecond)
	}
	assert.EqualValues(t, minutes*60*20+1, r.f.Status().Counters.Applies)
	lines := r.logged("revision applied")
	assert.LessOrEqual(t, len(lines), applyBurst*(minutes+1))
	assert.Equal(t, wire.State("live"), lines[0].attr("state"))
	assert.Empty(t, r.logged("state changed"))
}

// TestValue_SignedReplayIsRejected writes an older revision of the fleet, and the newest again.
func TestValue_SignedReplayIsRejected(t *testing.T) {
	t.Parallel()
	private, public := newKey(t)
	ends := epoch.Add(time.Hour)
	first, second := sealed(t, valueOf(t, 1, ends, "a"), private), sealed(t, valueOf(t, 2, ends, "b"), private)
	r := startRig(t, first, func(cfg *Config) { cfg.Keys = ringOf(t, public) })
	r.value = second
	require.NoError(t, r.refresh())
	r.value = first
	rejected := new(RejectedError)
	require.ErrorAs(t, r.refresh(), &rejected)
	require.ErrorAs(t, r.refresh(), &rejected, "again, although it is known")
	assert.Equal(t, wire.RejectReplayed, r.f.Status().Rejected.Reason)
	assert.EqualValues(t, 1, r.f.Status().Counters.Rejections[wire.RejectReplayed])
	assert.Equal(t, "b", r.set.Directives()[0].ID)
	r.value = second
	require.NoError(t, r.refresh())
	assert.Equal(t, wire.StateLive, r.f.Status().State)
	assert.EqualValues(t, 2, r.f.Status().Counters.Applies)
}

// TestValue_LowerVersionUnderTheSameIDAllowsNoReplay writes the newest revision again with a lower
// version, and then a revision between the two.
func TestValue_LowerVersionUnderTheSameIDAllowsNoReplay(t *testing.T) {
	t.Parallel()
	private, public := newKey(t)
	ends := epoch.Add(time.Hour)
	newest := valueOf(t, 9, ends, "newest")
	rev, err := wire.Decode(newest)
	require.NoError(t, err)
	rev.Version = 3
	lower, err := wire.Encode(rev)
	require.NoError(t, err)
	r := startRig(t, sealed(t, newest, private), func(cfg *Config) { cfg.Keys = ringOf(t, public) })
	r.value = sealed(t, lower, private)
	require.NoError(t, r.refresh())
	r.value = sealed(t, valueOf(t, 5, ends, "between"), private)
	rejected := new(RejectedError)
	require.ErrorAs(t, r.refresh(), &rejected)
	assert.Equal(t, wire.RejectReplayed, r.f.Status().Rejected.Reason)
	assert.Equal(t, "newest", r.set.Directives()[0].ID)
}

// TestValue_DirectiveKeepsItsExpiry carries a directive over to another revision after the
// clock of Redis went back, which extends nothing.
func TestValue_DirectiveKeepsItsExpiry(t *testing.T) {
	t.Parallel()
	r := startRig(t, lasting(t, time.Minute), resyncing(time.Second))
	r.skew = -time.Hour
	r.run(3 * time.Second)
	rev, err := wire.Decode(r.value)
	require.NoError(t, err)
	rev.ID, rev.Version = wire.NewID(), 2
	more := directive.Directive{
		ID: "b", Level: directive.ShapeTiming, SamplePerMille: 1000, ExpiresAt: r.now.Add(r.skew + 10*time.Second),
	}
	rev.Set, err = directive.NewSet(append(rev.Set.Directives(), more))
	require.NoError(t, err)
	r.value, err = wire.Encode(rev)
	require.NoError(t, err)
	r.announce()
	r.run(0)
	level := func() directive.Level { return r.set.Evaluate(directive.Request{}, r.now).Level }
	assert.Equal(t, directive.ShapeTiming, level())
	r.run(10*time.Second - time.Millisecond)
	assert.Equal(t, directive.ShapeTiming, level(), "a new directive counts on the clock of Redis")
	r.run(time.Millisecond)
	assert.Equal(t, directive.Shape, level())
	r.run(epoch.Add(time.Minute).Sub(r.now))
	assert.Equal(t, directive.Off, level())
}
