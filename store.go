package fleetdial

import "github.com/fleetdial/fleetdial/internal/store"

// Store has a set at hand for every request.
//
//	type Store interface {
//		Load() *Set
//	}
//
// Load never returns nil, never blocks and never fails, and what it returns never changes. A
// [Subscriber] is a Store, and so are [Memory] and what [Static] returns, so that whatever
// decides on requests needs no Redis in a test or on a single instance.
type Store = store.Store

// Memory is a [Store] whose set is replaced by its method Publish(*Set). A nil set is an empty
// one, and so is the set of the zero Memory. Memory is safe for concurrent use and must not be
// copied. Its methods are Load() *Set and Publish(*Set).
type Memory = store.Memory

// NewMemory returns a Memory with an empty set.
func NewMemory() *Memory { return new(Memory) }

// Static returns a [Store] that always has the same set. A nil set is an empty one.
func Static(set *Set) Store { return store.Static(set) }
