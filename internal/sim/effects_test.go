package sim

import (
	"slices"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial/internal/follow"
)

const (
	// window is how long fetches and timers are counted, and fetchesPerWindow how many may lead
	// to nothing in it: 10 a second.
	window           = 5 * time.Second
	fetchesPerWindow = 10 * 5
	timersPerWindow  = 40 * 5
	opensPerWindow   = 30
	// In each minute, the log gets at most a burst and what the minute adds.
	stateLinesPerMinute = 20
	applyLinesPerMinute = 120
)

// checkEffects checks what the follower returned for an event.
func (m *machine) checkEffects(now time.Time, event follow.Event, in input, fx *follow.Effects, before *follow.Status) {
	m.mustEnd(event, in, fx)
	m.checkSessions(now, event, in, fx, before)
	m.checkValue(event, in, fx, before)
	m.checkFetch(now, event, in, fx)
	m.checkAnswers(event, fx, before)
	m.checkRates(now, fx)
	if !fx.WakeAt.After(now) {
		m.world.fail("no spinning", "machine %d: WakeAt is %v before now", m.n, now.Sub(fx.WakeAt))
	}
}

// checkFetch checks that at most one fetch is under way.
func (m *machine) checkFetch(now time.Time, event follow.Event, in input, fx *follow.Effects) {
	w, s := m.world, &m.shadow
	_, isFetched := event.(follow.Fetched)
	if fx.Fetch == nil {
		return
	}
	if s.fetching {
		w.fail("one fetch", "machine %d begins a fetch while another is under way", m.n)
	}
	if e, ok := event.(follow.Message); ok && m.isKnownID(e.Payload) {
		w.fail("known revisions", "machine %d fetches after the announcement of a revision that it knows", m.n)
	}
	if !s.clockBy.IsZero() && now.After(s.clockBy) {
		w.fail("clock", "machine %d measured the clock again %v late", m.n, now.Sub(s.clockBy))
	}
	if want := max(w.cfg.timeout, 3*time.Second); fx.Fetch.Timeout != want {
		w.fail("fetch timeout", "machine %d: the timeout is %v, want %v", m.n, fx.Fetch.Timeout, want)
	}
	isSecondPart := isFetched && s.mode == follow.FetchHeader && in.value != nil && fx.Fetch.Mode == follow.FetchValue && !m.isKnown(in.value) || in.isReadAgain
	if !isSecondPart {
		s.fetchStep = s.step
		s.fetches++
		s.fetchMeasures = false
	}
	m.checkMeasured(now, fx)
	s.clockBy = time.Time{}
	if fx.Fetch.Mode != follow.FetchClock {
		if !s.fetchBy.IsZero() && now.After(s.fetchBy) {
			w.fail("backoff", "machine %d: the first attempt after a good fetch came %v late", m.n, now.Sub(s.fetchBy))
		}
		s.fetchBy = time.Time{}
	}
	s.fetching, s.mode, s.fetchBegan = true, fx.Fetch.Mode, now
	if !isSecondPart {
		s.suspendedFor = 0
	}
	w.stats.fetches[fx.Fetch.Mode]++
}

// isKnownID reports whether a message announces what was applied or rejected last.
func (m *machine) isKnownID(payload string) bool {
	is := func(v *value) bool { return v != nil && v.id != "" && strings.Contains(payload, v.id) }
	return is(m.applied) || is(m.rejected)
}

// checkAnswers checks that each Refresh is answered once, by a fetch that began after it.
func (m *machine) checkAnswers(event follow.Event, fx *follow.Effects, before *follow.Status) {
	w, s := m.world, &m.shadow
	for _, a := range fx.Answers {
		i := slices.IndexFunc(s.waiters, func(x waiter) bool { return x.id == a.Waiter })
		if i < 0 {
			w.fail("answers", "machine %d answers waiter %d, who does not wait", m.n, a.Waiter)
		}
		if s.answeredBy < s.waiters[i].step {
			w.fail("answers", "machine %d answers waiter %d with a fetch that began before", m.n, a.Waiter)
		}
		m.mustHaveMeasured("a Refresh is answered")
		s.waiters = slices.Delete(s.waiters, i, i+1)
		w.stats.answers++
	}
	if fx.Started {
		if s.isStarted {
			w.fail("start", "machine %d started twice", m.n)
		}
		if _, ok := event.(follow.Fetched); ok && fx.StartErr == nil && !s.fetchFailed && !s.wasRestored && s.completed < 2 && !s.isClockFailed {
			w.fail("clock", "machine %d started after one reading of the clock", m.n)
		}
		s.isStarted = true
	}
	if m.status.Counters.ClockJumps > before.Counters.ClockJumps && !s.clocks.doAgree && !s.clocks.mayBeOwn {
		w.fail("clock", "machine %d took one reading of the clock for a jump", m.n)
	}
}

// checkRates bounds fetches, timers, sessions and log lines.
func (m *machine) checkRates(now time.Time, fx *follow.Effects) {
	w, s := m.world, &m.shadow
	if now.Sub(s.window) >= window {
		s.window, s.fetches, s.fetchesPaid, s.timers, s.opens = now, 0, 0, 0, 0
	}
	if s.fetches > fetchesPerWindow+2*s.fetchesPaid {
		w.fail("fetch rate", "machine %d: %d fetches in %v, of which %d were paid for", m.n, s.fetches, now.Sub(s.window), s.fetchesPaid)
	}
	if s.timers > timersPerWindow {
		w.fail("no spinning", "machine %d: %d timers in %v", m.n, s.timers, now.Sub(s.window))
	}
	if s.opens > opensPerWindow {
		w.fail("session rate", "machine %d: %d sessions in %v", m.n, s.opens, now.Sub(s.window))
	}
	if now.Sub(s.logWindow) >= time.Minute {
		s.logWindow, s.stateLines, s.applyLines = now, 0, 0
	}
	for i := range fx.Log {
		if isApplyLine(fx.Log[i].Message) {
			s.applyLines++
		} else {
			s.stateLines++
		}
		w.stats.logLines++
	}
	if s.stateLines > stateLinesPerMinute || s.applyLines > applyLinesPerMinute {
		w.fail("log rate", "machine %d: %d and %d lines in %v", m.n, s.stateLines, s.applyLines, now.Sub(s.logWindow))
	}
}

func isApplyLine(message string) bool {
	return strings.HasPrefix(message, "revision applied") || strings.HasPrefix(message, "started")
}
