package sim

import (
	"strconv"
	"time"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// maxDirectives is how many directives a set has at most. More make a run slower, and find no
// more.
const maxDirectives = 6

// startPublisher publishes from time to time.
func (w *world) startPublisher(n int) {
	var next func()
	next = func() {
		if !w.isPaused {
			w.publish(w.nextSet())
		}
		w.after(w.pause(), next)
	}
	w.after(w.pause(), next)
}

// pause is random, and short now and then, so that announcements overtake fetches.
func (w *world) pause() time.Duration {
	if w.rng.IntN(5) == 0 {
		return w.between(0, 5*w.cfg.latency)
	}
	return w.between(0, 2*w.cfg.publishEvery)
}

// canPublish reports whether the server takes a write. One that is hung takes it later, which
// is the same as a later publish.
func (w *world) canPublish() bool {
	s := &w.server
	return !s.isDown() && !s.isHung() && w.now >= s.loadingUntil
}

// publish publishes a set as the publisher does: the next version, and an announcement.
func (w *world) publish(set []directive.Directive) {
	if !w.canPublish() {
		return
	}
	version := max(w.server.state.lastVersion, w.server.state.version) + 1
	v := w.values.revision(version, w.values.newID(), set)
	a := wire.Announcement{Version: version, ID: v.id}
	if w.rng.IntN(6) == 0 {
		a.SpreadMillis = w.rng.Int64N(1500)
	}
	writes := w.server.writes
	w.after(2*w.cfg.latency, func() {
		// EXEC, one round trip after WATCH. A publisher that meets another tries again, which is
		// the same as its next publish.
		if w.canPublish() && w.server.exec(writes, v, version, string(a.Encode())) {
			w.stats.publishes++
		}
	})
}

// nextSet changes the set of the current revision.
func (w *world) nextSet() []directive.Directive {
	r := w.rng
	if r.IntN(12) == 0 {
		return nil
	}
	var set []directive.Directive
	hasWildcard := false
	add := func(d directive.Directive) {
		isWildcard := d.Match == directive.Match{}
		if len(set) < maxDirectives && (!isWildcard || !hasWildcard) {
			set = append(set, d)
			hasWildcard = hasWildcard || isWildcard
		}
	}
	for _, d := range w.server.state.directives {
		switch r.IntN(8) {
		case 0:
		case 1:
			d.ExpiresAt = d.ExpiresAt.Add(w.between(0, time.Minute).Truncate(time.Millisecond))
			add(d)
		default:
			add(d)
		}
	}
	for range 1 + r.IntN(2) {
		add(w.values.newDirective(w.ttl()))
	}
	return set
}

func (w *world) ttl() time.Duration {
	return pick(w.rng, 2*time.Second, 10*time.Second, time.Minute, 10*time.Minute, 24*time.Hour)
}

// lastPublish ends a phase with a set whose directives are all new, so that no earlier fault
// may shorten them.
func (w *world) lastPublish() {
	s := &w.server
	// A signed fleet that was set back needs a version above those it has seen.
	for _, m := range w.machines {
		s.state.lastVersion = max(s.state.lastVersion, m.signedVersion)
	}
	set := []directive.Directive{w.values.newDirective(24 * time.Hour)}
	if d := w.values.newDirective(10 * time.Minute); d.Match.Tenant != "" {
		set = append(set, d)
	}
	w.publish(set)
}

// forge returns an announcement of a revision that does not exist.
func (w *world) forge() string {
	r := w.rng
	version := strconv.FormatInt(pick(r, 1, w.server.state.version+1, 1<<40, 1<<62), 10)
	spread := pick(r, "0", "1000", "100000000", "-5", "9223372036854775807")
	return `{"version":` + version + `,"id":"` + w.values.newID() + `","spread_ms":` + spread + `}`
}
