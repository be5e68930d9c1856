package directive

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Set is an immutable collection of directives, ready to be asked. The zero Set and the nil Set are empty. A Set may
// be used by any number of goroutines at once.
//
// A set that a subscriber returns counts its expiries on that process's monotonic clock, as measured against Redis;
// any other counts them on the local wall clock.
type Set struct {
	directives []Directive
	entries    []entry
	// epoch is the local time at which the clock that expiries are counted on read zero.
	epoch time.Time
	// cut says that entries may expire before their directives' expiries.
	cut bool
}

// entry is what evaluation needs of a directive.
type entry struct {
	match      Match
	expiry     time.Duration // since the epoch
	sample     uint16
	level      Level
	ringBuffer bool
	capture    bool
	index      int32
}

// NewSet returns the set of these directives, in this order. The slice is copied. The error is a *ValidationError
// that names the first field that breaks a limit, or an id that stands twice.
func NewSet(directives []Directive) (*Set, error) {
	if err := TooMany(len(directives)); err != nil {
		return nil, err
	}
	s := &Set{
		directives: slices.Clone(directives),
		entries:    make([]entry, len(directives)),
		epoch:      time.Unix(0, 0),
	}
	seen := make(map[string]int, len(directives))
	for i := range s.directives {
		d := &s.directives[i]
		if err := d.validate(); err != nil {
			return nil, InDirective(i, err)
		}
		if first, dup := seen[d.ID]; dup {
			return nil, InDirective(i, &ValidationError{"id", fmt.Sprintf("is the same as that of directives[%d]", first)})
		}
		seen[d.ID] = i
		d.ExpiresAt = time.UnixMilli(d.ExpiresAt.UnixMilli())
		s.entries[i] = entry{
			match:      d.Match,
			expiry:     sinceUnixZero(d.ExpiresAt),
			sample:     uint16(d.SamplePerMille),
			level:      d.Level,
			ringBuffer: d.RingBuffer,
			capture:    d.Capture,
			index:      int32(i),
		}
	}
	return s, nil
}

// sinceUnixZero saturates at the end of what a Duration holds, in the year 2262, as Time.Sub does.
func sinceUnixZero(t time.Time) time.Duration {
	if t.UnixMilli() > math.MaxInt64/int64(time.Millisecond) {
		return math.MaxInt64
	}
	return time.Duration(t.UnixNano())
}

// Len returns how many directives the set holds, expired ones included.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return len(s.directives)
}

// Directives returns a copy of the set's directives, in their order.
func (s *Set) Directives() []Directive {
	if s.Len() == 0 {
		return nil
	}
	return slices.Clone(s.directives)
}

// Evaluate returns what the set says of a request at that time: the highest level among the directives that match it,
// whose sample it is in and that have not expired, and whether any of these asks for the ring buffer or a capture. It
// does not allocate.
//
// For now, use time.Now(): a set from a subscriber is measured against its monotonic reading.
func (s *Set) Evaluate(req Request, now time.Time) Decision {
	return s.evaluate(&req, now, nil)
}

// EvaluateWithClock is Evaluate for a caller that has not read the clock yet: it is read at most once, and only if a
// directive would apply but for its expiry.
func EvaluateWithClock(s *Set, req Request, clock func() time.Time) Decision {
	return s.evaluate(&req, time.Time{}, clock)
}

// evaluate takes the time from now or, if there is a clock, from the clock.
func (s *Set) evaluate(req *Request, now time.Time, clock func() time.Time) Decision {
	var d Decision
	if s == nil {
		return d
	}
	bucket, timed := -1, false
	var elapsed time.Duration
	for i := range s.entries {
		e := &s.entries[i]
		if !e.raises(&d) || !e.match.matches(req) {
			continue
		}
		if e.sample < 1000 {
			if bucket < 0 {
				bucket = SampleBucket(req.ID)
			}
			if bucket >= int(e.sample) {
				continue
			}
		}
		if !timed {
			if clock != nil {
				now = clock()
			}
			elapsed, timed = now.Sub(s.epoch), true
		}
		if elapsed >= e.expiry {
			continue
		}
		if e.level > d.Level {
			d.Level, d.By = e.level, s.directives[e.index].ID
		}
		d.RingBuffer = d.RingBuffer || e.ringBuffer
		d.Capture = d.Capture || e.capture
	}
	return d
}

// raises reports whether the entry would add anything to the decision.
func (e *entry) raises(d *Decision) bool {
	return e.level > d.Level || e.ringBuffer && !d.RingBuffer || e.capture && !d.Capture
}

func (m *Match) matches(req *Request) bool {
	if m.Endpoint != AnyEndpoint && m.Endpoint != req.Endpoint &&
		!(m.Endpoint == Unknown && req.Endpoint == AnyEndpoint) {
		return false
	}
	return (m.Tenant == "" || m.Tenant == req.Tenant) &&
		(m.Index == "" || m.Index == req.Index) &&
		(m.Principal == "" || m.Principal == req.Principal)
}
