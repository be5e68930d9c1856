package clock

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func at(offset, roundTrip time.Duration) *Estimate {
	return &Estimate{Epoch: epoch.Add(offset), RoundTrip: roundTrip}
}

func TestEstimate_Agrees(t *testing.T) {
	t.Parallel()
	good := at(0, time.Millisecond)
	assert.False(t, good.agrees(at(-202*time.Millisecond, 100*time.Millisecond)), "the clock went forward")
	assert.True(t, good.agrees(at(-200*time.Millisecond, 100*time.Millisecond)), "within the tolerance and the round trip")
	assert.False(t, good.agrees(at(102*time.Millisecond, 100*time.Millisecond)), "the clock went back")
}

func TestEstimate_LongRoundTripReplacesNoBetterOne(t *testing.T) {
	t.Parallel()
	good := at(0, time.Millisecond)
	assert.True(t, good.isNoWorse(at(-80*time.Millisecond, 100*time.Millisecond)), "both may be right")
	assert.False(t, good.isNoWorse(at(-time.Microsecond, time.Microsecond)), "a closer one is taken")
	assert.False(t, (&Estimate{Own: true}).isNoWorse(at(0, time.Second)), "the fleet's clock replaces the machine's own")
}

func TestClock_Observe(t *testing.T) {
	t.Parallel()
	observe := func(c *Clock, offset time.Duration) Verdict {
		v, _ := c.Observe(*at(offset, time.Millisecond))
		return v
	}
	var c Clock
	assert.Equal(t, Unsettled, observe(&c, -24*time.Hour), "a first measurement may be wrong")
	assert.True(t, c.IsTentative())
	assert.Equal(t, Unsettled, observe(&c, 0))
	assert.Equal(t, Settled, observe(&c, 0))
	assert.Equal(t, epoch, c.Epoch)
	assert.False(t, c.IsTentative())

	assert.Equal(t, Unsettled, observe(&c, -24*time.Hour))
	assert.Equal(t, Refuted, observe(&c, 0))
	assert.Equal(t, Unsettled, observe(&c, -time.Hour))
	assert.Equal(t, Jumped, observe(&c, -time.Hour))
	assert.Equal(t, epoch.Add(-time.Hour), c.Epoch)

	observe(&c, time.Hour)
	assert.False(t, c.Doubt(), "a suspect by which more time is left does not count alone")
	observe(&c, -2*time.Hour)
	assert.True(t, c.Doubt())
	assert.Equal(t, epoch.Add(-2*time.Hour), c.Epoch)
	observe(&c, -time.Hour)
	assert.Equal(t, Settled, observe(&c, -time.Hour), "the estimate was provisional")
}

func TestCheck(t *testing.T) {
	t.Parallel()
	assert.NoError(t, Check(epoch))
	for _, year := range []int{1999, 2262} {
		assert.Error(t, Check(time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC)))
	}
}
