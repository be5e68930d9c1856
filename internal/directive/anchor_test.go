package directive

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// endsAt returns the local time at which the first rule of the set ends.
func endsAt(t require.TestingT, s *Set) time.Time {
	require.NotEmpty(t, s.program.rules)
	return s.epoch.Add(s.program.rules[0].expiry)
}

func TestAnchor_CountsOnTheOtherClock(t *testing.T) {
	t.Parallel()
	local := time.Now()
	// Redis shows noon at the local time, whatever the local wall clock shows.
	epoch := local.Add(-time.Duration(noon.UnixNano()))
	s := Anchor(newSet(t, dir("a", nil)), epoch)
	assert.Equal(t, Shape, s.Evaluate(Request{}, local.Add(time.Hour-1)).Level)
	assert.Equal(t, Off, s.Evaluate(Request{}, local.Add(time.Hour)).Level)
	assert.Equal(t, noon.Add(time.Hour), s.Directives()[0].ExpiresAt.UTC(), "the expiry itself stays")
	assert.NotNil(t, Anchor(nil, epoch))
}

func TestAnchorAfter_ClockThatGoesBackExtendsNothing(t *testing.T) {
	t.Parallel()
	epoch := time.Unix(1000, 0)
	one := dir("a", nil)
	before := Anchor(newSet(t, one), epoch)
	back := epoch.Add(time.Minute) // the clock reads a minute less than it should

	same := AnchorAfter(newSet(t, one), before, back, false)
	assert.Equal(t, endsAt(t, before), endsAt(t, same), "a carried directive keeps its deadline")
	again := AnchorAfter(newSet(t, one), same, back.Add(time.Minute), false)
	assert.Equal(t, endsAt(t, before), endsAt(t, again), "in each revision")

	longer := AnchorAfter(newSet(t, dir("a", func(d *Directive) { d.ExpiresAt = noon.Add(2 * time.Hour) })), before, back, false)
	assert.Equal(t, endsAt(t, before).Add(time.Hour+time.Minute), endsAt(t, longer), "another expiry is another directive")

	jitter := AnchorAfter(newSet(t, one), before, epoch.Add(ClockTolerance), false)
	assert.Equal(t, endsAt(t, before), endsAt(t, jitter), "within the tolerance, the earlier measurement counts")

	ahead := AnchorAfter(newSet(t, one), before, epoch.Add(-time.Minute), false)
	assert.Equal(t, endsAt(t, before).Add(-time.Minute), endsAt(t, ahead))
}

func TestAnchorAfter_DirectivePublishedAgainAfterAWrongClock(t *testing.T) {
	t.Parallel()
	epoch := time.Unix(1000, 0)
	one := dir("a", nil)
	right := Anchor(newSet(t, one), epoch)
	ahead := Reanchor(right, epoch.Add(-24*time.Hour))
	assert.Equal(t, endsAt(t, right).Add(-24*time.Hour), endsAt(t, ahead))
	assert.Same(t, ahead, Reanchor(ahead, epoch), "the set in force gets no time back")

	again := AnchorAfter(newSet(t, one), ahead, epoch.Add(time.Millisecond), false)
	assert.Equal(t, endsAt(t, right), endsAt(t, again), "a directive that is published again ends when it did at first")
	between := AnchorAfter(newSet(t, one, dir("b", nil)), ahead, epoch.Add(-24*time.Hour), false)
	assert.Equal(t, endsAt(t, ahead), endsAt(t, between))
	assert.Equal(t, endsAt(t, right), endsAt(t, AnchorAfter(newSet(t, one), between, epoch, false)))
}

// TestAnchorAfter_KeepsOriginOfEachDirective publishes sets of one directive more each time.
// Before each, the clock turns out to be wrong in another way.
func TestAnchorAfter_KeepsOriginOfEachDirective(t *testing.T) {
	t.Parallel()
	const n = 2 * smallSet // the last sets are looked up by name
	var all []Directive
	var origins []time.Time
	current := &Set{}
	for i := range n {
		id := fmt.Sprint(i)
		all = append(all, dir(id, func(d *Directive) { d.Match.Tenant = id }))
		epoch := time.Unix(1000, 0).Add(time.Duration(i*7%n) * time.Minute)
		origins = append(origins, epoch)
		shuffled := slices.Clone(all)
		slices.Reverse(shuffled) // a directive stays the same at another index
		current = AnchorAfter(newSet(t, shuffled...), current, epoch, false)
		for j, origin := range origins {
			from := origin
			if epoch.Before(from) {
				from = epoch
			}
			end := from.Add(time.Duration(noon.Add(time.Hour).UnixNano()))
			req := Request{Tenant: fmt.Sprint(j)}
			assert.Equal(t, Shape, current.Evaluate(req, end.Add(-1)).Level, "directive %d of %d", j, i+1)
			assert.Equal(t, Off, current.Evaluate(req, end).Level, "directive %d of %d", j, i+1)
		}
	}
}

