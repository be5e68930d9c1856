package sim

import (
	"time"

	"github.com/fleetdial/fleetdial/internal/clock"
	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/store"
)

// estimate is what one measurement tells: the local time at which the clock read zero, early
// by at most the round trip.
type estimate struct {
	epoch     time.Time
	roundTrip time.Duration
}

// slowRoundTrip is a round trip that tells too little of the clock.
const slowRoundTrip = 50 * time.Millisecond

// agrees reports whether both may be right.
func (e estimate) agrees(other estimate) bool {
	if other.epoch.Before(e.epoch) {
		e, other = other, e
	}
	return other.epoch.Sub(e.epoch)-e.roundTrip <= directive.ClockTolerance
}

// clockShadow is what the measurements told that a follower was given.
type clockShadow struct {
	isKnown, hasLast bool
	// readAt is when the clock of Redis was last read, zero if what happened since makes that
	// doubtful.
	readAt time.Time
	// isOwn says that only the machine's own clock could be read yet.
	isOwn bool
	// isFleet says that two readings of Redis' clock agreed. mayBeOwn says that a follower may count
	// on the machine's own clock again, because only one could be had.
	isFleet, mayBeOwn bool
	last              estimate
	// fast is the last one that did not take long.
	fast     estimate
	hasFast  bool
	readings int64
	// doAgree says that the last two measurements agree.
	doAgree bool
	// doAgreeWell says that no follower may doubt it.
	doAgreeWell bool
	// confirmed is the last one that agreed with another.
	confirmed    estimate
	hasConfirmed bool
	// didDisagree says that the last one is the first that disagrees.
	didDisagree bool
	// streak counts the last measurements that agree without a doubt.
	streak int
	// isUnclear says that one follower may doubt the last one, and another not.
	isUnclear bool
}

// measured takes in a measurement that came with a fetch.
func (m *machine) measured(r store.Measurement) {
	c := &m.clocks
	e := estimate{epoch: clock.EpochOf(r.Sent, r.Time), roundTrip: r.Received.Sub(r.Sent)}
	isOwn := r.Err != nil || clock.Check(r.Time) != nil
	if isOwn {
		if c.isKnown && !c.isOwn {
			if !c.doAgree {
				// No other measurement can be had now.
				m.doubted, m.isDoubted = c.last, c.hasLast
				m.clockFailed()
			}
			return
		}
		e = estimate{epoch: clock.EpochOf(r.Sent, r.Wall)}
	}
	m.worstRoundTrip = max(m.worstRoundTrip, e.roundTrip)
	if !isOwn {
		c.readAt = m.local()
	}
	c.readings++
	didAgree := c.doAgreeWell && c.hasLast && c.isOwn == isOwn
	// The clock of the machine confirms that of Redis too.
	c.doAgree = c.hasLast && c.last.agrees(e)
	previous, fast := c.last, c.fast
	if !c.doAgree && c.hasConfirmed && c.confirmed.agrees(e) {
		// The last one was wrong.
		c.doAgree, previous, fast = true, c.confirmed, c.confirmed
	}
	isSlow := e.roundTrip > slowRoundTrip
	c.doAgreeWell = c.doAgree && c.hasFast && fast.agrees(e) &&
		(isSlow || fast.epoch.Sub(e.epoch).Abs() < directive.ClockTolerance/2)
	c.streak++
	if !c.doAgreeWell || isSlow {
		c.streak = 0
	}
	apart := fast.epoch.Sub(e.epoch).Abs()
	c.isUnclear = c.hasFast && !c.doAgreeWell && apart < 2*directive.ClockTolerance+e.roundTrip
	if didAgree && !c.doAgree && !c.isUnclear {
		m.clockBy = m.local().Add(600 * time.Millisecond)
	}
	c.didDisagree = !m.clockBy.IsZero()
	if !isSlow {
		c.fast, c.hasFast = e, true
	}
	c.isKnown, c.isOwn, c.last, c.hasLast = true, isOwn, e, true
	m.world.stats.readings++
	if c.doAgree {
		c.confirmed, c.hasConfirmed = e, c.hasConfirmed || c.doAgreeWell
		m.confirmedBy = [2]estimate{previous, e}
	}
	m.isConfirming = c.doAgree
	if c.doAgree && !isOwn {
		c.isFleet, c.mayBeOwn = true, false
	}
}

// clockFailed takes in that a fetch failed. After that, a measurement that was not confirmed
// may count as the clock or be forgotten.
func (m *machine) clockFailed() {
	c := &m.clocks
	m.clockBy, c.streak = time.Time{}, 0
	c.mayBeOwn = c.mayBeOwn || c.isKnown && !c.isOwn && !c.isFleet
	if c.didDisagree && c.hasLast {
		m.doubted, m.isDoubted = c.last, true
	}
	if !c.doAgree && c.readings > 0 {
		c.hasLast, c.hasFast = false, false
		c.hasConfirmed = false
	}
}

// wasStanding takes in that the monotonic clock stood still, and the machine told.
func (m *machine) wasStanding(d time.Duration) {
	m.clocks.readAt = time.Time{}
	m.clocks.last.epoch, m.clocks.fast.epoch = m.clocks.last.epoch.Add(-d), m.clocks.fast.epoch.Add(-d)
	m.clocks.confirmed.epoch = m.clocks.confirmed.epoch.Add(-d)
	if m.fetching {
		m.suspendedFor += d
	}
	for i := range m.terms {
		m.terms[i].bound = m.terms[i].bound.Add(-d)
	}
}

