package main

import (
	"context"
	"slices"
	"time"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
)

// othersEnded describes the live directives that a change removes, or that end earlier than
// before, except those that the author has added. If the history no longer tells who added a
// directive, it may be another author, also if the author has published the current revision.
func (a *app) othersEnded(
	ctx context.Context, p *fleetdial.Publisher, from fleetdial.Revision, diff fleetdial.Diff, author string, now time.Time,
) (questions []string) {
	removed, _ := unexpired(slices.Clone(diff.Removed), now)
	var shortened []fleetdial.Directive
	for _, c := range diff.Changed {
		if c.After.ExpiresAt.Before(c.Before.ExpiresAt) {
			shortened = append(shortened, c.Before)
		}
	}
	if len(removed)+len(shortened) == 0 {
		return nil
	}
	timed, cancel := a.timed(ctx)
	defer cancel()
	entries, _ := p.History(timed) // an error leaves the authors unknown
	origins := addedBy(from, entries)
	for _, ended := range []struct {
		how, next  string
		directives []fleetdial.Directive
	}{{"end", " (--merge keeps them)", removed}, {"end earlier", "", shortened}} {
		if theirs := notBy(author, ended.directives, origins, from); len(theirs) > 0 {
			questions = append(questions, "live directives of others would "+ended.how+": "+someOf(theirs)+ended.next)
		}
	}
	return questions
}

// notBy describes the directives that the author has not added.
func notBy(author string, directives []fleetdial.Directive, origins map[string]origin, from fleetdial.Revision) (theirs []string) {
	for _, d := range directives {
		switch added, known := origins[d.ID]; {
		case !known && from.Version == 1 && from.PublishedBy == author, known && added.by == author:
		case known:
			theirs = append(theirs, tui.Word(d.ID)+" (added by "+tui.Cell(added.by)+")")
		default:
			theirs = append(theirs, tui.Word(d.ID)+" (the history does not tell who added it)")
		}
	}
	return theirs
}
