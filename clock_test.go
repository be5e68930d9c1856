package fleetdial

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// skewed returns a function that reads a clock that is ahead of this machine's by that much.
func skewed(ahead time.Duration) func() (time.Time, error) {
	return func() (time.Time, error) { return time.Now().Add(ahead), nil }
}

// setFor returns a set with one directive, which expires in ttl by this machine's clock.
func setFor(t testing.TB, ttl time.Duration) *Set {
	t.Helper()
	set, err := NewSet([]Directive{{ID: "a", Level: Shape, SamplePerMille: 1000, ExpiresAt: time.Now().Add(ttl)}})
	require.NoError(t, err)
	return set
}

// endsWithin fails the test unless the set's directive ends that much later than now, within
// a minute.
func endsWithin(t testing.TB, set *Set, want time.Duration) {
	t.Helper()
	now := time.Now()
	assert.Equal(t, Shape, set.Evaluate(Request{}, now.Add(want-time.Minute)).Level, "before %v", want)
	assert.Equal(t, Off, set.Evaluate(Request{}, now.Add(want+time.Minute)).Level, "after %v", want)
}

func TestClock_ExpiryFollowsServer(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{0, time.Hour, -time.Hour} {
		var c Clock
		require.NoError(t, c.Read(skewed(ahead)))
		endsWithin(t, c.Anchor(setFor(t, 3*time.Hour)), 3*time.Hour-ahead)
	}
}

// TestClock_NothingExtendsDirective sets the server's clock back. A directive that both sets
// have ends when it did, and another directive uses the new clock.
func TestClock_NothingExtendsDirective(t *testing.T) {
	t.Parallel()
	var c Clock
	require.NoError(t, c.Read(skewed(0)))
	set := setFor(t, 3*time.Hour)
	before := c.Anchor(set)
	require.NoError(t, c.Read(skewed(-time.Hour)))
	assert.Same(t, before, c.Anchor(set))
	again, err := NewSet(append(set.Directives(), Directive{
		ID: "b", Level: ShapeTiming, SamplePerMille: 1000, ExpiresAt: time.Now().Add(time.Hour),
	}))
	require.NoError(t, err)
	next := c.Anchor(again)
	now := time.Now()
	assert.Equal(t, ShapeTiming, next.Evaluate(Request{}, now.Add(119*time.Minute)).Level, "b uses the new clock")
	assert.Equal(t, Shape, next.Evaluate(Request{}, now.Add(179*time.Minute)).Level)
	assert.Equal(t, Off, next.Evaluate(Request{}, now.Add(181*time.Minute)).Level, "a ends when it did before")
}

func TestClock_SetForwardEndsEarlier(t *testing.T) {
	t.Parallel()
	var c Clock
	require.NoError(t, c.Read(skewed(0)))
	set := setFor(t, 3*time.Hour)
	c.Anchor(set)
	require.NoError(t, c.Read(skewed(time.Hour)))
	endsWithin(t, c.Anchor(set), 2*time.Hour)
}

// TestClock_OneWrongReading reads the clock once an hour ahead, and then correctly.
func TestClock_OneWrongReading(t *testing.T) {
	t.Parallel()
	var c Clock
	require.NoError(t, c.Read(skewed(0)))
	set := setFor(t, 3*time.Hour)
	before := c.Anchor(set)
	readings := 0
	require.NoError(t, c.Read(func() (time.Time, error) {
		readings++
		if readings == 1 {
			return time.Now().Add(time.Hour), nil
		}
		return time.Now(), nil
	}))
	assert.Equal(t, 2, readings)
	assert.Same(t, before, c.Anchor(set))
}

// TestClock_FirstReadingReplacesWallClock anchors a set before the server can be asked.
func TestClock_FirstReadingReplacesWallClock(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{time.Hour, -time.Hour} {
		var c Clock
		require.Error(t, c.Read(func() (time.Time, error) { return time.Time{}, errors.New("away") }))
		set := setFor(t, 3*time.Hour)
		endsWithin(t, c.Anchor(set), 3*time.Hour)
		require.NoError(t, c.Read(skewed(ahead)))
		endsWithin(t, c.Anchor(set), 3*time.Hour-ahead)
	}
}

func TestClock_FailedReadChangesNothing(t *testing.T) {
	t.Parallel()
	var c Clock
	require.NoError(t, c.Read(skewed(time.Hour)))
	set := setFor(t, 3*time.Hour)
	before := c.Anchor(set)
	away := errors.New("away")
	assert.ErrorIs(t, c.Read(func() (time.Time, error) { return time.Time{}, away }), away)
	for _, wrong := range []time.Time{{}, time.Unix(0, 0), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)} {
		assert.ErrorContains(t, c.Read(func() (time.Time, error) { return wrong, nil }), "it shows the year")
	}
	assert.Same(t, before, c.Anchor(set))
	endsWithin(t, c.Anchor(setFor(t, 3*time.Hour)), 2*time.Hour)
}

func TestClock_SlowReadingEndsEarly(t *testing.T) {
	t.Parallel()
	var c Clock
	require.NoError(t, c.Read(func() (time.Time, error) {
		shown := time.Now()
		time.Sleep(30 * time.Millisecond) // the round trip itself, not a wait for a condition
		return shown.Add(30 * time.Millisecond), nil
	}))
	set := setFor(t, time.Hour)
	expiry := set.Directives()[0].ExpiresAt
	left := expiry.Sub(time.Now().Round(0))
	assert.Equal(t, Off, c.Anchor(set).Evaluate(Request{}, time.Now().Add(left-time.Millisecond)).Level)
}

func TestClock_NilSetIsEmpty(t *testing.T) {
	t.Parallel()
	var c Clock
	first := c.Anchor(nil)
	assert.Zero(t, first.Len())
	assert.Same(t, first, c.Anchor(nil))
}

func TestClock_Concurrent(t *testing.T) {
	t.Parallel()
	var c Clock
	sets := []*Set{setFor(t, time.Hour), setFor(t, 2*time.Hour)}
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 200 {
				assert.NoError(t, c.Read(skewed(0)))
				assert.Equal(t, Shape, c.Anchor(sets[i%2]).Evaluate(Request{}, time.Now()).Level)
			}
		})
	}
	wg.Wait()
}
