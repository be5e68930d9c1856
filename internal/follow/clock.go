package follow

import (
	"time"

	"github.com/fleetdial/fleetdial/internal/clock"
	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/store"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// measured takes in the measurement that came with a fetch.
func (f *Follower) measured(m store.Measurement) {
	e, err := clock.NewEstimate(m)
	if err != nil && !f.clockless {
		f.log(&f.stateLines, true, "the clock of Redis cannot be read; expiries count on the clock of this machine", "err", err)
	}
	f.clockless, f.roundTrip = err != nil, e.RoundTrip
	if err == nil {
		f.measuredAt = f.now
	}
	v, by := f.clock.Observe(e)
	if err == nil && v != clock.Unsettled && v != clock.Unread {
		f.status.ClockOffset = e.Offset
	}
	switch v {
	case clock.Jumped:
		f.status.Counters.ClockJumps++
		f.log(&f.stateLines, true, "the clock of Redis jumped", "by", by)
	case clock.Refuted:
		f.log(&f.stateLines, true, "one reading of the clock of Redis was wrong and is ignored", "by", by)
	case clock.Unread:
		f.doubt()
		return // each fetch measures such a clock
	case clock.Unsettled:
		f.clockAt = f.now.Add(f.clockRetry.Next(f.cfg.Rand))
		return
	}
	f.clockRetry.Reset()
	set := f.set
	if f.doubted != nil {
		set, f.doubted = f.doubted, nil
	}
	f.swap(directive.Settle(set, f.clock.Epoch))
	if v == clock.Settled && f.isSaved && directive.EarliestEpoch(f.set).Sub(f.savedEpoch) > directive.ClockTolerance {
		f.save(nil) // what a wrong reading took from the file is given back
	}
}

// isClockFresh reports whether a revision can be applied without another measurement of the clock.
func (f *Follower) isClockFresh() bool {
	return f.clock.Known && !f.clock.IsTentative() && f.clockAt.IsZero() &&
		!f.measuredAt.IsZero() && f.now.Sub(f.measuredAt) < clockFresh
}

// isTimely reports whether a value that was read without the clock is known, has nothing that
// expires, or says that it was published a moment ago.
func (f *Follower) isTimely(r store.Reading) bool {
	head, err := wire.DecodeHeader(r.Value)
	if err != nil || f.applied.isOf(head.ID) {
		return true // there is nothing to anchor
	}
	age := f.now.Sub(f.clock.Epoch) - time.Duration(head.PublishedAt.UnixNano())
	return -directive.ClockTolerance <= age && age <= timelyAge
}

// doubt has the set count on a measurement that could not be confirmed, if less time is left
// by it. The set before it is kept until the clock is settled. The next fetch measures the clock,
// because another server may answer it.
func (f *Follower) doubt() {
	f.measuredAt = time.Time{}
	if f.clock.Doubt() {
		if f.doubted == nil {
			f.doubted = f.set
		}
		f.swap(directive.Reanchor(f.set, f.clock.Epoch))
	}
}

// swap makes a set the one in force.
func (f *Follower) swap(set *directive.Set) {
	if set == f.set {
		return
	}
	f.set, f.out.Set = set, set
	// The snapshot file counts on the earliest clock that a directive counts on.
	if epoch := directive.EarliestEpoch(set); f.isSaved && f.savedEpoch.Sub(epoch) > directive.ClockTolerance {
		f.save(nil)
	}
}

// save has the snapshot file written.
func (f *Follower) save(value []byte) {
	f.isSaved, f.savedEpoch = true, directive.EarliestEpoch(f.set)
	f.out.Save = &Save{Value: value, Epoch: f.savedEpoch}
}

// suspended takes in that the machine's monotonic clock stood still. A measurement that was
// under way does not tell whether it began before or after that.
func (f *Follower) suspended(d time.Duration) {
	f.measuredAt = time.Time{}
	if f.current != nil {
		f.current.suspended += d
	}
	if f.clock.Known {
		f.clock.Suspend(d)
		f.swap(directive.Shift(f.set, d))
		if f.doubted != nil {
			f.doubted = directive.Shift(f.doubted, d)
		}
	}
}
