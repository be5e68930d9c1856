package directive

import (
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// meters holds a meter for each directive that has a limit and, if a set is counted, for each
// that has applied.
type meters struct {
	of []atomic.Pointer[meter] // by the index of the directive
	// origin is the epoch of the first set whose meters these are. The buckets count time from
	// it, so that they outlive the anchor of a set.
	origin time.Time
	// source is the set that was given to [Metered].
	source *Set
	// past holds what was counted by sets that were replaced. It is nil if nothing is counted.
	past *past
}

// newMeters returns the meters of the directives with a limit, or nil if there are none.
func newMeters(s *Set) *meters {
	var ms *meters
	for i, d := range s.directives.details {
		if d.maxPerSecond == 0 {
			continue
		}
		if ms == nil {
			ms = &meters{of: make([]atomic.Pointer[meter], s.Len()), origin: s.epoch}
		}
		m := new(meter)
		m.limit(d.maxPerSecond)
		ms.of[i].Store(m)
	}
	return ms
}

// admit reports whether a rule that matches a request may apply to it, and counts the request.
func (ms *meters) admit(e *evaluation, r *rule) bool {
	m := ms.of[r.index].Load()
	if m == nil {
		if ms.past == nil {
			return true
		}
		m = ms.add(r.index)
	}
	shard := &m.shards[shardOf(e)]
	if interval := m.interval.Load(); interval != 0 {
		if now := e.elapsed + e.set.epoch.Sub(ms.origin); !m.take(now, time.Duration(interval)) {
			shard.capped.Add(1)
			return false
		}
	}
	shard.applied.Add(1)
	return true
}

// add returns the meter of a directive that applies for the first time.
//
//go:noinline
func (ms *meters) add(i uint16) *meter {
	ms.of[i].CompareAndSwap(nil, new(meter))
	return ms.of[i].Load()
}

// meter limits and counts the requests that a directive applies to.
type meter struct {
	// interval is the time in ns after which the bucket gets another token, 0 if there is no
	// limit. full is when the bucket will be full, since the origin of the meters.
	interval, full atomic.Int64
	// isPast says that the counts are in past. past.mu guards it.
	isPast bool
	_      [cacheLine - 17]byte
	shards [shards]shard
}

// shard holds a part of the counts, so that two processors seldom write to one cache line.
type shard struct {
	applied, capped atomic.Int64
	_               [cacheLine - 16]byte
}

const (
	cacheLine = 64
	shardBits = 4
	shards    = 1 << shardBits
)

// shardOf returns the shard for the goroutine of an evaluation. Go names neither a goroutine
// nor its processor. The evaluation is on the goroutine's stack, so that its address is
// another one on each goroutine.
func shardOf(e *evaluation) uint64 {
	const odd = 0x9e3779b97f4a7c15
	return uint64(uintptr(unsafe.Pointer(e))>>11) * odd >> (64 - shardBits)
}

// limit sets how many requests per second the directive applies to. 0 is no limit.
func (m *meter) limit(perSecond int) {
	if perSecond == 0 {
		m.interval.Store(0)
		return
	}
	m.interval.Store(int64(time.Second) / int64(perSecond))
}

// take takes a token from the bucket. The bucket holds the tokens of one second, and has one
// token at first. It is kept as the time at which it will be full, so that one number holds
// it. That is the generic cell rate algorithm (ITU-T I.371, as a virtual schedule).
func (m *meter) take(now, interval time.Duration) bool {
	const capacity = time.Second
	// Goroutines may take tokens in another order than that in which they read the clock. A
	// bucket that is further ahead than they may be late was filled before the clock was set back.
	const ahead = capacity + 10*time.Second
	for {
		old := m.full.Load()
		full := time.Duration(old)
		switch {
		case old == 0:
			full = now + capacity - interval
		case full < now, full > now+ahead:
			full = now
		}
		if full > now+capacity-interval {
			return false
		}
		if m.full.CompareAndSwap(old, int64(full+interval)) {
			return true
		}
	}
}

// hits returns what the meter has counted.
func (m *meter) hits() (h Hits) {
	for i := range m.shards {
		h.Applied += m.shards[i].applied.Load()
		h.Capped += m.shards[i].capped.Load()
	}
	return h
}

// Hits counts requests of one instance.
type Hits struct {
	// Applied counts the requests that a directive applied to. A request counts for at most
	// 32 directives that do not change its decision.
	Applied int64
	// Capped counts the requests that it did not apply to because of its MaxPerSecond.
	Capped int64
}

func (h *Hits) add(other Hits) { h.Applied, h.Capped = h.Applied+other.Applied, h.Capped+other.Capped }

// DirectiveHits is what a directive of a set has counted.
type DirectiveHits struct {
	ID string
	Hits
}

// LevelHits is what all directives with a level have counted.
type LevelHits struct {
	Level Level
	Hits
}

// past holds the hits of directives that are no longer in the set, by their level.
type past struct {
	mu   sync.Mutex
	hits [len(levelNames)]Hits
}

// Metered returns the set with counters. Before is the set that it replaces, on the same
// instance. A directive that both have, with the same id, match and level, keeps its counts.
// A directive with the same id and match keeps the bucket of its limit, so that a publish gives
// no directive more tokens. If before was made from s, Metered returns before.
func Metered(s, before *Set) *Set {
	if s == nil {
		s = &empty
	}
	if before != nil && before.meters != nil && before.meters.source == s {
		return before
	}
	counted := *s
	counted.over = new(atomic.Bool)
	ms := &meters{of: make([]atomic.Pointer[meter], s.Len()), origin: s.epoch, source: s, past: new(past)}
	counted.meters = ms
	if before != nil && before.meters != nil && before.meters.past != nil {
		ms.past, ms.origin = before.meters.past, before.meters.origin
		ms.adopt(s, before)
	}
	for i, d := range s.directives.details {
		m := ms.of[i].Load()
		if m == nil && d.maxPerSecond != 0 {
			m = new(meter)
			ms.of[i].Store(m)
		}
	}
	for i := range ms.of {
		if m := ms.of[i].Load(); m != nil {
			m.limit(s.directives.detail(i).maxPerSecond)
		}
	}
	return &counted
}

var empty Set

// adopt takes over the meters of the directives that both sets have. The counts of all others
// become past.
func (ms *meters) adopt(s, before *Set) {
	old := make(map[string]int)
	for i := range before.meters.of {
		if before.meters.of[i].Load() != nil {
			old[before.directives.ids[i]] = i
		}
	}
	if len(old) == 0 {
		return
	}
	for i, id := range s.directives.ids {
		j, found := old[id]
		if !found || s.directives.match(i) != before.directives.match(j) {
			continue
		}
		m := before.meters.of[j].Load()
		if s.directives.list[i].level == before.directives.list[j].level {
			ms.of[i].Store(m)
			delete(old, id)
		} else if s.directives.detail(i).maxPerSecond != 0 {
			next := new(meter)
			next.full.Store(m.full.Load())
			ms.of[i].Store(next)
		}
	}
	ms.past.mu.Lock()
	defer ms.past.mu.Unlock()
	for _, j := range old {
		if m := before.meters.of[j].Load(); !m.isPast {
			m.isPast = true
			ms.past.hits[before.directives.list[j].level].add(m.hits())
		}
	}
}

// Hits returns what each directive has counted, in the order of the set, without the
// directives that have counted nothing. A set counts that comes from a subscriber or from a
// store.Memory.
func (s *Set) Hits() (all []DirectiveHits) {
	if s == nil || s.meters == nil || s.meters.past == nil {
		return nil
	}
	for i := range s.meters.of {
		if m := s.meters.of[i].Load(); m != nil {
			if h := m.hits(); h != (Hits{}) {
				all = append(all, DirectiveHits{s.directives.ids[i], h})
			}
		}
	}
	return all
}

// LevelHits returns what the set and the sets that it replaced have counted, by level. It
// returns nil if the set does not count. The counts never decrease, also while another set
// replaces s.
func (s *Set) LevelHits() []LevelHits {
	if s == nil || s.meters == nil || s.meters.past == nil {
		return nil
	}
	all := make([]LevelHits, len(levelNames))
	s.meters.past.mu.Lock()
	defer s.meters.past.mu.Unlock()
	for level := range all {
		all[level] = LevelHits{Level(level), s.meters.past.hits[level]}
	}
	for i := range s.meters.of {
		if m := s.meters.of[i].Load(); m != nil && !m.isPast {
			all[s.directives.list[i].level].add(m.hits())
		}
	}
	return all
}
