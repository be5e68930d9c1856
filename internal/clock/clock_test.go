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

// TestClock_OwnReadings reads the machine's own clock, which is ten hours behind, in place of the
// fleet's.
func TestClock_OwnReadings(t *testing.T) {
	t.Parallel()
	own := Estimate{Epoch: epoch.Add(10 * time.Hour), Own: true}
	observe := func(c *Clock, m Estimate) Verdict {
		v, _ := c.Observe(m)
		return v
	}
	var c Clock
	observe(&c, own)
	assert.Equal(t, Settled, observe(&c, own))
	assert.Equal(t, Unsettled, observe(&c, *at(0, time.Millisecond)))
	assert.Equal(t, Unread, observe(&c, own), "it does not refute the fleet's clock")
	assert.True(t, c.Doubt())
	assert.Equal(t, Unread, observe(&c, own), "it does not confirm the fleet's clock")
	assert.True(t, c.Provisional)
	assert.Equal(t, Settled, observe(&c, *at(0, time.Millisecond)))
	assert.Equal(t, Same, observe(&c, own))
	assert.Equal(t, epoch, c.Epoch)

	c = Clock{Known: true, Estimate: own}
	observe(&c, Estimate{Epoch: epoch, Own: true})
	assert.Equal(t, Jumped, observe(&c, Estimate{Epoch: epoch, Own: true}), "the machine's clock was put right")
}

func TestCheck(t *testing.T) {
	t.Parallel()
	assert.NoError(t, Check(epoch))
	for _, year := range []int{1999, 2262} {
		assert.Error(t, Check(time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC)))
	}
}
