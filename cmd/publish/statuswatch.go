package main

import (
	"context"
	"time"

	"github.com/fleetdial/fleetdial"
)

// refreshEvery is how often status --watch reads the roster.
const refreshEvery = time.Second

// watchStatus shows the roster until ctx ends.
func (a *app) watchStatus(ctx context.Context, p *fleetdial.Publisher, f statusFlags) error {
	return a.watchTable(ctx, refreshEvery, func(ctx context.Context) (string, error) {
		roster, err := p.Roster(ctx)
		if err != nil {
			return "", err
		}
		return a.statusText(roster, f)
	})
}
