package live

import (
	"cmp"
	"slices"
	"time"

	"github.com/fleetdial/fleetdial"
)

const (
	// The charts show chartTime, with a point for each chartInterval. Instances report every 10 s
	// by default, so that more points would show nothing more.
	chartTime, chartInterval = 10 * time.Minute, 5 * time.Second
	// maxCharts and maxPoints bound the memory that a fleet's charts take.
	maxCharts, maxPoints = 100, int(chartTime / chartInterval)
)

// charts collects the rates of directives. The zero charts are empty.
type charts struct {
	at    time.Time // when the last points were added, by the clock of Redis
	lines map[string][]Rate
}

// add adds a point to each line if that is due, and returns all lines. The map and the lines
// that it has returned before do not change: add makes a new map, and writes no point that one of
// these lines has.
func (c *charts) add(now time.Time, hits []fleetdial.RosterDirectiveHits) map[string][]Rate {
	if now.Before(c.at) {
		*c = charts{} // the clock of Redis was set
	}
	if now.Sub(c.at) < chartInterval {
		return c.lines
	}
	lines := make(map[string][]Rate, min(len(hits), maxCharts))
	for _, d := range mostHits(hits) {
		old := c.lines[d.ID]
		for len(old) > 0 && (len(old) >= maxPoints || now.Sub(old[0].At) > chartTime) {
			old = old[1:]
		}
		lines[d.ID] = append(old, Rate{At: now, PerSecond: d.Rate})
	}
	c.at, c.lines = now, lines
	return lines
}

// mostHits returns those of the directives with hits that have the most, up to maxCharts.
func mostHits(hits []fleetdial.RosterDirectiveHits) []fleetdial.RosterDirectiveHits {
	if len(hits) <= maxCharts {
		return hits
	}
	hits = slices.Clone(hits)
	slices.SortStableFunc(hits, func(a, b fleetdial.RosterDirectiveHits) int { return cmp.Compare(b.Applied, a.Applied) })
	return hits[:maxCharts]
}
