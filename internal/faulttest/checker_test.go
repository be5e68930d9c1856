package faulttest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fleetdial/fleetdial"
)

// checker records every set that was published, or may have been published, and compares
// the sets of the subscribers with this record. It does not depend on the implementation
// of the subscribers. Each set has a number, in the order of publishing. The ids of its
// directives hold the number.
type checker struct {
	mu         sync.Mutex
	sets       [][]fleetdial.Directive // by number
	back       map[int]bool            // the sets to which the key may go back
	violations []string
	// every is the interval between two checks of a subscriber.
	every time.Duration
	// checks counts the checks.
	checks atomic.Int64
}

// slack is how long after its expiry, by the test's clock, a directive may still apply.
// The two clocks are of the same machine, and differ because Redis' clock is read in
// whole microseconds and published in whole milliseconds.
const slack = 2 * time.Millisecond

// early is how long before its expiry a directive may end. A subscriber may end a
// directive earlier by the round trip of its clock measurement, which is at most the
// client's read timeout.
const early = 2 * time.Second

// newChecker returns a checker. It checks many subscribers less often than a few, so that
// the checks leave time for the tests.
func newChecker(subscribers int) *checker {
	return &checker{back: make(map[int]bool), every: max(1, time.Duration(subscribers)/10) * time.Millisecond}
}

// next makes and records a set for the next publish. Some of its directives end within
// seconds.
func (c *checker) next(t testing.TB, now time.Time) (*fleetdial.Set, int) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	n, size := len(c.sets), 1+rand.N(4)
	all := make([]fleetdial.Directive, size)
	for i := range all {
		id := fmt.Sprintf("s%d-%d-of-%d", n, i, size)
		all[i] = fleetdial.Directive{
			ID: id, Match: fleetdial.Match{Tenant: id}, Level: fleetdial.ShapeTiming, SamplePerMille: 1000,
			ExpiresAt: now.Add(time.Hour).Truncate(time.Millisecond), RingBuffer: n%2 == 0, Capture: n%3 == 0,
		}
		if i > 0 {
			all[i].ExpiresAt = now.Add(time.Duration(rand.N(5000)) * time.Millisecond).Truncate(time.Millisecond)
		}
	}
	set, err := fleetdial.NewSet(all)
	if err != nil {
		t.Fatal(err)
	}
	c.sets = append(c.sets, all)
	return set, n
}

// mayGoBackTo allows subscribers to go back to set n, because the key will hold it again.
func (c *checker) mayGoBackTo(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.back[n] = true
}

// goesBackNoMore ends the effect of mayGoBackTo.
func (c *checker) goesBackNoMore() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.back)
}

// notPublished records that the set which next made last was not published.
func (c *checker) notPublished() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sets[len(c.sets)-1] = nil
}

// violation records a violation. It keeps the first 20.
func (c *checker) violation(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.violations) < 20 {
		c.violations = append(c.violations, fmt.Sprintf(format, args...))
	}
}

// verdict fails the test if the checker found a violation.
func (c *checker) verdict(t testing.TB) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, v := range c.violations {
		t.Error(v)
	}
}

// numberOf returns the number of a subscriber's set, or -1 for an empty set. It returns
// an error if the set is not whole, or was never published.
func (c *checker) numberOf(set *fleetdial.Set) (int, error) {
	shown := set.Directives()
	if len(shown) == 0 {
		return -1, nil
	}
	number, _, _ := strings.Cut(strings.TrimPrefix(shown[0].ID, "s"), "-")
	n, err := strconv.Atoi(number)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || n >= len(c.sets) {
		return 0, fmt.Errorf("directive %q was never published", shown[0].ID)
	}
	same := func(a, b fleetdial.Directive) bool {
		at := a.ExpiresAt.Equal(b.ExpiresAt)
		a.ExpiresAt, b.ExpiresAt = time.Time{}, time.Time{}
		return at && a == b
	}
	if !slices.EqualFunc(shown, c.sets[n], same) {
		return 0, fmt.Errorf("set %d differs from the published set: got %v, want %v", n, shown, c.sets[n])
	}
	return n, nil
}

// watch checks a subscriber until ctx ends.
func (c *checker) watch(ctx context.Context, name string, sub *fleetdial.Subscriber) {
	var last *fleetdial.Set
	number := -1
	tick := time.NewTicker(c.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		c.checks.Add(1)
		set := sub.Load()
		if set != last {
			n, err := c.numberOf(set)
			if err != nil {
				c.violation("%s: %v", name, err)
			}
			c.mu.Lock()
			allowed := n >= number || c.back[n]
			c.mu.Unlock()
			if !allowed {
				c.violation("%s: set %d follows set %d, but the key did not go back", name, n, number)
			}
			last, number = set, n
		}
		c.expiries(name, sub, set, number)
	}
}

// expiries checks that each directive of the subscriber's set applies until its expiry,
// and not after its expiry.
func (c *checker) expiries(name string, sub *fleetdial.Subscriber, set *fleetdial.Set, number int) {
	if number < 0 {
		return
	}
	c.mu.Lock()
	all := c.sets[number]
	c.mu.Unlock()
	for _, d := range all {
		asked := time.Now()
		decision := sub.Decide(fleetdial.Request{Tenant: d.ID})
		if decision.Level != fleetdial.Off && asked.After(d.ExpiresAt.Add(slack)) {
			c.violation("%s: directive %s still applied %v after its expiry", name, d.ID, asked.Sub(d.ExpiresAt))
		}
		if decision.Level != d.Level && time.Now().Before(d.ExpiresAt.Add(-early)) && sub.Load() == set {
			c.violation("%s: directive %s did not apply %v before its expiry", name, d.ID, time.Until(d.ExpiresAt))
		}
	}
}
