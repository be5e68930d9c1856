package sim

import (
	"slices"
	"time"
)

// faultKind is something that goes wrong in some runs.
type faultKind struct {
	name string
	// isOfClock says that clocks are wrong afterwards, isSigned that it concerns signed fleets,
	// isOfAge that it ends only if sessions are replaced.
	isOfClock, isSigned, isOfAge bool
	do                           func(w *world, m *machine)
}

// faultKinds are all kinds of faults, in the order in which a run draws from them.
var faultKinds = slices.Concat(linkFaults, machineFaults, serverFaults, valueFaults, clockFaults)

func (w *world) hasFault(name string) bool {
	return slices.ContainsFunc(w.cfg.faults, func(k *faultKind) bool { return k.name == name })
}

// planFaults plans the faults of a phase.
func (w *world) planFaults() {
	length := w.between(20*time.Second, 2*time.Minute)
	w.faultsUntil = w.now + length
	refreshes := w.rng.IntN(6)
	for range refreshes {
		w.after(w.between(0, length), func() { w.anyMachine().refresh() })
	}
	if len(w.cfg.faults) == 0 {
		return
	}
	for i := range 1 + w.rng.IntN(8) {
		kind := w.cfg.faults[w.rng.IntN(len(w.cfg.faults))]
		if i == 0 && w.cfg.forced != nil {
			kind = w.cfg.forced
		}
		w.after(w.between(0, length), func() {
			w.tracef("fault: %s", kind.name)
			w.stats.faults[kind.name]++
			kind.do(w, w.anyMachine())
		})
	}
}

func (w *world) anyMachine() *machine { return w.machines[w.rng.IntN(len(w.machines))] }

// mend ends what has no end of its own: a key whose value is wrong stays so for now, because
// the next publish replaces it.
func (w *world) mend() {
	w.server.wrongOnce = 0
	for _, m := range w.machines {
		m.suspendNext = 0
	}
}

// until returns the end of a fault that begins now. Most end soon.
func (w *world) until() time.Duration {
	return w.now + pick(w.rng, w.between(0, time.Second), w.between(0, 10*time.Second), w.between(0, 40*time.Second))
}

// hard notes that the machine may not reach Redis until then.
func (m *machine) hard(until time.Duration) time.Duration {
	m.hardUntil = max(m.hardUntil, until)
	return until
}

// soft notes that messages to the machine may be lost, late or useless until then.
func (m *machine) soft(until time.Duration) time.Duration {
	m.softUntil = max(m.softUntil, until)
	return until
}

func (w *world) hard(until time.Duration) time.Duration {
	w.hardUntil = max(w.hardUntil, until)
	return until
}

func (w *world) soft(until time.Duration) time.Duration {
	w.softUntil = max(w.softUntil, until)
	return until
}
