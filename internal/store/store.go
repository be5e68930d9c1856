// Package store is the seam between whoever decides on requests and whoever brings the directives: a Store has the
// current set at hand, wherever it comes from.
package store

import "github.com/fleetdial/fleetdial/internal/directive"

// Store has a set of directives at hand for every request.
//
// Load never returns nil, never blocks and never fails; before there is anything to return, it returns an empty set.
// What it returns never changes: a newer set is another Set, which later calls return. A call that begins after
// another has returned does not see an older set than that one saw. Load may be called by any number of goroutines.
type Store interface {
	Load() *directive.Set
}
