package fleetdial

import (
	"fmt"
	"sync"
	"time"

	"github.com/fleetdial/fleetdial/internal/clock"
	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/store"
)

// clockReadings is how many readings one call of Clock.Read takes at most: one that may be
// wrong, one that disagrees with it, and one that decides between them.
const clockReadings = 3

// Clock counts expiries on the clock of a server, for a [Store] of one's own. A set that
// [NewSet] or [DecodeRevision] returns counts its expiries on the wall clock of this
// machine. If that clock is an hour behind, the directives end an hour late. A set that
// Anchor returns counts its expiries on the server's clock, which Read measures, and on
// the monotonic clock of this process between two measurements.
//
// A store calls Read before its first set, and then periodically, for example every 30
// seconds. After each Read, and for each set that it receives, the store replaces the set
// that its Load returns with the result of Anchor:
//
//	if err := clock.Read(func() (time.Time, error) { return server.Time(ctx) }); err != nil {
//		log.Warn("the clock of the server cannot be read", "err", err)
//	}
//	memory.Publish(clock.Anchor(rev.Set))
//
// No reading of a clock extends a directive. If a set replaces another set, a directive
// with the same id and expiry in both ends no later than in the earlier set, whatever the
// clocks have shown since. If a clock turns out to be further ahead, directives end
// earlier. There is one exception: if a second reading corrects the first reading of the
// clock, a directive that was anchored between the two can get time back, up to its
// expiry by the corrected clock.
//
// The zero Clock is ready to use. Until the first successful Read, it counts on the wall
// clock of this machine. A Clock is safe for concurrent use and must not be copied.
type Clock struct {
	mu    sync.Mutex
	clock clock.Clock
	// source is the set that Anchor got last, and anchored what it returned.
	source, anchored *Set
}

// Read measures the server's clock. It calls read, which asks the server and returns what the
// server's clock shows. The time from the call of read until the server's answer is counted as
// if it had passed after the answer, so a slow answer ends directives early and never late. If
// a reading disagrees with the readings before it, Read calls read again, up to three times in
// all, because a single reading may be wrong.
//
// The error is the error of read, or says that the clock shows a year that cannot be right.
// The earlier readings then stay in force.
//
// A store without a server, such as a file, passes a function that returns time.Now(). A step
// of the wall clock then extends no directive.
func (c *Clock) Read(read func() (time.Time, error)) error {
	for range clockReadings {
		m := store.Measurement{Sent: time.Now()}
		m.Wall = m.Sent.Round(0)
		m.Time, m.Err = read()
		m.Received = time.Now()
		if m.Err == nil && clock.Check(m.Time) != nil {
			m.Err = fmt.Errorf("it shows the year %d (accepted: 2000 to 2261)", m.Time.Year())
		}
		e, err := clock.NewEstimate(m)
		settled := c.observe(e)
		if err != nil {
			return fmt.Errorf("fleetdial: read the clock: %w", err)
		}
		if settled {
			break
		}
	}
	return nil
}

// observe takes in a measurement, and reports whether no other one is needed now.
func (c *Clock) observe(e clock.Estimate) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v, _ := c.clock.Observe(e); v == clock.Unsettled {
		return false
	}
	c.anchored = directive.Settle(c.anchored, c.clock.Epoch)
	return true
}

// Anchor returns the set with its expiries counted on the server's clock. The set itself stays
// as it is. Anchor returns the same set again if it is called with the same set and no reading
// has changed an expiry since. A nil set is an empty one.
func (c *Clock) Anchor(set *Set) *Set {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.clock.Known {
		now := time.Now()
		c.clock.Observe(clock.Estimate{Epoch: clock.EpochOf(now, now), Own: true})
	}
	if c.anchored != nil && set == c.source {
		return c.anchored
	}
	before := c.anchored
	if before == nil {
		before = new(Set)
	}
	c.source = set
	c.anchored = directive.AnchorAfter(set, before, c.clock.Epoch, c.clock.IsTentative())
	return c.anchored
}
