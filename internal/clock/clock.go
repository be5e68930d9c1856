// Package clock estimates the fleet's clock, that of Redis, from measurements of which any may
// be wrong. Expiries count on it.
package clock

import (
	"fmt"
	"time"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/store"
)

// slowRoundTrip is a round trip that tells too little of the clock to replace a better one.
const slowRoundTrip = 50 * time.Millisecond

// Check rejects times that no server shows. The local clock does less harm to expiries.
func Check(t time.Time) error {
	if year := t.Year(); year < 2000 || year >= 2262 {
		return fmt.Errorf("the clock of Redis shows the year %d", year)
	}
	return nil
}

// EpochOf returns when a clock read zero that shows a time at the local time.
func EpochOf(local, shown time.Time) time.Time {
	return local.Add(-time.Duration(shown.UnixNano()))
}

// Estimate is what one measurement tells of a clock.
type Estimate struct {
	// Epoch is the local time at which the clock read zero. The clock is taken to have been read
	// as soon as the request was sent, so that Epoch is early by at most the round trip: what
	// expires may do so early by as much, and never late.
	Epoch     time.Time
	RoundTrip time.Duration
	// Offset is how far the clock is ahead of the local wall clock, within half the round trip.
	Offset time.Duration
	// Own says that it is the machine's own clock, because the fleet's cannot be read.
	Own bool
}

// NewEstimate returns what a measurement tells. The error says why it tells of the machine's
// own clock only.
func NewEstimate(m store.Measurement) (Estimate, error) {
	if m.Err == nil {
		m.Err = Check(m.Time)
	}
	if m.Err != nil {
		return Estimate{Epoch: EpochOf(m.Sent, m.Wall), Own: true}, m.Err
	}
	roundTrip := m.Received.Sub(m.Sent)
	return Estimate{
		Epoch:     EpochOf(m.Sent, m.Time),
		RoundTrip: roundTrip,
		Offset:    m.Time.Sub(m.Wall.Round(0).Add(roundTrip / 2)),
	}, nil
}

// agrees reports whether both estimates may be right, within the tolerance.
func (e *Estimate) agrees(other *Estimate) bool {
	first, last := e, other
	if last.Epoch.Before(first.Epoch) {
		first, last = last, first
	}
	return last.Epoch.Sub(first.Epoch)-first.RoundTrip <= directive.ClockTolerance
}

// isNoWorse reports whether the estimate is at least as close as a newer one that agrees
// with it, and may be right if the newer one is.
func (e *Estimate) isNoWorse(newer *Estimate) bool {
	if e.Own != newer.Own {
		return newer.Own
	}
	ahead := e.Epoch.Sub(newer.Epoch)
	return e.RoundTrip <= newer.RoundTrip &&
		(0 <= ahead && ahead <= newer.RoundTrip || newer.RoundTrip > max(slowRoundTrip, 2*e.RoundTrip))
}

// Clock is the best estimate of the fleet's clock. One measurement alone may be wrong, so a
// first one, and one that lies elsewhere than expected, are confirmed by a second.
type Clock struct {
	Known bool
	Estimate
	// Provisional says that the estimate rests on a single measurement.
	Provisional bool
	// suspect is a measurement that disagrees with the estimate and has yet to be confirmed.
	suspect *Estimate
}

// IsTentative reports whether the estimate may turn out to be wrong: it rests on a single
// measurement, or the last measurement disagrees with it.
func (c *Clock) IsTentative() bool { return c.Provisional || c.suspect != nil }

// Verdict is what a measurement does to the clock.
type Verdict uint8

// The verdicts.
const (
	Same      Verdict = iota // the estimate may have become better
	Settled                  // a provisional estimate, or the machine's own, was confirmed or replaced
	Jumped                   // the clock lies elsewhere, as a second measurement confirmed
	Refuted                  // the suspect was wrong
	Unsettled                // another measurement is needed
	Unread                   // the estimate is tentative, and the fleet's clock cannot be read now
)

// Observe takes in a measurement. By is how far ahead a suspect was.
func (c *Clock) Observe(m Estimate) (v Verdict, by time.Duration) {
	switch {
	case !c.Known:
		*c = Clock{Known: true, Estimate: m, Provisional: true}
		return Unsettled, 0
	case m.Own && c.restsOnFleet():
		// The machine's own clock neither confirms nor refutes that of the fleet.
		if c.IsTentative() {
			return Unread, 0
		}
		return Same, 0
	case c.agrees(&m):
		return c.confirm(m)
	case c.suspect != nil && c.suspect.agrees(&m):
		by = c.Epoch.Sub(m.Epoch)
		if c.suspect.isNoWorse(&m) {
			m = *c.suspect
		}
		v = Jumped
		if c.Provisional || c.Own && !m.Own {
			v = Settled
		}
		*c = Clock{Known: true, Estimate: m}
		return v, by
	}
	c.suspect = &m
	return Unsettled, 0
}

// restsOnFleet reports whether the fleet's clock was read, also if only a suspect tells of it.
func (c *Clock) restsOnFleet() bool { return !c.Own || c.suspect != nil && !c.suspect.Own }

// confirm takes in a measurement that agrees with the estimate.
func (c *Clock) confirm(m Estimate) (v Verdict, by time.Duration) {
	if c.suspect != nil {
		v, by = Refuted, c.Epoch.Sub(c.suspect.Epoch)
	}
	if c.Provisional {
		v = Settled
	}
	if !c.isNoWorse(&m) {
		c.Estimate = m
	}
	c.Provisional, c.suspect = false, nil
	return v, by
}

// Doubt takes the suspect for right if less time is left by it, because no second measurement
// can be had now. It reports whether it did. The estimate is provisional then.
func (c *Clock) Doubt() bool {
	if c.suspect == nil || !c.suspect.Epoch.Before(c.Epoch) {
		c.suspect = nil
		return false
	}
	*c = Clock{Known: true, Estimate: *c.suspect, Provisional: true}
	return true
}

// Suspend takes in that the local monotonic clock stood still for so long.
func (c *Clock) Suspend(d time.Duration) {
	c.Epoch = c.Epoch.Add(-d)
	if c.suspect != nil {
		c.suspect.Epoch = c.suspect.Epoch.Add(-d)
	}
}
