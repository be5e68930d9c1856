package store

import (
	"sync"
	"sync/atomic"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// Memory is a [Store] whose set the program replaces with Publish. The zero Memory has an
// empty set. Memory is safe for concurrent use and must not be copied.
type Memory struct {
	publishing sync.Mutex // so that each set takes over the counts of the set before it
	set        atomic.Pointer[directive.Set]
}

var _ Store = (*Memory)(nil)

var empty directive.Set

// Load returns the last published set. A nil Memory has an empty set.
func (m *Memory) Load() *directive.Set {
	if m == nil {
		return &empty
	}
	if set := m.set.Load(); set != nil {
		return set
	}
	return &empty
}

// Publish replaces the set that Load returns. A nil set is empty. The set counts what its
// directives apply to, see [directive.Metered].
func (m *Memory) Publish(set *directive.Set) {
	m.publishing.Lock()
	defer m.publishing.Unlock()
	m.set.Store(directive.Metered(set, m.set.Load()))
}