func TestReanchor_OnlyShortens(t *testing.T) {
	t.Parallel()
	epoch := time.Unix(1000, 0)
	s := Anchor(newSet(t, dir("a", nil)), epoch)
	assert.Same(t, s, Reanchor(s, epoch.Add(time.Hour)))
	assert.Same(t, s, Reanchor(s, epoch.Add(-ClockTolerance)))
	assert.Equal(t, endsAt(t, s).Add(-time.Minute), endsAt(t, Reanchor(s, epoch.Add(-time.Minute))),
		"after a suspend, the deadline comes nearer")
	empty := &Set{}
	assert.Same(t, empty, Reanchor(empty, epoch))
}

func TestSettle_GivesBackWhatOneReadingTook(t *testing.T) {
	t.Parallel()
	epoch := time.Unix(1000, 0)
	set := newSet(t, dir("a", nil))
	first := AnchorAfter(set, &Set{}, epoch.Add(-24*time.Hour), true)
	settled := Settle(first, epoch)
	assert.Equal(t, endsAt(t, Anchor(set, epoch)), endsAt(t, settled), "the first reading was wrong")
	assert.Equal(t, endsAt(t, settled), endsAt(t, Settle(settled, epoch.Add(time.Hour))), "a confirmed clock is a limit")

	carried := AnchorAfter(newSet(t, dir("a", nil), dir("b", nil)), first, epoch.Add(-24*time.Hour), true)
	assert.Equal(t, endsAt(t, settled), endsAt(t, Settle(carried, epoch)))
	assert.Equal(t, endsAt(t, settled), endsAt(t, Settle(carried, epoch)), "the provisional set stays as it is")
}

// TestAnchor_NoMeasurementExtends moves the clock at random and holds that no directive ends
// later than by its first anchor, and that a set in force never ends later than before.
func TestAnchor_NoMeasurementExtends(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		epoch := time.Unix(1_000_000, 0)
		set, err := NewSet([]Directive{dir("a", nil)})
		require.NoError(t, err)
		current := Anchor(set, epoch)
		first := endsAt(t, current)
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			epoch = epoch.Add(time.Duration(rapid.IntRange(-5000, 5000).Draw(t, "moved")) * time.Millisecond)
			before := endsAt(t, current)
			switch rapid.IntRange(0, 2).Draw(t, "step") {
			case 0:
				fresh, err := NewSet([]Directive{dir("a", nil)})
				require.NoError(t, err)
				current = AnchorAfter(fresh, current, epoch, rapid.Bool().Draw(t, "provisional"))
			case 1:
				current = Reanchor(current, epoch)
				require.False(t, endsAt(t, current).After(before), "extended by Reanchor")
			case 2:
				current = Settle(current, epoch)
			}
			require.False(t, endsAt(t, current).After(first), "%v after %v", endsAt(t, current), first)
			require.False(t, EarliestEpoch(current).After(first.Add(-set.directives.expiry(0))))
		}
	})
}

func TestEarliestEpoch_NothingEndsLater(t *testing.T) {
	t.Parallel()
	epoch := time.Unix(1000, 0)
	assert.Equal(t, time.Time{}, EarliestEpoch(&Set{}))
	before := Anchor(newSet(t, dir("a", nil)), epoch)
	assert.Equal(t, epoch, EarliestEpoch(before))
	after := AnchorAfter(newSet(t, dir("a", nil), dir("b", nil)), before, epoch.Add(time.Hour), false)
	assert.Equal(t, epoch, EarliestEpoch(after), "of a directive that kept its deadline")
	assert.Equal(t, epoch.Add(time.Hour), EarliestEpoch(AnchorAfter(newSet(t, dir("b", nil)), before, epoch.Add(time.Hour), false)))
}

func TestShift_MovesLimitsToo(t *testing.T) {
	t.Parallel()
	epoch := time.Unix(1000, 0)
	one := dir("a", nil)
	before := Anchor(newSet(t, one), epoch)
	limited := AnchorAfter(newSet(t, one), before, epoch.Add(time.Minute), false)
	shifted := Shift(limited, time.Hour)
	assert.Equal(t, endsAt(t, before).Add(-time.Hour), endsAt(t, shifted))
	again := AnchorAfter(newSet(t, one), shifted, epoch.Add(time.Minute), false)
	assert.Equal(t, endsAt(t, before).Add(-time.Hour), endsAt(t, again), "a clock that goes back extends nothing")

	empty := &Set{}
	provisional := Shift(AnchorAfter(newSet(t, one), empty, epoch, true), time.Hour)
	settled := Settle(provisional, epoch)
	assert.Equal(t, endsAt(t, before), endsAt(t, settled), "the first clock still limits nothing")
	assert.Same(t, empty, Shift(empty, time.Hour))
}
