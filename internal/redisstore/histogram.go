package redisstore

import (
	"slices"
	"sort"
	"time"
)

// latencyBounds go from a fetch on loopback to a few resyncs.
var latencyBounds = []time.Duration{
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute,
}

// Histogram counts durations by buckets.
type Histogram struct {
	// Bounds are the buckets' upper bounds, each inclusive, in ascending order. Counts has one more: that of what is longer.
	Bounds []time.Duration
	Counts []uint64
	// Sum is that of all durations.
	Sum time.Duration
}

func newHistogram() Histogram {
	return Histogram{Bounds: latencyBounds, Counts: make([]uint64, len(latencyBounds)+1)}
}

func (h *Histogram) observe(d time.Duration) {
	d = max(0, d)
	h.Counts[sort.Search(len(h.Bounds), func(i int) bool { return d <= h.Bounds[i] })]++
	h.Sum += d
}

func (h Histogram) clone() Histogram {
	h.Bounds, h.Counts = slices.Clone(h.Bounds), slices.Clone(h.Counts)
	return h
}
