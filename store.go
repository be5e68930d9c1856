package fleetdial

import "github.com/fleetdial/fleetdial/internal/store"

// Store has a set at hand for every request: its one method, Load() *Set, never returns nil, never blocks and never
// fails; what it returns never changes. A Subscriber is a Store, and so are Memory and what Static returns, so that
// whatever decides on requests can do without Redis in a test or on a single instance.
type Store = store.Store

// Memory is a Store whose set is replaced by Publish(*Set); a nil set is an empty one, and so is that of the zero
// Memory. It is safe for concurrent use and must not be copied.
type Memory = store.Memory

// NewMemory returns a Memory with an empty set.
func NewMemory() *Memory { return new(Memory) }

// Static returns a Store that has always the same set; a nil set is an empty one.
func Static(set *Set) Store { return store.Static(set) }
