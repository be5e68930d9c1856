package sim

import (
	"time"
)

// serverFaults are those that all machines see.
var serverFaults = []faultKind{
	{name: "server hung", do: func(w *world, _ *machine) { w.server.hungUntil = w.hard(w.until()) }},
	{name: "server restarted", do: func(w *world, _ *machine) { w.server.crash(w.server.state) }},
	{name: "server restarted with older data", do: func(w *world, _ *machine) {
		w.server.crash(w.server.stateAt(w.now - w.between(0, time.Minute)))
	}},
	{name: "server restarted empty", do: func(w *world, _ *machine) { w.server.crash(keyState{w.values.missing, 0}) }},
	{name: "server loading", do: func(w *world, _ *machine) { w.server.loadingUntil = w.hard(w.until()) }},
	{name: "failover", do: func(w *world, _ *machine) {
		s := &w.server
		lost := s.stateAt(w.now - w.between(0, 20*time.Second))
		w.hard(w.now)
		s.cutAll(errReset)
		s.branchAt = w.now
		s.set(lost.value, lost.lastVersion)
	}},
	{name: "name moved", isOfAge: true, do: func(w *world, _ *machine) { w.move() }},
	{name: "replicas lag", do: func(w *world, _ *machine) {
		w.server.lag = w.between(0, 5*time.Second)
		w.server.lagUntil = w.now + w.between(0, 20*time.Second)
		w.hard(w.server.lagUntil)
		for _, c := range w.server.subs {
			// Its first fetch may not see a revision that was announced before the session.
			c.isLossy = c.isLossy || w.now-w.server.changedAt <= w.server.lag
		}
	}},
	{name: "storm of messages", do: func(w *world, _ *machine) { w.storm(func() string { return "wake up" }) }},
	{name: "storm of announcements", do: func(w *world, _ *machine) { w.storm(w.forge) }},
	{name: "announcement forged", do: func(w *world, _ *machine) {
		w.soft(w.now)
		w.server.publish(nil, 0, w.forge())
	}},
	{name: "rejected revision announced again", do: func(w *world, m *machine) {
		w.storm(func() string {
			if v := w.server.state.value; v.id != "" {
				return `{"version":` + itoa(v.version) + `,"id":"` + v.id + `"}`
			}
			return "wake up"
		})
	}},
}

// crash ends the server's process, and starts it again after a while with what it has saved.
func (s *server) crash(saved keyState) {
	w := s.world
	if s.isDown() {
		return
	}
	s.downUntil = w.hard(w.now + w.between(0, 15*time.Second))
	s.hungUntil, s.branchAt = 0, w.now
	s.cutAll(errReset)
	s.set(saved.value, saved.lastVersion)
}

// move has the name of the server show to another server, which has the same data. The old one
// goes on, with its connections, and gets no more publishes. Fetches go to either server until the
// last connection of the pool is too old.
func (w *world) move() {
	s := &w.server
	if len(s.oldSubs) > 0 {
		return // there is one old server at a time
	}
	s.movedAt, s.old, s.oldSubs, s.subs = w.now, s.state.value, s.subs, nil
	w.stats.moves++
	for _, c := range s.oldSubs {
		c.isOld = true
	}
	for _, m := range w.machines {
		m.pooledUntil = m.hard(w.now + w.between(0, 20*time.Second))
		m.pooled = pick(w.rng, 0.5, 1)
	}
}

// storm sends many messages that lead to nothing.
func (w *world) storm(payload func() string) {
	end := w.soft(w.now + w.between(0, 4*time.Second))
	gap := w.between(2*time.Millisecond, 50*time.Millisecond)
	var next func()
	next = func() {
		if w.now >= end {
			return
		}
		if w.canPublish() {
			w.server.publish(nil, 0, payload())
		}
		w.after(w.between(gap/2, gap), next)
	}
	next()
}

// clockFaults are those of Redis' clock.
var clockFaults = []faultKind{
	{name: "clock jumps forward", isOfClock: true, do: func(w *world, _ *machine) { w.jump(w.anyJump()) }},
	{name: "clock jumps back", isOfClock: true, do: func(w *world, _ *machine) { w.jump(-w.anyJump()) }},
	{name: "one reading of the clock wrong", isOfClock: true, do: func(w *world, _ *machine) {
		w.server.wrongOnce = pick(w.rng, 24*time.Hour, -24*time.Hour, w.anyJump(), -w.anyJump())
	}},
	{name: "clock wrong for a while", isOfClock: true, do: func(w *world, _ *machine) {
		w.server.wrong = pick(w.rng, w.anyJump(), -w.anyJump())
		w.server.wrongUntil = w.until()
	}},
	{name: "time denied", isOfClock: true, do: func(w *world, _ *machine) { w.server.timeDeniedUntil = w.until() }},
	{name: "time denied now and then", isOfClock: true, do: func(w *world, _ *machine) { w.server.timeRareUntil = w.until() }},
	{name: "clock shows an old year", isOfClock: true, do: func(w *world, _ *machine) { w.server.oldYearTo = w.until() }},
}

func (w *world) anyJump() time.Duration {
	return pick(w.rng, w.between(0, 300*time.Millisecond), w.between(0, time.Minute), w.between(0, 2*time.Hour), 24*time.Hour)
}

func (w *world) jump(d time.Duration) {
	w.server.offset += d
	w.stats.jumps++
	w.tracef("Redis: the clock jumps by %v", d)
}
