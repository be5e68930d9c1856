package store

import (
	"sync/atomic"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// Memory is a store whose set is replaced by whoever holds it. The zero Memory has an empty set. It is safe for
// concurrent use and must not be copied.
type Memory struct {
	set atomic.Pointer[directive.Set]
}

var _ Store = (*Memory)(nil)

var empty directive.Set

// Load returns the set that was published last.
func (m *Memory) Load() *directive.Set {
	if set := m.set.Load(); set != nil {
		return set
	}
	return &empty
}

// Publish makes set the one that Load returns; a nil set is an empty one.
func (m *Memory) Publish(set *directive.Set) {
	m.set.Store(set)
}
