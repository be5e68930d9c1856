package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
)

// fleetView is what status shows of a fleet.
type fleetView struct {
	fleetdial.Roster
	// isRead says that the current set was read. directives are its directives.
	isRead     bool
	directives []fleetdial.Directive
	// selecting holds the unexpired directives with instances, and general the ids of those
	// without.
	selecting []fleetdial.Directive
	general   []string
}

// readFleet reads the roster and the current set. It takes the set of an earlier view of the
// same revision.
func readFleet(ctx context.Context, p *fleetdial.Publisher, earlier fleetView) (fleetView, error) {
	roster, err := p.Roster(ctx)
	if err != nil {
		return fleetView{}, err
	}
	if earlier.isRead && roster.ID == earlier.ID && roster.Digest == earlier.Digest {
		return newFleetView(roster, earlier.directives), nil
	}
	rev, err := p.Current(ctx)
	if err != nil {
		return fleetView{Roster: roster}, nil // the summary of the roster says why
	}
	return newFleetView(roster, rev.Set.Directives()), nil
}

func newFleetView(roster fleetdial.Roster, directives []fleetdial.Directive) fleetView {
	v := fleetView{Roster: roster, isRead: true, directives: directives}
	for _, d := range directives {
		switch {
		case !d.ExpiresAt.After(roster.Now):
		case d.Instances != nil:
			v.selecting = append(v.selecting, d)
		default:
			v.general = append(v.general, d.ID)
		}
	}
	return v
}

// readFleet reads what status shows, within the time limit.
func (a *app) readFleet(ctx context.Context, p *fleetdial.Publisher) (fleetView, error) {
	ctx, cancel := a.timed(ctx)
	defer cancel()
	return readFleet(ctx, p, fleetView{})
}

// concerned are the unexpired directives that concern an instance.
type concerned struct {
	selecting, general []string
}

// directivesOf returns the directives of the current set that concern an instance. known is
// false if the set or the report cannot be read.
func (v *fleetView) directivesOf(in fleetdial.Instance) (c concerned, known bool) {
	if !v.isRead || in.Report == nil {
		return c, false
	}
	for _, d := range v.selecting {
		if concerns(d, in.Report) {
			c.selecting = append(c.selecting, d.ID)
		}
	}
	c.general = v.general
	return c, true
}

// ids returns the ids of all directives, those with instances first.
func (c concerned) ids() []string { return append(append([]string{}, c.selecting...), c.general...) }

// text returns the first ids and the number of the others, "-" for none.
func (c concerned) text(limit int) string {
	selecting := c.selecting[:min(len(c.selecting), limit)]
	general := c.general[:min(len(c.general), limit-len(selecting))]
	text := strings.Join(words(append(selecting[:len(selecting):len(selecting)], general...)), ", ")
	if more := len(c.selecting) + len(c.general) - len(selecting) - len(general); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return tui.DashIfEmpty(text)
}
