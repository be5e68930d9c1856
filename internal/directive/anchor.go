package directive

import (
	"slices"
	"sync/atomic"
	"time"
)

// ClockTolerance is how far two measurements of the fleet's clock may lie apart and still
// count as the same. It is more than the round trips by which they differ, and less than
// anyone notices of an expiry.
const ClockTolerance = 100 * time.Millisecond

// anchor says on which clock the expiries of a set count.
type anchor struct {
	// epoch is the local time at which that clock read zero. It is the Unix epoch in a set
	// that is not anchored to another clock.
	epoch    time.Time
	anchored bool
	// origin is the epoch by which the directives of the set were first anchored. A
	// directive never ends later than it does by its origin. The zero origin is a clock that
	// was read only once: it limits nothing.
	origin time.Time
	// carried has a number for each directive, or is nil if origin is that of all. Number 0
	// says that origin is the directive's, and number n that origins[n-1] is.
	carried []uint16
	origins []time.Time
	// shortened says that rules expire before their directives' expiries.
	shortened bool
}

// Anchor returns the set with its expiries counted on another clock, one that read zero
// (Unix time) at the local time epoch. If epoch has a monotonic reading, the expiries become
// deadlines on the monotonic clock, which no change of the wall clock moves. The set itself
// stays as it is. The two share their directives.
func Anchor(s *Set, epoch time.Time) *Set {
	return anchorAs(s, anchor{epoch: epoch, origin: epoch})
}

// AnchorAfter is Anchor for a set that replaces prev on the same subscriber. A directive that
// prev had too, with the same id and expiry, ends no later than it did when it was first
// anchored, because no measurement of a clock extends a directive. Provisional says that the
// clock was read only once, so that [Settle] may anchor the set again.
func AnchorAfter(s, prev *Set, epoch time.Time, provisional bool) *Set {
	a := anchor{epoch: epoch, origin: epoch}
	if back := epoch.Sub(prev.epoch); prev.Len() > 0 && 0 < back && back <= ClockTolerance {
		a.epoch, a.origin = prev.epoch, prev.epoch
	}
	if provisional {
		a.origin = time.Time{}
	}
	if prev.Len() > 0 && (prev.carried != nil || !replaces(a.origin, prev.origin)) {
		a.carried, a.origins = carriedOrigins(s, prev)
	}
	return anchorAs(s, a)
}

// replaces reports whether the origin of a whole set may stand for an earlier set's: it is
// the same or earlier by no more than the tolerance.
func replaces(origin, before time.Time) bool {
	if origin.IsZero() || before.IsZero() {
		return origin.Equal(before)
	}
	earlier := before.Sub(origin)
	return 0 <= earlier && earlier <= ClockTolerance
}

// carriedOrigins returns the origins of the directives that both sets have, and their
// numbers.
func carriedOrigins(s, prev *Set) (carried []uint16, origins []time.Time) {
	had := prev.directives.byID()
	numbers := make(map[time.Time]uint16)
	carried = make([]uint16, s.Len())
	for i := range carried {
		before, ok := had[s.directives.ids[i]]
		if !ok || prev.directives.list[before].expiry != s.directives.list[i].expiry {
			continue
		}
		origin := prev.originOf(int(before))
		if numbers[origin] == 0 {
			origins = append(origins, origin)
			numbers[origin] = uint16(len(origins))
		}
		carried[i] = numbers[origin]
	}
	return carried, origins
}

// Reanchor returns s itself, unless the clock that it is anchored to turns out to be behind.
// That is so after the machine was suspended, during which a monotonic clock may stand still,
// or if the fleet's clock was set forward. Then Reanchor returns s anchored to the new epoch,
// so that its directives end when they should. A clock that is found ahead changes nothing.
func Reanchor(s *Set, epoch time.Time) *Set {
	if s.Len() == 0 || s.epoch.Sub(epoch) <= ClockTolerance {
		return s
	}
	a := s.anchor
	a.epoch = epoch
	return anchorAs(s, a)
}

