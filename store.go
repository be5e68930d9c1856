package fleetdial

import "github.com/fleetdial/fleetdial/internal/store"

// Store holds a set for every request.
//
//	type Store interface {
//		Load() *Set
//	}
//
// Load never returns nil, never blocks and never fails. The set that Load returns never
// changes. A [Subscriber], a [Memory] and the result of [Static] are Stores, so that code that
// decides on requests needs no Redis in a test or on a single instance.
type Store = store.Store

// Memory is a [Store] whose method Publish replaces the set.
//
//	type Memory struct{} // has no exported fields
//
//	func (*Memory) Load() *Set       // the set that was published last
//	func (*Memory) Publish(set *Set) // a nil set is an empty one
//
// The zero Memory has an empty set. A Memory is safe for concurrent use, and must not be
// copied.
type Memory = store.Memory

// NewMemory returns a Memory with an empty set.
func NewMemory() *Memory { return new(Memory) }

// Static returns a [Store] that always has the same set. A nil set is an empty one.
func Static(set *Set) Store { return store.Static(set) }
