package follow

import (
	"fmt"
	"time"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/store"
)

// slowRoundTrip is a round trip that tells too little of the clock to replace a better one.
const slowRoundTrip = 50 * time.Millisecond

// estimate is what one measurement tells of a clock.
type estimate struct {
	// epoch is the local time at which the clock read zero. The clock is taken to have been
	// read as soon as the request was sent, so that epoch is early by at most the round trip:
	// what expires may do so early by as much, and never late.
	epoch     time.Time
	roundTrip time.Duration
	// offset is how far the clock is ahead of the local wall clock, within half the round trip.
	offset time.Duration
	// own says that it is the machine's own clock, because the fleet's cannot be read.
	own bool
}

// newEstimate returns what a measurement tells. The error says why it tells of the machine's
// own clock only.
func newEstimate(m store.Measurement) (estimate, error) {
	if m.Err == nil {
		m.Err = CheckClock(m.Time)
	}
	if m.Err != nil {
		return estimate{epoch: EpochOf(m.Sent, m.Wall), own: true}, m.Err
	}
	roundTrip := m.Received.Sub(m.Sent)
	return estimate{
		epoch:     EpochOf(m.Sent, m.Time),
		roundTrip: roundTrip,
		offset:    m.Time.Sub(m.Wall.Round(0).Add(roundTrip / 2)),
	}, nil
}

// CheckClock rejects times that no server shows. The local clock does less harm to expiries.
func CheckClock(t time.Time) error {
	if year := t.Year(); year < 2000 || year >= 2262 {
		return fmt.Errorf("the clock of Redis shows the year %d", year)
	}
	return nil
}

// EpochOf returns when a clock read zero that shows a time at the local time.
func EpochOf(local, shown time.Time) time.Time {
	return local.Add(-time.Duration(shown.UnixNano()))
}

// agrees reports whether both estimates may be right, within the tolerance.
func (e *estimate) agrees(other *estimate) bool {
	first, last := e, other
	if last.epoch.Before(first.epoch) {
		first, last = last, first
	}
	return last.epoch.Sub(first.epoch)-first.roundTrip <= directive.ClockTolerance
}

// isNoWorse reports whether the estimate is at least as close as a newer one that agrees
// with it, and may be right if the newer one is.
func (e *estimate) isNoWorse(newer *estimate) bool {
	ahead := e.epoch.Sub(newer.epoch)
	if e.own != newer.own {
		return newer.own
	}
	return e.roundTrip <= newer.roundTrip &&
		(0 <= ahead && ahead <= newer.roundTrip || newer.roundTrip > max(slowRoundTrip, 2*e.roundTrip))
}

// clock is the best estimate of the fleet's clock. One measurement alone may be wrong, so a
// first one, and one that lies elsewhere than expected, are confirmed by a second.
type clock struct {
	known bool
	estimate
	// provisional says that the estimate rests on a single measurement.
	provisional bool
	// suspect is a measurement that disagrees with the estimate and has yet to be confirmed.
	suspect *estimate
}

// verdict is what a measurement does to the clock.
type verdict uint8

const (
	clockSame      verdict = iota // the estimate may have become better
	clockSettled                  // a provisional estimate was confirmed or replaced
	clockJumped                   // the clock lies elsewhere, as a second measurement confirmed
	clockRefuted                  // the suspect was wrong
	clockUnsettled                // another measurement is needed
)

// observe takes in a measurement. By is how far a suspect lay ahead.
func (c *clock) observe(m *estimate) (v verdict, by time.Duration) {
	switch {
	case !c.known:
		*c = clock{known: true, estimate: *m, provisional: true}
		return clockUnsettled, 0
	case m.own && !c.own:
		return clockSame, 0
	case c.agrees(m):
		return c.confirm(m)
	case c.suspect != nil && c.suspect.agrees(m):
		by = c.epoch.Sub(m.epoch)
		if c.suspect.isNoWorse(m) {
			m = c.suspect
		}
		v = clockJumped
		if c.provisional {
			v = clockSettled
		}
		*c = clock{known: true, estimate: *m}
		return v, by
	}
	c.suspect = m
	return clockUnsettled, 0
}

// confirm takes in a measurement that agrees with the estimate.
func (c *clock) confirm(m *estimate) (v verdict, by time.Duration) {
	if c.suspect != nil {
		v, by = clockRefuted, c.epoch.Sub(c.suspect.epoch)
	}
	if c.provisional {
		v = clockSettled
	}
	if !c.isNoWorse(m) {
		c.estimate = *m
	}
	c.provisional, c.suspect = false, nil
	return v, by
}

// doubt takes the suspect for right if less time is left by it, because no second
// measurement can be had now. It reports whether it did. The estimate is provisional then.
func (c *clock) doubt() bool {
	if c.suspect == nil || !c.suspect.epoch.Before(c.epoch) {
		c.suspect = nil
		return false
	}
	*c = clock{known: true, estimate: *c.suspect, provisional: true}
	return true
}

// measured takes in the measurement that came with a fetch.
func (f *Follower) measured(m store.Measurement) {
	e, err := newEstimate(m)
	if err != nil && !f.clockless {
		f.log(&f.stateLines, true, "the clock of Redis cannot be read; expiries count on the clock of this machine", "err", err)
	}
	f.clockless = err != nil
	f.roundTrip = e.roundTrip
	if err == nil {
		f.status.ClockOffset = e.offset
	}
	v, by := f.clock.observe(&e)
	switch v {
	case clockJumped:
		f.status.Counters.ClockJumps++
		f.log(&f.stateLines, true, "the clock of Redis jumped", "by", by)
	case clockRefuted:
		f.log(&f.stateLines, true, "one reading of the clock of Redis was wrong and is ignored", "by", by)
	case clockUnsettled:
		f.request(request{cause: causeClock, notBefore: f.now.Add(f.clockRetry.next(f.cfg.Rand))})
		return
	case clockSettled:
		f.swap(directive.Settle(f.set, f.clock.epoch))
	}
	f.clockRetry.reset()
	f.reanchor()
}

// reanchor brings the deadlines of the set forward if less time is left than it counts on.
func (f *Follower) reanchor() {
	f.swap(directive.Reanchor(f.set, f.clock.epoch))
}

// swap makes a set the one in force.
func (f *Follower) swap(set *directive.Set) {
	if set == f.set {
		return
	}
	f.set, f.out.Set = set, set
	// The snapshot file counts on the earliest clock that a directive counts on.
	if epoch := set.EarliestEpoch(); f.isSaved && f.savedEpoch.Sub(epoch) > directive.ClockTolerance {
		f.save(nil)
	}
}

// save has the snapshot file written.
func (f *Follower) save(value []byte) {
	f.isSaved, f.savedEpoch = true, f.set.EarliestEpoch()
	f.out.Save = &Save{Value: value, Epoch: f.savedEpoch}
}

// suspended takes in that the machine's monotonic clock stood still.
func (f *Follower) suspended(d time.Duration) {
	if !f.clock.known {
		return
	}
	f.clock.epoch = f.clock.epoch.Add(-d)
	if f.clock.suspect != nil {
		f.clock.suspect.epoch = f.clock.suspect.epoch.Add(-d)
	}
	f.reanchor()
}
