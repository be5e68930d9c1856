package follow

import (
	"errors"
	"maps"
	"slices"
	"sort"
	"time"

	"github.com/fleetdial/fleetdial/internal/wire"
)

// ErrNoRevision says that the fleet's key does not exist.
var ErrNoRevision = errors.New("no revision is published")

// Rejection describes a value that was rejected.
type Rejection struct {
	Version int64
	ID      string
	Reason  wire.RejectReason
	Err     error
	At      time.Time
}

// Counters count since the subscriber began.
type Counters struct {
	Announcements int64
	Fetches       int64
	Applies       int64
	Rejections    map[wire.RejectReason]int64
	Corrections   int64
	Reconnects    int64
	Regressions   int64
	ClockJumps    int64
}

// Status is what a subscriber knows of itself at one moment.
type Status struct {
	State           wire.State
	Since           time.Time
	Source          wire.Source
	Revision        wire.Revision
	Digest          string
	AppliedAt       time.Time
	Rejected        *Rejection
	Err             error
	ClockOffset     time.Duration
	LastSync        time.Time
	AnnounceToApply Histogram
	PublishToApply  Histogram
	Counters        Counters
}

// Clone returns a status that shares nothing which changes.
func (s Status) Clone() Status {
	s.Counters.Rejections = maps.Clone(s.Counters.Rejections)
	s.AnnounceToApply, s.PublishToApply = s.AnnounceToApply.clone(), s.PublishToApply.clone()
	if s.Rejected != nil {
		rejected := *s.Rejected
		s.Rejected = &rejected
	}
	return s
}

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

func newHistogram() Histogram {
	return Histogram{Bounds: latencyBounds, Counts: make([]uint64, len(latencyBounds)+1)}
}

// observe counts a duration. It replaces Counts, which earlier statuses share.
func (h *Histogram) observe(d time.Duration) {
	d = max(0, d)
	h.Counts = slices.Clone(h.Counts)
	h.Counts[sort.Search(len(h.Bounds), func(i int) bool { return d <= h.Bounds[i] })]++
	h.Sum += d
}

func (h Histogram) clone() Histogram {
	h.Bounds, h.Counts = slices.Clone(h.Bounds), slices.Clone(h.Counts)
	return h
}
