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

// StatusStore is a [Store] that also knows its status. The adapters fleethttp and fleetprom
// show the status of each StatusStore. A [Subscriber] and a [Lease] are StatusStores, and a
// store of one's own can be one.
type StatusStore interface {
	Store
	// Status returns what the store knows of itself, at one moment. It never blocks, because
	// health checks and scrapes call it, and is safe for concurrent use. The caller must not
	// change the result, unless it is a copy, see Status.Clone.
	//
	// State has to be set to one of the states. All other fields may be zero: the adapters leave
	// out a zero time, and show 0 for a zero number.
	Status() Status
}

// Memory is a [Store] whose method Publish replaces the set.
//
//	type Memory struct{} // has no exported fields
//
//	func (*Memory) Load() *Set       // the set that was published last, with counters
//	func (*Memory) Publish(set *Set) // a nil set is an empty one
//
// The zero Memory has an empty set. A Memory is safe for concurrent use, and must not be
// copied.
type Memory = store.Memory

// NewMemory returns a Memory with an empty set.
func NewMemory() *Memory { return new(Memory) }

// Static returns a [Store] that always has the same set. A nil set is an empty one.
func Static(set *Set) Store { return store.Static(set) }
