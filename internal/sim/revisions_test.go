package sim

import (
	"slices"
	"strconv"
	"time"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/follow"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// checkValue checks what came of a fetch: P1, P3, P6 and P7. A value that was read whole is
// applied if it is valid, and otherwise rejected and reported. Nothing else is applied.
func (m *machine) checkValue(event follow.Event, in input, fx *follow.Effects, before *follow.Status) {
	w, s := m.world, &m.shadow
	e, isFetched := event.(follow.Fetched)
	v := in.value
	if !isFetched || e.Err != nil || in.isReadAgain || s.mode == follow.FetchClock || s.mode == follow.FetchHeader && !m.isKnown(v) {
		if fx.Applied != nil || m.rejections() != sum(before.Counters.Rejections) {
			w.fail("P1 whole sets", "machine %d applied or rejected a value without reading one", m.n)
		}
		return
	}
	reason := m.reasonAgainst(v)
	switch {
	case v.isMissing():
		s.found = wire.StateMissing
	case s.mode == follow.FetchHeader && v.isLike(s.rejected), v == s.rejected:
		s.found = wire.StateRejected
	case s.mode == follow.FetchHeader, v == s.applied:
		s.found = stateOf(s.applied)
	case reason != "":
		m.mustReject(v, reason, fx, before)
		return
	default:
		m.mustApply(v, fx, before)
		return
	}
	if fx.Applied != nil {
		w.fail("P7 missing key", "machine %d applied %s again", m.n, v.name)
	}
	if m.rejections() != sum(before.Counters.Rejections) {
		w.fail("P3 last good", "machine %d rejected %s again", m.n, v.name)
	}
}

func stateOf(v *value) wire.State {
	if v.kind == valueEmpty {
		return wire.StateEmpty
	}
	return wire.StateLive
}

func sum(counts map[wire.RejectReason]int64) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}

func (m *machine) rejections() int64 { return sum(m.status.Counters.Rejections) }

// reasonAgainst returns why the follower has to reject a value.
func (m *machine) reasonAgainst(v *value) wire.RejectReason {
	if v.reason == "" && m.world.cfg.isSigned && v.kind == valueBytes && v.version <= m.signedVersion && v.id != m.signedID {
		return wire.RejectReplayed
	}
	return v.reason
}

func (m *machine) mustReject(v *value, reason wire.RejectReason, fx *follow.Effects, before *follow.Status) {
	w, s := m.world, &m.shadow
	if fx.Applied != nil {
		w.fail("P3 last good", "machine %d applied %s, which is %s", m.n, v.name, reason)
	}
	r := m.status.Rejected
	if r == nil || r.Reason != reason || r.Version != v.version || r.ID != v.id ||
		m.status.Counters.Rejections[reason] != before.Counters.Rejections[reason]+1 || !fx.Report {
		w.fail("P3 last good", "machine %d did not report the rejection of %s for %s: %+v", m.n, v.name, reason, r)
	}
	s.rejected, s.found = v, wire.StateRejected
	s.fetchesPaid++
	w.stats.rejections[reason]++
}

func (m *machine) mustApply(v *value, fx *follow.Effects, before *follow.Status) {
	w, s := m.world, &m.shadow
	if fx.Applied == nil || fx.Set == nil {
		w.fail("P2 freshness", "machine %d did not apply %s", m.n, v.name)
	}
	if fx.Applied.Version != v.version || fx.Applied.ID != v.id || m.status.Revision.ID != v.id {
		w.fail("P1 whole sets", "machine %d applied version %d instead of %s", m.n, fx.Applied.Version, v.name)
	}
	if m.status.Rejected != nil {
		w.fail("P3 last good", "machine %d still reports a rejection after it applied %s", m.n, v.name)
	}
	isSame := s.applied != nil && v.id != "" && s.applied.id == v.id
	wentBack := s.applied != nil && !isSame && v.version != 0 && v.version < s.applied.version
	if counted := m.status.Counters.Regressions - before.Counters.Regressions; wentBack != (counted == 1) {
		w.fail("P6 the key is the truth", "machine %d: from %s to %s, %d regressions counted", m.n, s.applied.name, v.name, counted)
	}
	if wentBack {
		w.stats.regressions++
	}
	m.noteLoss(v)
	s.highest = max(s.highest, v.version)
	s.applied, s.rejected, s.found = v, nil, stateOf(v)
	if w.cfg.isSigned {
		s.signedVersion, s.signedID = v.version, v.id
	}
	s.fetchesPaid++
	w.stats.applies++
}

