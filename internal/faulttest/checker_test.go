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

// checker knows which sets were published, or may have been, and holds what subscribers show against that. It knows
// nothing of how they work. Each set has a number, in the order of publishing, which its directives' ids tell.
type checker struct {
	mu     sync.Mutex
	sets   [][]fleetdial.Directive // by number
	back   map[int]bool            // the sets to which the key may go back
	faults []string
	// every is how often a subscriber is looked at; looks counts that.
	every time.Duration
	looks atomic.Int64
}

// slack is how late by the test's clock an expiry may be noticed: what Redis' clock, read in whole microseconds and
// published in whole milliseconds, may differ by from the same machine's.
const slack = 2 * time.Millisecond

// early is how much earlier than its expiry a directive may end: by what a round trip took when the clock was measured,
// which is a client's read timeout at the most.
const early = 2 * time.Second

// newChecker returns one that looks at each of so many subscribers as often as leaves time for other things.
func newChecker(subscribers int) *checker {
	return &checker{back: make(map[int]bool), every: max(1, time.Duration(subscribers)/10) * time.Millisecond}
}

// next makes a set that is to be published, and takes note of it. Some of its directives end within seconds.
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

// mayGoBackTo says that the key will hold an older set again.
func (c *checker) mayGoBackTo(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.back[n] = true
}

// goesBackNoMore takes that back.
func (c *checker) goesBackNoMore() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.back)
}

// mayNotBe says that the set that was made last was not published after all.
func (c *checker) mayNotBe() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sets[len(c.sets)-1] = nil
}

// fault takes note of what must not be.
func (c *checker) fault(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.faults) < 20 {
		c.faults = append(c.faults, fmt.Sprintf(format, args...))
	}
}

func (c *checker) verdict(t testing.TB) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.faults {
		t.Error(f)
	}
}

// numberOf returns the number of the set that a subscriber shows, -1 for an empty one. It sees that the set is whole.
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
		return 0, fmt.Errorf("set %d is not as it was published: %v instead of %v", n, shown, c.sets[n])
	}
	return n, nil
}

// watch looks at a subscriber until ctx ends.
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
		c.looks.Add(1)
		set := sub.Load()
		if set != last {
			n, err := c.numberOf(set)
			if err != nil {
				c.fault("%s: %v", name, err)
			}
			c.mu.Lock()
			allowed := n >= number || c.back[n]
			c.mu.Unlock()
			if !allowed {
				c.fault("%s: set %d after set %d, although the key did not go back", name, n, number)
			}
			last, number = set, n
		}
		c.expiries(name, sub, set, number)
	}
}

// expiries asks for a decision on each directive of the set that a subscriber showed last: until it ends, and no longer.
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
			c.fault("%s: directive %s decided %v after its expiry", name, d.ID, asked.Sub(d.ExpiresAt))
		}
		if decision.Level != d.Level && time.Now().Before(d.ExpiresAt.Add(-early)) && sub.Load() == set {
			c.fault("%s: directive %s decided nothing %v before its expiry", name, d.ID, time.Until(d.ExpiresAt))
		}
	}
}
