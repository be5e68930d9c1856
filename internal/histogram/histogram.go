// Package histogram counts durations by buckets.
package histogram

import (
	"slices"
	"sort"
	"time"
)

// Histogram counts durations by buckets.
type Histogram struct {
	Bounds []time.Duration
	Counts []uint64
	Sum    time.Duration
}

// latencyBounds reach from a fetch on loopback to a few resyncs.
var latencyBounds = []time.Duration{
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute,
}

// New returns an empty histogram of latencies.
func New() Histogram {
	return Histogram{Bounds: latencyBounds, Counts: make([]uint64, len(latencyBounds)+1)}
}

// Observe counts a duration. It replaces Counts, which earlier copies share.
func (h *Histogram) Observe(d time.Duration) {
	d = max(0, d)
	h.Counts = slices.Clone(h.Counts)
	h.Counts[sort.Search(len(h.Bounds), func(i int) bool { return d <= h.Bounds[i] })]++
	h.Sum += d
}

// Clone returns a copy that shares nothing.
func (h Histogram) Clone() Histogram {
	h.Bounds, h.Counts = slices.Clone(h.Bounds), slices.Clone(h.Counts)
	return h
}
