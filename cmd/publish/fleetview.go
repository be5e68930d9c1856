package main

import (
	"context"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/overview"
)

// readFleet reads the roster and the current set. It takes the set of an earlier view of the
// same revision.
func readFleet(ctx context.Context, p *fleetdial.Publisher, earlier overview.View) (overview.View, error) {
	roster, err := p.Roster(ctx)
	if err != nil {
		return overview.View{}, err
	}
	if earlier.IsRead && roster.ID == earlier.ID && roster.Digest == earlier.Digest {
		return overview.NewView(roster, earlier.Directives), nil
	}
	rev, err := p.Current(ctx)
	if err != nil {
		return overview.View{Roster: roster}, nil // the summary of the roster says why
	}
	return overview.NewView(roster, rev.Set.Directives()), nil
}

// readFleet reads what status shows, within the time limit.
func (a *app) readFleet(ctx context.Context, p *fleetdial.Publisher) (overview.View, error) {
	ctx, cancel := a.timed(ctx)
	defer cancel()
	return readFleet(ctx, p, overview.View{})
}
