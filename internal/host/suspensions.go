package host

import "time"

// leastSuspension is the shortest suspension that is noticed.
const leastSuspension = 50 * time.Millisecond

// Suspensions notices that the machine was suspended. It is not safe for concurrent use.
type Suspensions struct {
	began time.Time
	// drift is how far the wall clock has moved against the monotonic clock since began, and total
	// for how long the machine was suspended since it was booted.
	drift, total time.Duration
}

// NewSuspensions returns a Suspensions that notices those from now on.
func NewSuspensions() Suspensions { return Suspensions{began: time.Now(), total: Suspended()} }

// Check returns for how long the machine was suspended since the last call. Reading the
// machine's clocks takes three system calls, so Check does it only if the wall clock has moved
// against the monotonic clock, which a suspension brings about. Now has a monotonic reading.
func (s *Suspensions) Check(now time.Time) time.Duration {
	drift := now.Round(0).Sub(s.began.Round(0)) - now.Sub(s.began)
	if (drift - s.drift).Abs() < leastSuspension {
		return 0
	}
	s.drift = drift
	d := Suspended() - s.total
	if d < leastSuspension {
		return 0
	}
	s.total += d
	return d
}