// newTerms finds out when each directive of a set ends, and checks that none ends later than
// by the first confirmed clock under which the machine had it.
func (m *machine) newTerms(set *directive.Set) {
	before := m.terms
	m.terms, m.spare = m.spare[:0], before
	for i := range m.applied.directives {
		if !m.evaluates(&m.applied.directives[i]) {
			continue
		}
		t := term{Directive: m.applied.directives[i], since: m.clocks.readings}
		t.deadline = deadlineOf(set, &t.Directive, m.local())
		known := false
		for j := range before {
			if before[j].ID == t.ID && before[j].ExpiresAt.Equal(t.ExpiresAt) {
				deadline := t.deadline
				t, known = before[j], true
				t.Directive, t.deadline = m.applied.directives[i], deadline
			}
		}
		if t.isBound && t.deadline.After(t.bound.Add(t.slack)) {
			m.world.fail("P4 expiry", "machine %d: directive %s ends %v later than by the clock under which it came", m.n, t.ID,
				t.deadline.Sub(t.bound))
		}
		if !known && m.clocks.streak >= 2 {
			t.bind(m.clocks.last.epoch, m.clocks.last.roundTrip)
		}
		m.terms = append(m.terms, t)
	}
	if m.world.cfg.isClockClean {
		m.checkTerms(m.trueEpoch(), m.worstRoundTrip)
	}
}

// checkClock checks the terms after two measurements that agree.
func (m *machine) checkClock() {
	if m.isDoubted {
		m.isDoubted = false
		m.checkDoubted()
	}
	if !m.isConfirming {
		return
	}
	m.isConfirming = false
	a, b := m.confirmedBy[0], m.confirmedBy[1]
	latest, earliest := a.epoch, b.epoch
	if latest.Before(earliest) {
		latest, earliest = earliest, latest
	}
	slack := 2*directive.ClockTolerance + max(a.roundTrip, b.roundTrip)
	for i := range m.terms {
		t := &m.terms[i]
		if ends := endOf(t, latest); t.deadline.After(ends.Add(slack)) {
			m.world.fail("P4 expiry", "machine %d: directive %s ends %v after its expiry by a clock that was confirmed", m.n, t.ID,
				t.deadline.Sub(ends))
		}
		if ends := endOf(t, earliest); t.since >= m.clocks.readings-1 && t.since > 0 && t.deadline.Before(ends.Add(-slack)) {
			m.world.fail("P4 expiry", "machine %d: directive %s ends %v before its expiry by the clock under which it came", m.n, t.ID,
				ends.Sub(t.deadline))
		}
	}
}

// checkDoubted checks that no directive ends later than by a reading that disagreed, while no
// other can be had.
func (m *machine) checkDoubted() {
	for i := range m.terms {
		t := &m.terms[i]
		late := t.deadline.Sub(endOf(t, m.doubted.epoch))
		if late > 2*directive.ClockTolerance+m.doubted.roundTrip {
			m.world.fail("P4 expiry", "machine %d: directive %s ends %v after its expiry by the last reading, and none can be had", m.n, t.ID, late)
		}
	}
}

// bind notes that the directive ends no later than by the clock that was confirmed now.
func (t *term) bind(epoch time.Time, slack time.Duration) {
	t.bound, t.slack, t.isBound = t.deadline, slack, true
	if ends := endOf(t, epoch); ends.After(t.bound) {
		t.bound = ends
	}
}

// checkTerms checks that each directive ends at its expiry by the true clock: never later, and
// earlier only by what a measurement may be wrong. After a small jump of the clock, it may be
// later by the tolerance.
func (m *machine) checkTerms(epoch time.Time, roundTrip time.Duration) {
	late := time.Duration(0)
	if !m.world.cfg.isClockClean {
		late = directive.ClockTolerance
	}
	for i := range m.terms {
		t := &m.terms[i]
		early := endOf(t, epoch).Sub(t.deadline)
		if early < -late || early > directive.ClockTolerance+roundTrip {
			m.world.fail("P4 expiry", "machine %d: directive %s ends %v before its expiry by the true clock", m.n, t.ID, early)
		}
	}
}

// endOf returns when a directive ends by a clock that read zero at the epoch.
func endOf(t *term, epoch time.Time) time.Time {
	return epoch.Add(time.Duration(t.ExpiresAt.UnixNano()))
}

// deadlineOf returns the first time at which a directive no longer applies by the set itself.
func deadlineOf(set *directive.Set, d *directive.Directive, now time.Time) time.Time {
	req := probe(d)
	applies := func(t time.Time) bool { return set.Evaluate(req, t).By == d.ID }
	guess := directive.EarliestEpoch(set).Add(time.Duration(d.ExpiresAt.UnixNano()))
	if applies(guess.Add(-1)) && !applies(guess) {
		return guess
	}
	const most = 200 * 24 * time.Hour
	low, high := now.Add(-most), now.Add(most)
	if !applies(low) {
		return low
	}
	for high.Sub(low) > 1 {
		middle := low.Add(high.Sub(low) / 2)
		if applies(middle) {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}
