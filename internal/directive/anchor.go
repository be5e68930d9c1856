package directive

import (
	"sync/atomic"
	"time"
)

// tolerance is how far two measurements of the fleet's clock may lie apart and still count as the same: more than the
// round trips that they differ by, less than anyone notices of an expiry.
const tolerance = 100 * time.Millisecond

// Anchor returns the set with its expiries counted on another clock: one that read zero (Unix time) at the local time
// epoch. If epoch has a monotonic reading, the expiries become deadlines on the monotonic clock, which no change of
// the wall clock moves. The set itself stays as it is; the two share their directives.
func Anchor(s *Set, epoch time.Time) *Set {
	if s == nil {
		s = &Set{}
	}
	return &Set{
		directives: s.directives, program: s.program, epoch: epoch, anchored: true, cut: s.cut, over: new(atomic.Bool),
	}
}

// AnchorAfter is Anchor for a set that takes the place of prev on the same subscriber: no measurement prolongs what is
// left of a directive. One that differs from prev's by no more than the round trip might leaves the earlier of the two
// in force. Where the fleet's clock went back, a directive that prev had as well, with the same id and expiry, keeps
// the deadline it had.
func AnchorAfter(s, prev *Set, epoch time.Time) *Set {
	if prev.Len() == 0 {
		return Anchor(s, epoch)
	}
	back := epoch.Sub(prev.epoch)
	if back > 0 && back <= tolerance {
		epoch, back = prev.epoch, 0
	}
	next := Anchor(s, epoch)
	if back > 0 || prev.cut {
		next.keepDeadlines(prev, back)
	}
	return next
}

// keepDeadlines cuts the expiries of the directives that prev, whose epoch lies earlier by back, had too.
func (s *Set) keepDeadlines(prev *Set, back time.Duration) {
	s.cut = true
	had := make(map[string]*Directive, prev.Len())
	for i := range prev.directives {
		had[prev.directives[i].ID] = &prev.directives[i]
	}
	deadlines := make(map[string]time.Duration, len(prev.program.rules))
	for _, r := range prev.program.rules {
		deadlines[prev.directives[r.index].ID] = r.expiry - back
	}
	s.program = compile(s.directives)
	s.program.shorten(func(r *rule) time.Duration {
		d := &s.directives[r.index]
		if before := had[d.ID]; before == nil || !before.ExpiresAt.Equal(d.ExpiresAt) {
			return r.expiry
		}
		// prev's rule may itself be cut: it is its deadline that counts, not the directive's expiry.
		if deadline, ok := deadlines[d.ID]; ok {
			return min(r.expiry, deadline)
		}
		return r.expiry - max(0, back)
	})
}

// Reanchor returns s itself, unless the clock that it is anchored to turns out to be behind: the machine was
// suspended, during which a monotonic clock may stand still, or Redis' clock was set forward. Then it returns s
// anchored to the new epoch, so that its directives end when they should. A clock found ahead changes nothing.
func Reanchor(s *Set, epoch time.Time) *Set {
	if s.Len() == 0 || s.epoch.Sub(epoch) <= tolerance {
		return s
	}
	next := Anchor(s, epoch)
	if s.cut {
		next.keepDeadlines(s, epoch.Sub(s.epoch))
	}
	return next
}

// EarliestEpoch returns the epoch by which none of the set's directives ends later than it does in the set: the one that
// it is anchored to or, where a directive has kept a deadline from before the clock went back, an earlier one.
func (s *Set) EarliestEpoch() time.Time {
	if !s.cut {
		return s.epoch
	}
	var most time.Duration
	for i := range s.program.rules {
		r := &s.program.rules[i]
		most = max(most, sinceUnixZero(s.directives[r.index].ExpiresAt)-r.expiry)
	}
	return s.epoch.Add(-most)
}
