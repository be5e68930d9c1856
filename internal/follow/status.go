package follow

import (
	"errors"
	"maps"
	"time"

	"github.com/fleetdial/fleetdial/internal/histogram"
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
	AnnounceToApply histogram.Histogram
	PublishToApply  histogram.Histogram
	Counters        Counters
}

// Clone returns a status that shares nothing which changes.
func (s Status) Clone() Status {
	s.Counters.Rejections = maps.Clone(s.Counters.Rejections)
	s.AnnounceToApply, s.PublishToApply = s.AnnounceToApply.Clone(), s.PublishToApply.Clone()
	if s.Rejected != nil {
		rejected := *s.Rejected
		s.Rejected = &rejected
	}
	return s
}