// restored takes in what the follower made of the snapshot file.
func (m *machine) restored(fx follow.Effects, epoch time.Time, use bool) {
	s, v := &m.shadow, m.file.value
	if m.world.cfg.isSigned {
		s.signedVersion, s.signedID = v.version, v.id
	}
	if !use {
		return
	}
	s.applied = v
	if fx.Set == nil {
		m.world.fail("restore", "machine %d has no set after it restored %s", m.n, v.name)
	}
	m.wasRestored = true
	own := estimate{epoch: epoch}
	m.clocks = clockShadow{isOwn: true, last: own, fast: own, isKnown: true, hasLast: true, hasFast: true}
	m.swapped(fx.Set)
	for i := range m.terms {
		m.terms[i].bound, m.terms[i].isBound = m.terms[i].deadline, true
	}
	m.file.epoch = epoch
	m.world.stats.restores++
}

// noteLoss checks, after the resync found a revision whose announcement was lost on a session
// that stands, that the follower counts a correction.
func (m *machine) noteLoss(v *value) {
	w, s := m.world, &m.shadow
	isFirst := s.loss.value == v && v.version > s.highest // a replica or an old server may show it again
	if !isFirst || s.loss.hints != s.hints || s.loss.number != s.current.number || !s.current.reliable ||
		w.now < s.hintAt+5*time.Second {
		return
	}
	process, stood, hints, number, before := m.process, m.stood, s.hints, s.current.number, m.status.Counters.Corrections
	w.after(300*time.Millisecond, func() {
		switch {
		case m.process != process, m.isSuspended, m.stood != stood:
		case m.status.Counters.Corrections > before:
			w.stats.lossesFound++
		case s.current.number == number && s.hints == hints:
			w.fail("corrections", "machine %d counted no correction for %s", m.n, v.name)
		}
	})
}

// swapped takes in the set that is in force from now on. Its directives are those of the value
// that was applied.
func (m *machine) swapped(set *directive.Set) {
	var want []directive.Directive
	if m.applied != nil {
		want = m.applied.directives
	}
	if !slices.EqualFunc(set.Directives(), want, directive.Directive.Equal) {
		m.world.fail("P1 whole sets", "machine %d: the set in force is not that of the value that was applied", m.n)
	}
	m.whole, m.set = set, set.ForInstance(m.instance())
	m.newTerms(m.set)
}

// instance returns the name and the labels of the machine.
func (m *machine) instance() (name string, labels map[string]string) {
	return "machine-" + strconv.Itoa(m.n), map[string]string{"parity": parities[m.n%2]}
}

var parities = [2]string{"even", "odd"}

// evaluates reports whether the machine evaluates a directive.
func (m *machine) evaluates(d *directive.Directive) bool {
	name, labels := m.instance()
	return d.Instances.Include(name, labels)
}

// checkFile checks that the snapshot file holds the value that was applied, and that it counts
// on no later clock than the set.
func (m *machine) checkFile() {
	if m.applied == nil {
		return
	}
	if m.file == nil {
		m.world.fail("save", "machine %d: there is no snapshot file of %s", m.n, m.applied.name)
	}
	if m.file.value != m.applied {
		m.world.fail("save", "machine %d: the snapshot file holds %s, applied is %s", m.n, m.file.value.name, m.applied.name)
	}
	if m.whole.Len() > 0 && m.file.epoch.Sub(directive.EarliestEpoch(m.whole)) > directive.ClockTolerance {
		m.world.fail("save", "machine %d: the snapshot file gives %v more than is left", m.n, m.file.epoch.Sub(directive.EarliestEpoch(m.whole)))
	}
}
