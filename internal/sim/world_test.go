package sim

import (
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"
)

// world is one run: a fleet, its Redis and what happens to them. It belongs to one goroutine.
type world struct {
	seed uint64
	rng  *rand.Rand
	cfg  config
	// now is the true time since the run began.
	now   time.Duration
	queue queue
	seq   uint64

	server   server
	machines []*machine
	values   values
	// hardUntil is when the last fault of the server ends that keeps machines from reaching it,
	// softUntil when the last one ends that concerns messages only.
	hardUntil, softUntil time.Duration
	// faultsUntil is when the faults of the phase end. isPaused says that the publishers pause.
	faultsUntil time.Duration
	isPaused    bool

	stats *stats
	trace *trace
}

// violation is what a check found.
type violation struct {
	seed  uint64
	at    time.Duration
	check string
	text  string
}

func (v *violation) Error() string {
	return fmt.Sprintf("seed %d, at %v: %s: %s", v.seed, v.at, v.check, v.text)
}

func newWorld(seed uint64, st *stats, tr *trace) *world {
	w := &world{seed: seed, rng: rand.New(rand.NewPCG(seed, 0x666c656574)), stats: st, trace: tr}
	w.cfg = newConfig(seed, w.rng)
	w.server.world = w
	w.values.world = w
	w.server.begin()
	for i := range w.cfg.machines {
		w.machines = append(w.machines, newMachine(w, i))
	}
	return w
}

// run returns what a check found, or nil.
func (w *world) run() (found *violation) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case *violation:
			found = e
		default:
			found = &violation{w.seed, w.now, "panic", fmt.Sprintf("%v\n%s", e, debug.Stack())}
		}
		w.stats.virtual += w.now
		w.stats.runs++
	}()
	w.tracef("configuration %+v", w.cfg)
	for i := range w.cfg.publishers {
		w.startPublisher(i)
	}
	for _, m := range w.machines {
		w.after(w.between(0, time.Second), func() { m.start(false) })
	}
	for range phases {
		w.phase()
	}
	return nil
}

// phase lets faults happen, and then a quiet period pass, at whose end the fleet has to have
// converged.
func (w *world) phase() {
	w.planFaults()
	w.runUntil(w.faultsUntil)
	w.mend()
	s := &w.server
	calm := max(w.hardUntil, w.softUntil, w.now, s.wrongUntil, s.timeDeniedUntil, s.timeRareUntil, s.oldYearTo)
	for _, m := range w.machines {
		calm = max(calm, m.hardUntil, m.softUntil)
	}
	if s.movedAt > 0 {
		calm += w.cfg.age + w.cfg.age/5
	}
	w.runUntil(calm + w.longBound() + time.Second)
	w.isPaused = true
	w.runUntil(w.now + 4*w.cfg.latency) // what is being published
	w.lastPublish()
	w.runUntil(w.now + w.shortBound() + time.Second)
	for _, m := range w.machines {
		m.mustHaveConverged()
	}
	w.isPaused = false
}

// runUntil handles everything up to a time.
func (w *world) runUntil(end time.Duration) {
	for {
		next, due := w.nextTimer()
		if len(w.queue.items) > 0 && w.queue.items[0].at <= next {
			next, due = w.queue.items[0].at, nil
		}
		if next > end {
			w.now = end
			return
		}
		w.now = max(w.now, next)
		w.stats.events++
		if due != nil {
			due.timer()
			continue
		}
		it := w.queue.pop()
		it.do()
	}
}

// nextTimer returns the machine whose follower wants to wake first, and when.
func (w *world) nextTimer() (time.Duration, *machine) {
	const never = time.Duration(1 << 62)
	next, due := never, (*machine)(nil)
	for _, m := range w.machines {
		if m.f == nil || m.isSuspended {
			continue
		}
		if m.wakeAt < next {
			next, due = m.wakeAt, m
		}
	}
	return next, due
}

func (w *world) at(at time.Duration, do func()) {
	w.seq++
	w.queue.push(item{max(at, w.now), w.seq, do})
}

func (w *world) after(d time.Duration, do func()) { w.at(w.now+d, do) }

func (w *world) chance(p float64) bool { return p > 0 && w.rng.Float64() < p }

// between returns a random duration from a to b.
func (w *world) between(a, b time.Duration) time.Duration {
	return a + time.Duration(w.rng.Int64N(int64(b-a)+1))
}

// latency is how long a packet takes.
func (w *world) latency() time.Duration {
	return w.cfg.latency/2 + time.Duration(w.rng.Int64N(int64(w.cfg.latency)))
}

// fail ends the run.
func (w *world) fail(check, format string, args ...any) {
	v := &violation{w.seed, w.now, check, fmt.Sprintf(format, args...)}
	w.tracef("VIOLATION of %s: %s", check, v.text)
	panic(v)
}

func (w *world) tracef(format string, args ...any) {
	if w.trace != nil {
		w.trace.add(w.now, format, args...)
	}
}
