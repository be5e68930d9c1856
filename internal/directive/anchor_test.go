package directive

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// endsAt returns the local time at which the set's only directive ends.
func endsAt(t require.TestingT, s *Set) time.Time {
	require.Equal(t, 1, s.Len())
	return s.epoch.Add(s.program.rules[0].expiry)
}

func TestP4AnchoredSetsEndOnTheOtherClock(t *testing.T) {
	t.Parallel()
	local := time.Now()
	// Redis shows noon at the local time `local`, whatever the local wall clock shows.
	epoch := local.Add(-time.Duration(noon.UnixNano()))
	s := Anchor(newSet(t, dir("a", nil)), epoch)
	assert.Equal(t, Shape, s.Evaluate(Request{}, local.Add(time.Hour-1)).Level)
	assert.Equal(t, Off, s.Evaluate(Request{}, local.Add(time.Hour)).Level)
	assert.Equal(t, noon.Add(time.Hour), s.Directives()[0].ExpiresAt.UTC(), "the expiry itself stays")
	assert.NotNil(t, Anchor(nil, epoch))
}

func TestP4AClockThatGoesBackProlongsNothing(t *testing.T) {
	t.Parallel()
	epoch := time.Unix(1000, 0)
	one := dir("a", nil)
	before := Anchor(newSet(t, one), epoch)
	back := epoch.Add(time.Minute) // the clock reads a minute less than it should

	same := AnchorAfter(newSet(t, one), before, back)
	assert.Equal(t, endsAt(t, before), endsAt(t, same), "carried over: the old deadline stays")
	again := AnchorAfter(newSet(t, one), same, back.Add(time.Minute))
	assert.Equal(t, endsAt(t, before), endsAt(t, again), "and stays")

	longer := AnchorAfter(newSet(t, dir("a", func(d *Directive) { d.ExpiresAt = noon.Add(2 * time.Hour) })), before, back)
	assert.Equal(t, endsAt(t, before).Add(time.Hour+time.Minute), endsAt(t, longer), "another expiry is another directive")

	jitter := AnchorAfter(newSet(t, one), before, epoch.Add(tolerance))
	assert.Equal(t, endsAt(t, before), endsAt(t, jitter), "within a round trip, the earlier measurement holds")

	ahead := AnchorAfter(newSet(t, one), before, epoch.Add(-time.Minute))
	assert.Equal(t, endsAt(t, before).Add(-time.Minute), endsAt(t, ahead))
}

func TestP4ReanchorOnlyShortens(t *testing.T) {
	t.Parallel()
	epoch := time.Unix(1000, 0)
	s := Anchor(newSet(t, dir("a", nil)), epoch)
	assert.Same(t, s, Reanchor(s, epoch.Add(time.Hour)))
	assert.Same(t, s, Reanchor(s, epoch.Add(-tolerance)))
	assert.Equal(t, endsAt(t, s).Add(-time.Minute), endsAt(t, Reanchor(s, epoch.Add(-time.Minute))),
		"after a suspend, the deadline comes nearer")
	empty := &Set{}
	assert.Same(t, empty, Reanchor(empty, epoch))
}

func TestP4NoMeasurementProlongs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		epoch := time.Unix(1_000_000, 0)
		set, err := NewSet([]Directive{dir("a", nil)})
		require.NoError(t, err)
		current := Anchor(set, epoch)
		deadline := endsAt(t, current)
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			epoch = epoch.Add(time.Duration(rapid.IntRange(-5000, 5000).Draw(t, "moved")) * time.Millisecond)
			if rapid.Bool().Draw(t, "new revision") {
				fresh, err := NewSet([]Directive{dir("a", nil)})
				require.NoError(t, err)
				current = AnchorAfter(fresh, current, epoch)
			} else {
				current = Reanchor(current, epoch)
			}
			next := endsAt(t, current)
			require.False(t, next.After(deadline), "%v after %v", next, deadline)
			deadline = next
		}
	})
}

func TestAClockThatIsPutRightAgainCostsNoTime(t *testing.T) {
	t.Parallel()
	epoch := time.Unix(1000, 0)
	set := newSet(t, dir("a", nil))
	right := Anchor(set, epoch)
	wrong := AnchorAfter(set, right, epoch.Add(time.Hour)) // which keeps the deadline
	again := Reanchor(wrong, epoch)
	assert.Equal(t, endsAt(t, right), endsAt(t, again))
	assert.Equal(t, endsAt(t, right), endsAt(t, AnchorAfter(set, again, epoch)), "nor does the next revision")
}

func TestP4NothingEndsLaterByTheEarliestEpoch(t *testing.T) {
	t.Parallel()
	epoch := time.Unix(1000, 0)
	assert.Equal(t, time.Time{}, (&Set{}).EarliestEpoch())
	before := Anchor(newSet(t, dir("a", nil)), epoch)
	assert.Equal(t, epoch, before.EarliestEpoch())
	after := AnchorAfter(newSet(t, dir("a", nil), dir("b", nil)), before, epoch.Add(time.Hour))
	assert.Equal(t, epoch, after.EarliestEpoch(), "of a directive that kept its deadline")
	assert.Equal(t, epoch.Add(time.Hour), AnchorAfter(newSet(t, dir("b", nil)), before, epoch.Add(time.Hour)).EarliestEpoch())
}
