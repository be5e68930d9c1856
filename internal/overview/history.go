package overview

import (
	"fmt"
	"slices"

	"github.com/fleetdial/fleetdial"
)

// Earlier returns the entries of a history before the current revision, newest first. If the key is
// missing or has an empty value, these are all entries.
func Earlier(entries []fleetdial.HistoryEntry, current fleetdial.Revision) []fleetdial.HistoryEntry {
	if current.ID == "" {
		return entries
	}
	isCurrent := func(e fleetdial.HistoryEntry) bool { return e.Revision.ID == current.ID }
	return entries[slices.IndexFunc(entries, isCurrent)+1:]
}

// Change is a revision of the history and what it changed.
type Change struct {
	fleetdial.HistoryEntry
	Diff fleetdial.Diff
	// Known reports whether the history tells what the revision changed.
	Known bool
}

// Changes returns the entries of a history with their changes.
func Changes(entries []fleetdial.HistoryEntry) []Change {
	out := make([]Change, len(entries))
	for i, e := range entries {
		out[i].HistoryEntry = e
		switch before := i + 1; {
		case e.Err != nil:
		case before < len(entries) && entries[before].Err == nil:
			out[i].Diff, out[i].Known = fleetdial.DiffSets(entries[before].Revision.Set, e.Revision.Set), true
		case before == len(entries) && e.Revision.Version == 1:
			out[i].Diff, out[i].Known = fleetdial.DiffSets(nil, e.Revision.Set), true
		}
	}
	return out
}

// Origin is who added a directive and why, and the version that added it.
type Origin struct {
	By      string
	Version int64
	Reason  string
}

// Origins returns who added the directives of the revision, as far as the history tells. It
// returns nil if the history does not hold the revision.
func Origins(rev fleetdial.Revision, entries []fleetdial.HistoryEntry) map[string]Origin {
	for len(entries) > 0 && (entries[0].Revision.ID != rev.ID || entries[0].Err != nil) {
		entries = entries[1:]
	}
	if len(entries) == 0 || rev.Version == 0 {
		return nil
	}
	origins := make(map[string]Origin)
	for _, c := range Changes(entries) {
		for _, d := range c.Diff.Added {
			if _, newer := origins[d.ID]; !newer {
				origins[d.ID] = Origin{c.Revision.PublishedBy, c.Revision.Version, c.Revision.Reason}
			}
		}
		if !c.Known {
			break // the changes before this one are unknown
		}
	}
	return origins
}

// VersionsHeld names the versions of the history.
func VersionsHeld(entries []fleetdial.HistoryEntry) string {
	newest, oldest := entries[0].Revision.Version, entries[len(entries)-1].Revision.Version
	if newest == oldest {
		return fmt.Sprintf("the history holds version %d", newest)
	}
	return fmt.Sprintf("the history holds versions %d to %d", oldest, newest)
}
