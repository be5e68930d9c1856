package directive

import (
	"math"
	"sync/atomic"
	"time"
)

// Set is an immutable collection of directives, compiled for evaluation. The zero Set and the
// nil Set are empty. A Set may be used by any number of goroutines at once.
//
// A set that a subscriber returns counts its expiries on that process's monotonic clock, as
// measured against Redis. Any other set counts them on the local wall clock.
type Set struct {
	program    program
	directives records
	anchor
	// local says that the set was made for an instance.
	local bool
	// meters limit and count what directives apply to; nil if no directive has a limit and
	// nothing is counted.
	meters *meters
	// over is set once the clock has shown that all rules have expired; nil in the zero Set.
	over *atomic.Bool
}

// NewSet returns the set of these directives, in this order. The slice is copied. The error is a
// *ValidationError that names the first field that breaks a limit, or a repeated id.
func NewSet(directives []Directive) (*Set, error) {
	if err := TooMany(len(directives)); err != nil {
		return nil, err
	}
	b := NewBuilder(len(directives))
	for i := range directives {
		b.Add(&directives[i])
	}
	return b.Set()
}

// sinceUnixZero saturates where a Duration ends, in the years 1677 and 2262, as Time.Sub does.
func sinceUnixZero(t time.Time) time.Duration {
	const last = math.MaxInt64 / int64(time.Second)
	switch secs := t.Unix(); {
	case secs >= last:
		return math.MaxInt64
	case secs <= -last:
		return math.MinInt64
	}
	return time.Duration(t.UnixNano())
}

// Len returns how many directives the set holds, expired ones included.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return len(s.directives.list)
}

// Directives returns a copy of the set's directives, in their order.
func (s *Set) Directives() []Directive {
	if s.Len() == 0 {
		return nil
	}
	all := make([]Directive, s.Len())
	for i := range all {
		all[i] = s.directives.directive(i)
	}
	return all
}

// IsDetailed reports whether a directive of the set has Instances or MaxPerSecond.
func (s *Set) IsDetailed() bool { return s != nil && len(s.directives.details) > 0 }

// At returns the directive of the set with the index i.
func At(s *Set, i int) Directive { return s.directives.directive(i) }

// Evaluate returns what the set says of a request at that time: the highest level among the
// directives that match it, whose sample it is in and that have not expired, and whether any of
// these asks for the ring buffer or a capture. It does not allocate, and its cost does not grow
// with the directives that name another tenant, index or principal. It neither counts the
// request nor regards MaxPerSecond.
//
// For now, use time.Now(): a set from a subscriber is measured against its monotonic reading.
func (s *Set) Evaluate(req Request, now time.Time) Decision {
	if s == nil || len(s.program.rules) == 0 {
		return Decision{}
	}
	return s.evaluateAt(req, now)
}

// evaluateAt is not inlined, so that an empty set copies no request.
//
//go:noinline
func (s *Set) evaluateAt(req Request, now time.Time) Decision { return s.evaluate(&req, &now, nil) }

// EvaluateNow is Evaluate for now, by this process's clock, which it reads only if a directive
// matches the request. It also keeps the limits of the directives, and counts what they apply
// to, see [Metered]. Since is time.Since, or what replaces it in a test.
func EvaluateNow(s *Set, req *Request, since func(time.Time) time.Duration) Decision {
	if len(s.program.rules) == 0 || s.over.Load() {
		return Decision{}
	}
	return s.evaluate(req, nil, since)
}

// compile sets the program of a set whose other fields are set.
func (s *Set) compile() {
	s.program, s.over = compile(&s.directives, s.local), new(atomic.Bool)
	if s.shortened = s.isLimited(); s.shortened {
		s.limitExpiries()
	}
}
