package sim

import (
	"fmt"
	"time"

	"github.com/fleetdial/fleetdial/internal/wire"
)

// settle is how long a machine may take after the last fault until it has a reliable session
// and a fetch has succeeded: a silent session or a hung fetch, and two backoffs.
func (w *world) settle() time.Duration {
	return max(w.cfg.timeout, 3*time.Second) + 2*2*time.Second + time.Second
}

// longBound is within which time a machine has what the key holds, whatever was lost.
func (w *world) longBound() time.Duration { return w.cfg.resync + w.settle() }

// shortBound is within which time a machine has what was published, if nothing is lost: the
// spread, and a few round trips.
func (w *world) shortBound() time.Duration {
	bound := 1000*time.Millisecond + 20*w.cfg.latency + 20*time.Millisecond
	if w.cfg.lag > 0 {
		bound += 500 * time.Millisecond
	}
	return bound
}

// expectedState derives the state from what the follower was given.
func (m *machine) expectedState(now time.Time) wire.State {
	s := &m.shadow
	switch {
	case s.fetching && now.Sub(s.fetchBegan) >= m.world.cfg.timeout, s.fetchFailed, !s.current.reliable:
		return wire.StateStale
	}
	return s.found
}

// checkOverdue checks that the state was stale as soon as a fetch was overdue, and not only at
// the next event.
func (m *machine) checkOverdue(now time.Time) {
	if m.fetching && now.Sub(m.fetchBegan) > m.world.cfg.timeout && m.status.State != wire.StateStale {
		m.world.fail("honest state", "machine %d: the state is %s during a fetch that hangs for %v", m.n, m.status.State, now.Sub(m.fetchBegan))
	}
}

// checkState checks what the follower says of itself, and how fresh its set is.
func (m *machine) checkState(now time.Time) {
	w := m.world
	if want := m.expectedState(now); m.status.State != want {
		w.fail("honest state", "machine %d: the state is %s, want %s (%v)", m.n, m.status.State, want, m.status.Err)
	}
	w.stats.states[m.status.State]++
	m.checkFreshness()
	if m.step%64 == 0 {
		m.checkEvaluation(now)
	}
}

// checkFreshness checks P2.
func (m *machine) checkFreshness() {
	w, s := m.world, &m.world.server
	hard := max(w.hardUntil, m.hardUntil)
	calm := hard + w.settle()
	if w.now < calm {
		return
	}
	isDue := w.now > max(s.changedAt, hard)+w.longBound()
	quiet := max(calm, w.softUntil+5*time.Second, m.softUntil+5*time.Second, m.leftAt+w.settle())
	if s.isAnnounced && !m.wasSetBack() && s.changedAt > quiet && w.now > s.changedAt+w.shortBound() {
		isDue = true
	}
	if isDue {
		if problem := m.problem(); problem != "" {
			w.fail("P2 freshness", "machine %d: %s, since %v", m.n, problem, w.now-s.changedAt)
		}
	}
	old := w.now - w.longBound()
	if v := m.applied; v != nil && m.rejected == nil && !v.isHeld && !v.hasTwin && v.heldUntil < old && hard < old && s.badUntil < old &&
		m.reasonAgainst(s.state.value) == "" && !s.state.isMissing() {
		w.fail("P2 freshness", "machine %d has %s, which the key has not held for %v", m.n, v.name, w.now-v.heldUntil)
	}
}

// wasSetBack reports whether the machine had what the key holds, but a replica that lags
// showed an older value after that. The next resync repairs it.
func (m *machine) wasSetBack() bool {
	return m.world.cfg.lag > 0 && m.seen == m.world.server.state.value
}

// hasTwin reports whether the key holds another value with the same header and length, which
// only every tenth resync tells apart.
func (m *machine) hasTwin() bool {
	s := &m.world.server
	if m.world.cfg.isSigned {
		return false // signed values are always read whole
	}
	if v := s.state.value; v != m.applied && v.isLike(m.applied) || v != m.rejected && v.isLike(m.rejected) {
		return m.world.now < max(s.changedAt, m.world.hardUntil, m.hardUntil)+12*m.world.cfg.resync+m.world.settle()
	}
	return false
}

// problem returns what keeps the machine from having what the key holds. Empty is none.
func (m *machine) problem() string {
	w := m.world
	v, state := w.server.state.value, m.status.State
	if m.hasTwin() {
		return ""
	}
	if state == wire.StateStale && w.now < m.endedAt+w.settle() {
		// A correction ended the session. Only the set has to be fresh.
		state = ""
	}
	want := wire.StateMissing
	switch {
	case v.isMissing():
	case v == m.applied:
		want = stateOf(v)
	case m.reasonAgainst(v) != "":
		want = wire.StateRejected
		if m.rejected != v {
			return fmt.Sprintf("it has not rejected %s", v.name)
		}
		if r := m.status.Rejected; r.Version != v.version || r.Reason != m.reasonAgainst(v) {
			return fmt.Sprintf("it reports the rejection of version %d for %s instead of %s", r.Version, r.Reason, v.name)
		}
	default:
		name := "nothing"
		if m.applied != nil {
			name = m.applied.name
		}
		return fmt.Sprintf("it has %s, the key holds %s", name, v.name)
	}
	if state != "" && state != want {
		return fmt.Sprintf("its state is %s, want %s for %s (%v)", state, want, v.name, m.status.Err)
	}
	return ""
}

// mustHaveConverged checks a machine after a quiet period and a publish.
func (m *machine) mustHaveConverged() {
	w := m.world
	if w.now < m.hardUntil+w.settle() {
		return // a suspension that was planned before the quiet period began in it
	}
	m.checkState(m.local())
	problem := m.problem()
	if problem != "" && m.wasSetBack() {
		return
	}
	if problem != "" {
		w.fail("convergence", "machine %d: %s", m.n, problem)
	}
	if m.applied != w.server.state.value {
		w.fail("convergence", "machine %d has not applied %s", m.n, w.server.state.name)
	}
	if len(m.waiters) > 0 {
		w.fail("answers", "machine %d: %d waiters wait for ever", m.n, len(m.waiters))
	}
	if !m.isStarted {
		w.fail("start", "machine %d never started", m.n)
	}
	m.checkTerms(m.trueEpoch(), 2*w.cfg.latency+2*time.Millisecond)
	w.stats.converged++
}
