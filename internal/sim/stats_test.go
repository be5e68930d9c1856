package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial/internal/wire"
)

// stats is what the runs covered.
type stats struct {
	runs, events, publishes, sessions, applies, regressions int64
	corrections, lossesFound, answers, logLines, restores   int64
	readings, evaluations, converged, jumps                 int64
	rotations, moves, bare, readAgain                       int64
	virtual                                                 time.Duration
	fetches                                                 [3]int64
	states                                                  map[wire.State]int64
	rejections                                              map[wire.RejectReason]int64
	faults                                                  map[string]int64
}

func newStats() *stats {
	return &stats{
		states: make(map[wire.State]int64), rejections: make(map[wire.RejectReason]int64), faults: make(map[string]int64),
	}
}

// add adds what other runs covered.
func (s *stats) add(o *stats) {
	for _, n := range []struct{ to, from *int64 }{
		{&s.runs, &o.runs},
		{&s.events, &o.events},
		{&s.publishes, &o.publishes},
		{&s.sessions, &o.sessions},
		{&s.applies, &o.applies},
		{&s.regressions, &o.regressions},
		{&s.corrections, &o.corrections},
		{&s.lossesFound, &o.lossesFound},
		{&s.answers, &o.answers},
		{&s.logLines, &o.logLines},
		{&s.restores, &o.restores},
		{&s.readings, &o.readings},
		{&s.evaluations, &o.evaluations},
		{&s.converged, &o.converged},
		{&s.jumps, &o.jumps},
		{&s.rotations, &o.rotations},
		{&s.moves, &o.moves},
		{&s.bare, &o.bare},
		{&s.readAgain, &o.readAgain},
		{&s.fetches[0], &o.fetches[0]},
		{&s.fetches[1], &o.fetches[1]},
		{&s.fetches[2], &o.fetches[2]},
	} {
		*n.to += *n.from
	}
	s.virtual += o.virtual
	merge(s.states, o.states)
	merge(s.rejections, o.rejections)
	merge(s.faults, o.faults)
}

func merge[K comparable](to, from map[K]int64) {
	for k, n := range from {
		to[k] += n
	}
}

func counts[K ~string](m map[K]int64) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(&b, " %s %d,", string(k), m[k])
	}
	return strings.TrimSuffix(b.String(), ",")
}

// String tells everything in a few lines.
func (s *stats) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d runs, %d events, %.1f virtual hours\n", s.runs, s.events, s.virtual.Hours())
	fmt.Fprintf(&b, "%d revisions published, applied %d times; %d of these were set back; %d times a fleet's machine converged\n",
		s.publishes, s.applies, s.regressions, s.converged)
	fmt.Fprintf(&b, "fetches: %d of the clock, %d of a header, %d of a value, of which %d did without the clock and %d were read again\n",
		s.fetches[0], s.fetches[1], s.fetches[2], s.bare, s.readAgain)
	fmt.Fprintf(&b, "%d readings of the clock, %d jumps\n", s.readings, s.jumps)
	fmt.Fprintf(&b, "%d sessions, %d replaced when they were old, %d moves of the name; ", s.sessions, s.rotations, s.moves)
	fmt.Fprintf(&b, "%d corrections (%d of losses that nothing else told of), %d refreshes, %d snapshots restored\n",
		s.corrections, s.lossesFound, s.answers, s.restores)
	fmt.Fprintf(&b, "%d log lines, %d requests evaluated\n", s.logLines, s.evaluations)
	fmt.Fprintf(&b, "states:%s\nrejections:%s\nfaults:%s", counts(s.states), counts(s.rejections), counts(s.faults))
	return b.String()
}
