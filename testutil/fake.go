package testutil

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/store"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// FakeStore is a store for tests of code that embeds fleetdial: it needs no Redis, has the directives that the test
// gives it, and a clock of its own, by which they end, and which goes on only when the test says so. What asks it through
// fleetdial.Decide, as fleethttp's middleware does, goes by that clock. It is safe for concurrent use; Publish and Advance
// are for one goroutine at a time.
type FakeStore struct {
	t testing.TB
	// now is what the clock shows. It stands still: sets are anchored to it as of when it was last moved, and what passes in
	// reality meanwhile is less than the second that the shortest TTL has.
	now     time.Time
	current *directive.Set
	set     atomic.Pointer[directive.Set]
}

var _ store.Store = (*FakeStore)(nil)

// NewFakeStore returns a store with an empty set, whose clock shows the present.
func NewFakeStore(t testing.TB) *FakeStore {
	s := &FakeStore{t: t, now: time.Now().Truncate(time.Millisecond), current: new(directive.Set)}
	s.anchor()
	return s
}

// Publish makes the set of a publish body, in JSON, the store's; its TTLs count from Now. What is wrong with the body
// fails the test.
func (s *FakeStore) Publish(body string) {
	s.t.Helper()
	set, err := wire.ParseBody([]byte(body), s.now, wire.BodyOptions{})
	if err != nil {
		s.t.Fatalf("the publish body: %v", err)
	}
	s.current = set
	s.anchor()
}

// Advance moves the clock.
func (s *FakeStore) Advance(d time.Duration) {
	s.now = s.now.Add(d)
	s.anchor()
}

// Now returns what the clock shows.
func (s *FakeStore) Now() time.Time { return s.now }

// Load returns the set.
func (s *FakeStore) Load() *directive.Set { return s.set.Load() }

// anchor has the set's expiries count on the store's clock.
func (s *FakeStore) anchor() {
	s.set.Store(directive.Anchor(s.current, time.Now().Add(-time.Duration(s.now.UnixNano()))))
}
