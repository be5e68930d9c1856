package live

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/fleetdial/fleetdial"
)

// hitsOf returns hits of so many directives, of which the last has the most.
func hitsOf(directives int, rate float64) []fleetdial.RosterDirectiveHits {
	all := make([]fleetdial.RosterDirectiveHits, directives)
	for i := range all {
		all[i].ID, all[i].Applied, all[i].Rate = fmt.Sprintf("d%05d", i), int64(i+1), rate
	}
	return all
}

func TestCharts_AreBounded(t *testing.T) {
	t.Parallel()
	var c charts
	now := time.Now()
	var lines map[string][]Rate
	for i := range 2000 {
		lines = c.add(now.Add(time.Duration(i)*time.Second), hitsOf(150, float64(i)))
	}
	assert.Len(t, lines, maxCharts)
	line := lines["d00149"]
	assert.Len(t, line, maxPoints)
	assert.NotContains(t, lines, "d00000")
	for i := 1; i < len(line); i++ {
		assert.Equal(t, chartInterval, line[i].At.Sub(line[i-1].At))
		assert.InDelta(t, 5, line[i].PerSecond-line[i-1].PerSecond, 0)
	}
	assert.Less(t, cap(line), 4*maxPoints)

	// After an outage, older points than those of the last 10 minutes are gone.
	lines = c.add(now.Add(2000*time.Second+chartTime-time.Minute), hitsOf(150, 1))
	assert.Len(t, lines["d00149"], 1+12)
}

func TestCharts_LinesDoNotChange(t *testing.T) {
	t.Parallel()
	var c charts
	now := time.Now()
	type shown struct{ line, want []Rate }
	var all []shown
	for i := range 3 * maxPoints {
		line := c.add(now.Add(time.Duration(i)*chartInterval), hitsOf(1, float64(i)))["d00000"]
		all = append(all, shown{line, append([]Rate(nil), line...)})
	}
	for _, s := range all {
		assert.Equal(t, s.want, s.line)
	}
}

func TestCharts_ClockThatWasSet(t *testing.T) {
	t.Parallel()
	var c charts
	now := time.Now()
	c.add(now, hitsOf(1, 1))
	lines := c.add(now.Add(-time.Hour), hitsOf(1, 2))
	assert.Equal(t, []Rate{{At: now.Add(-time.Hour), PerSecond: 2}}, lines["d00000"])
}
