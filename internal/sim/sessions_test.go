package sim

import (
	"slices"
	"time"

	"github.com/fleetdial/fleetdial/internal/follow"
)

// checkSessions checks that at most one session is open, and one more while that one is
// replaced, and that none ends without a reason.
func (m *machine) checkSessions(now time.Time, event follow.Event, in input, fx *follow.Effects, before *follow.Status) {
	w, s := m.world, &m.shadow
	corrections := m.status.Counters.Corrections - before.Counters.Corrections
	if corrections > 0 {
		w.stats.corrections += corrections
		if c := m.conn(s.current.number); corrections > 1 || !c.isLossy && !s.mayForget(m.applied) {
			w.fail("corrections", "machine %d counted a correction, but its session lost no announcement", m.n)
		}
	}
	for _, number := range fx.EndSessions {
		m.checkEnd(now, event, in, number, corrections > 0)
	}
	if s.retiring != 0 && !slices.Contains(fx.EndSessions, s.retiring) {
		w.fail("one session", "machine %d keeps session %d, which was replaced", m.n, s.retiring)
	}
	if fx.OpenSession != 0 {
		m.checkOpen(now, fx.OpenSession)
	}
	for _, sh := range []*sessionShadow{&s.current, &s.successor} {
		if sh.isOpen && !sh.ending && now.Sub(sh.lastReply) >= w.cfg.timeout {
			w.fail("silence", "machine %d: session %d is silent for %v and stays", m.n, sh.number, now.Sub(sh.lastReply))
		}
	}
	m.checkAge(now)
	if want := max(0, s.subscriptions-1); m.status.Counters.Reconnects != want {
		w.fail("reconnects", "machine %d counted %d reconnects, want %d", m.n, m.status.Counters.Reconnects, want)
	}
}

// checkOpen checks a session that is opened.
func (m *machine) checkOpen(now time.Time, number uint64) {
	w, s := m.world, &m.shadow
	s.opens++
	w.stats.sessions++
	opened := sessionShadow{number: number, isOpen: true, openedAt: now, lastReply: now}
	if s.current.isOpen {
		if s.successor.isOpen || s.retired != 0 || !s.current.reliable {
			w.fail("one session", "machine %d opens session %d: %+v", m.n, number, s.current)
		}
		if age := now.Sub(s.current.openedAt); w.cfg.age == 0 || age < w.cfg.age-w.cfg.age/5 {
			w.fail("one session", "machine %d replaces a session after %v", m.n, age)
		}
		s.successor = opened
		return
	}
	if !s.openBy.IsZero() && now.After(s.openBy) {
		w.fail("backoff", "machine %d: the first attempt after a long session came %v late", m.n, now.Sub(s.openBy))
	}
	s.openBy = time.Time{}
	s.current = opened
	s.highest = m.status.Revision.Version
}

// checkAge checks that a session is replaced when it is old enough.
func (m *machine) checkAge(now time.Time) {
	w, s := m.world, &m.shadow
	if c := m.conn(s.current.number); c != nil && c.isOld {
		m.leftAt = w.now
		hard := max(w.server.movedAt, w.hardUntil, m.hardUntil)
		if w.now > hard+w.cfg.age+w.cfg.age/5+w.settle() {
			w.fail("P2 freshness", "machine %d is with the old server %v after the name moved", m.n, w.now-w.server.movedAt)
		}
	}
	if w.cfg.age == 0 || !s.current.reliable || s.successor.isOpen || s.retired != 0 {
		return
	}
	if due := s.current.openedAt.Add(w.cfg.age); now.After(due) && now.After(s.rotateBy) {
		w.fail("rotation", "machine %d keeps session %d for %v", m.n, s.current.number, now.Sub(s.current.openedAt))
	}
}

// checkEnd checks that a session whose end is asked for has a reason to end.
func (m *machine) checkEnd(now time.Time, event follow.Event, in input, number uint64, isCorrection bool) {
	w, s := m.world, &m.shadow
	if number == s.retiring {
		return
	}
	sh := s.session(number)
	if sh == nil {
		w.fail("one session", "machine %d ends session %d, which is not open", m.n, number)
	}
	reason := isCorrection && sh == &s.current || now.Sub(sh.lastReply) >= w.cfg.timeout
	if in.conn != nil && in.conn.number == number {
		switch event.(type) {
		case follow.Unsubscribed:
			reason = true
		case follow.Subscribed:
			reason = reason || sh.subscribedIn != s.step
		case follow.ErrorReply:
			reason = reason || sh.subscribedIn == 0
		}
	}
	if !reason {
		w.fail("sessions stay", "machine %d ends session %d without a reason at %T", m.n, number, event)
	}
	sh.ending, sh.subscribedIn, sh.reliable = true, 0, false
	if sh == &s.current {
		s.endedAt = w.now
	}
}

// mustEnd checks that a session ends after an event that shows it to be of no use.
func (m *machine) mustEnd(event follow.Event, in input, fx *follow.Effects) {
	s := &m.shadow
	if in.conn == nil {
		return
	}
	sh := s.session(in.conn.number)
	if sh == nil {
		return
	}
	switch event.(type) {
	case follow.Unsubscribed:
	case follow.Subscribed:
		if sh.subscribedIn == s.step {
			return
		}
	case follow.ErrorReply:
		if sh.subscribedIn != 0 {
			return
		}
	default:
		return
	}
	if !slices.Contains(fx.EndSessions, sh.number) {
		m.world.fail("lost subscription", "machine %d keeps session %d after %T", m.n, sh.number, event)
	}
}
