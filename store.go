package fleetdial

import "github.com/fleetdial/fleetdial/internal/store"

// Store holds the current set of directives. A [Subscriber] is a Store that follows a
// fleet. A [Memory] and the result of [Static] are Stores that need no Redis, for a test
// or a single instance.
//
//	type Store interface {
//		Load() *Set
//	}
//
// Load returns the current set. Load never returns nil, never blocks and never fails. A
// returned set never changes. Load is safe for concurrent use.
type Store = store.Store

// StatusStore is a [Store] with a status, which the adapters fleethttp and fleetprom
// show. A [Subscriber] and a [Lease] are StatusStores. A store of one's own can be a
// StatusStore.
type StatusStore interface {
	Store
	// Status returns the status of the store at one moment. Status never blocks, because
	// health checks and scrapes call it, and is safe for concurrent use. The caller must
	// not change the result, but may change a copy, which Status.Clone returns.
	//
	// State must be one of the states. All other fields may be zero: the adapters leave
	// out a zero time, and show 0 for a zero number.
	Status() Status
}

// Memory is a [Store] in memory. Its method Publish replaces the set.
//
//	type Memory struct{} // has no exported fields
//
//	func (*Memory) Load() *Set       // the last published set, which counts its hits
//	func (*Memory) Publish(set *Set) // a nil set is an empty one
//
// The zero Memory has an empty set. A Memory is safe for concurrent use, and must not be
// copied.
type Memory = store.Memory

// NewMemory returns a Memory with an empty set.
func NewMemory() *Memory { return new(Memory) }

// Static returns a [Store] whose set never changes. A nil set is an empty set.
func Static(set *Set) Store { return store.Static(set) }