// Shift returns s after the monotonic clock stood still for d: all that counts on that clock
// comes earlier by d, also the limits of directives that were anchored to an earlier clock.
func Shift(s *Set, d time.Duration) *Set {
	if s.Len() == 0 {
		return s
	}
	shifted := func(t time.Time) time.Time {
		if t.IsZero() {
			return t
		}
		return t.Add(-d)
	}
	a := s.anchor
	a.epoch, a.origin = shifted(a.epoch), shifted(a.origin)
	a.origins = slices.Clone(a.origins)
	for i, origin := range a.origins {
		a.origins[i] = shifted(origin)
	}
	return anchorAs(s, a)
}

// Settle returns s anchored to an epoch that has been confirmed by a second measurement. If s
// was anchored provisionally, Settle may give time back, but to no directive more than its
// origin does. Otherwise it is [Reanchor].
func Settle(s *Set, epoch time.Time) *Set {
	if s.Len() == 0 || !s.isProvisional() {
		return Reanchor(s, epoch)
	}
	a := s.anchor
	a.epoch = epoch
	if a.origin.IsZero() {
		a.origin = epoch
	}
	a.origins = slices.Clone(a.origins)
	for i, origin := range a.origins {
		if origin.IsZero() {
			a.origins[i] = epoch
		}
	}
	return anchorAs(s, a)
}

// isProvisional reports whether a directive was anchored to a clock that was read only once.
func (a *anchor) isProvisional() bool {
	for _, origin := range a.origins {
		if origin.IsZero() {
			return true
		}
	}
	return a.origin.IsZero()
}

// anchorAs returns the set with another anchor.
func anchorAs(s *Set, a anchor) *Set {
	if s == nil {
		s = &Set{}
	}
	a.anchored, a.shortened = true, false
	next := &Set{directives: s.directives, program: s.program, anchor: a, local: s.local, meters: s.meters, over: new(atomic.Bool)}
	next.shortened = next.isLimited()
	if s.shortened || next.shortened {
		next.limitExpiries()
	}
	return next
}

// limitExpiries makes each rule expire no later than its directive's origin allows.
func (s *Set) limitExpiries() {
	s.program.setExpiries(func(r *rule) time.Duration {
		return s.directives.expiry(int(r.index)) - s.excess(int(r.index))
	})
}

// subset returns the anchor of a set that has only the directives with these indices.
func (a *anchor) subset(indices []int) anchor {
	out := *a
	if a.carried != nil {
		out.carried = make([]uint16, len(indices))
		for to, from := range indices {
			out.carried[to] = a.carried[from]
		}
	}
	return out
}

// originOf returns the origin of a directive.
func (a *anchor) originOf(i int) time.Time {
	if a.carried == nil || a.carried[i] == 0 {
		return a.origin
	}
	return a.origins[a.carried[i]-1]
}

// excess returns by how much the rule of a directive has to end before the directive's expiry,
// so that it ends no later than by the directive's origin.
func (s *Set) excess(i int) time.Duration {
	origin := s.originOf(i)
	if origin.IsZero() {
		return 0
	}
	return max(0, s.epoch.Sub(origin))
}

// isLimited reports whether the origin of a directive is earlier than the epoch.
func (s *Set) isLimited() bool {
	if s.carried == nil && (s.origin.IsZero() || !s.epoch.After(s.origin)) {
		return false
	}
	for i := range s.program.rules {
		if s.excess(int(s.program.rules[i].index)) > 0 {
			return true
		}
	}
	return false
}

// EarliestEpoch returns the epoch by which none of the set's directives ends later than it
// does in the set: the one that the set is anchored to or, if a directive is limited by an
// earlier origin, that origin. It regards the directives of every instance.
func EarliestEpoch(s *Set) time.Time {
	var most time.Duration
	for i := range s.directives.list {
		if s.directives.list[i].hasEffect() {
			most = max(most, s.excess(i))
		}
	}
	return s.epoch.Add(-most)
}
