package review

import (
	"slices"
	"time"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/overview"
	"github.com/fleetdial/fleetdial/internal/plain"
)

// OthersEnded describes the live directives that a change of the current revision removes, or that
// end earlier than before, except those that the author has added. If the history no longer tells
// who added a directive, it may be another author, also if the author has published the current
// revision.
func OthersEnded(
	from fleetdial.Revision, entries []fleetdial.HistoryEntry, diff fleetdial.Diff, author string, now time.Time,
) (questions []string) {
	removed, shortened := ended(diff, now)
	origins := overview.Origins(from, entries)
	for _, ended := range []struct {
		how, next  string
		directives []fleetdial.Directive
	}{{"end", " (--merge keeps them)", removed}, {"end earlier", "", shortened}} {
		if theirs := notBy(author, ended.directives, origins, from); len(theirs) > 0 {
			questions = append(questions, "live directives of others would "+ended.how+": "+plain.First(10, theirs)+ended.next)
		}
	}
	return questions
}

// EndsAny reports whether a change removes a live directive, or makes one end earlier.
func EndsAny(diff fleetdial.Diff, now time.Time) bool {
	removed, shortened := ended(diff, now)
	return len(removed)+len(shortened) > 0
}

func ended(diff fleetdial.Diff, now time.Time) (removed, shortened []fleetdial.Directive) {
	removed, _ = Unexpired(slices.Clone(diff.Removed), now)
	for _, c := range diff.Changed {
		if c.After.ExpiresAt.Before(c.Before.ExpiresAt) {
			shortened = append(shortened, c.Before)
		}
	}
	return removed, shortened
}

// notBy describes the directives that the author has not added.
func notBy(author string, directives []fleetdial.Directive, origins map[string]overview.Origin, from fleetdial.Revision) (theirs []string) {
	for _, d := range directives {
		switch added, known := origins[d.ID]; {
		case !known && from.Version == 1 && from.PublishedBy == author, known && added.By == author:
		case known:
			theirs = append(theirs, plain.Word(d.ID)+" (added by "+plain.Cell(added.By)+")")
		default:
			theirs = append(theirs, plain.Word(d.ID)+" (the history does not tell who added it)")
		}
	}
	return theirs
}
