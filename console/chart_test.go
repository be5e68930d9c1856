package console

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/fleetdial/fleetdial/console/internal/live"
)

func TestLineChart_IsInterruptedWhereNothingWasRead(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1_800_000_000_000)
	rate := func(ago time.Duration, perSecond float64) live.Rate {
		return live.Rate{At: now.Add(-ago), PerSecond: perSecond}
	}
	assert.Empty(t, lineChart([]live.Rate{rate(0, 5)}, now), "a point is no line")
	chart := string(lineChart([]live.Rate{
		rate(11*time.Minute, 1), rate(10*time.Minute, 2), rate(595*time.Second, 4), rate(5*time.Minute, 2), rate(0, 0),
	}, now))
	assert.Contains(t, chart, `d="M0.0 12.0L1.0 2.0M60.0 12.0M120.0 22.0"`)
	assert.Contains(t, chart, "at most 4.00/s")
	assert.Contains(t, string(lineChart([]live.Rate{rate(5*time.Second, 0), rate(0, 0)}, now)), `d="M119.0 22.0L120.0 22.0"`)
}

func TestHistogram_EscapesTexts(t *testing.T) {
	t.Parallel()
	chart := string(histogram([]bar{{"< 1s", 0}, {`"><b>`, 3}, {"≥ 1s", 1}}, `a "title"`))
	assert.Contains(t, chart, `aria-label="a &#34;title&#34;"`)
	assert.Contains(t, chart, "&lt; 1s")
	assert.NotContains(t, chart, "<b>")
	assert.Contains(t, chart, `height="84"`, "the highest bar")
	assert.Contains(t, chart, `height="28"`, "a third of it")
	assert.Contains(t, chart, `height="0"`)
}

func TestLatencyBars_LimitIsInTheNextBar(t *testing.T) {
	t.Parallel()
	assert.Nil(t, latencyBars(nil))
	bars := latencyBars([]time.Duration{0, 3*time.Millisecond - 1, 3 * time.Millisecond, time.Second, 10*time.Second - 1, 10 * time.Second, time.Hour})
	counts := make(map[string]int)
	for _, b := range bars {
		counts[b.Label] = b.Count
	}
	assert.Equal(t, map[string]int{
		"< 3ms": 2, "< 10ms": 1, "< 30ms": 0, "< 100ms": 0, "< 300ms": 0, "< 1s": 0, "< 3s": 1, "< 10s": 1, "≥ 10s": 2,
	}, counts)
}
