package live

import (
	"time"

	"github.com/fleetdial/fleetdial"
)

// State is a fleet at one moment. A State is immutable: nobody may change it or anything that it
// holds, because all readers share it.
type State struct {
	// Fleet is the fleet's name.
	Fleet string
	// ID names the state among all states of all hubs: a random part of the Hub, a dash and a
	// number that grows. States with the same ID differ in no more than Roster.Now, ReadAt and,
	// for up to a second, in the times and figures that instances report, so that a page with one
	// of them needs no update.
	ID string
	// Roster is the fleet's roster.
	Roster fleetdial.Roster
	// Revision and RevisionErr are the results of [fleetdial.Publisher.Current]. RevisionErr is
	// why there is no current revision, or why it cannot be decoded, never that Redis does not
	// answer. Revision.Set is never nil. Revision has the version and id that Roster has, except
	// while many revisions are published in a row.
	Revision    fleetdial.Revision
	RevisionErr error
	// History is the fleet's history, newest first. HistoryErr is why it is not complete, for
	// example because the ACL user may not read it. History then holds the entries that could be
	// read.
	History    []fleetdial.HistoryEntry
	HistoryErr error
	// Hits is what Roster.Hits returns.
	Hits fleetdial.RosterHits
	// Rates is how many requests per second each directive applied to, by the directive's id, for
	// the 100 directives with the most hits. The points cover the last 10 minutes at most, and
	// only the time for which the Hub has read the fleet. There is one for each 5 s, oldest first.
	// After an outage, a point is missing for each 5 s of it.
	Rates map[string][]Rate
	// ReadAt is the local time at which Redis last answered with the roster.
	ReadAt time.Time
	// Err is why the newest attempt to read the fleet failed, and ErrSince the local time since
	// when all have failed. All the rest is the last known state then. Err is nil if the newest
	// attempt succeeded.
	Err      error
	ErrSince time.Time

	expiries []time.Time // those of the revision's directives, ascending
	expired  int         // how many of them had passed
}

// Rate is a point of a line chart.
type Rate struct {
	// At is the time, by the clock of Redis.
	At time.Time
	// PerSecond is how many requests per second the directive applied to, according to the reports
	// that Redis held at that time, see [fleetdial.RosterDirectiveHits].
	PerSecond float64
}

// Now returns the clock of Redis at a local time: Roster.Now, and the time that has passed since.
// Ages and the time that directives have left count from there, also while Redis does not answer.
func (s *State) Now(local time.Time) time.Time { return s.Roster.Now.Add(local.Sub(s.ReadAt)) }
