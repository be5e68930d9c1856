// Package store defines the Store interface, which separates the evaluation of requests
// from the source of the directives. It has the two stores that need no Redis: Memory and
// Static.
package store

import "github.com/fleetdial/fleetdial/internal/directive"

// Store holds the current set of directives.
//
// Load returns the current set. Load never returns nil, never blocks and never fails. It
// returns an empty set until a set is available. A returned set never changes. When the
// current set changes, Load returns another set. A call that begins after an earlier call
// has returned does not return an older set than the earlier call. Load is safe for
// concurrent use.
type Store interface {
	Load() *directive.Set
}
