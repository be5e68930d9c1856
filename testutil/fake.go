package testutil

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/store"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// FakeStore is a store for tests of programs that embed fleetdial. It needs no Redis. The
// test publishes the directives. FakeStore has its own clock, which only Advance moves.
// Directives expire by that clock, also in fleetdial.Decide and in the middleware of
// fleethttp, which calls it. Load is safe for concurrent use. Publish and Advance must
// not run concurrently.
type FakeStore struct {
	t testing.TB
	// now is the reading of the clock. Load returns a set that is anchored to now at the
	// time of the last Publish or Advance. The real time that passes after that is less
	// than a second, the shortest TTL.
	now     time.Time
	current *directive.Set
	set     atomic.Pointer[directive.Set]
}

var _ store.Store = (*FakeStore)(nil)

// NewFakeStore returns a store with an empty set. Its clock starts at the current time.
func NewFakeStore(t testing.TB) *FakeStore {
	s := &FakeStore{t: t, now: time.Now().Truncate(time.Millisecond), current: new(directive.Set)}
	s.anchor()
	return s
}

// Publish replaces the store's set with the set of a publish body in JSON. The TTLs of
// the body count from Now. An invalid body fails the test.
func (s *FakeStore) Publish(body string) {
	s.t.Helper()
	set, err := wire.ParseBody([]byte(body), s.now, wire.BodyOptions{})
	if err != nil {
		s.t.Fatalf("parse the publish body: %v", err)
	}
	s.current = set
	s.anchor()
}

// Advance moves the clock forward by d.
func (s *FakeStore) Advance(d time.Duration) {
	s.now = s.now.Add(d)
	s.anchor()
}

// Now returns the reading of the clock.
func (s *FakeStore) Now() time.Time { return s.now }

// Load returns the current set.
func (s *FakeStore) Load() *directive.Set { return s.set.Load() }

// anchor anchors the set's expiries to the store's clock.
func (s *FakeStore) anchor() {
	s.set.Store(directive.Anchor(s.current, time.Now().Add(-time.Duration(s.now.UnixNano()))))
}
