package main

import (
	"context"
	"time"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/overview"
)

// refreshEvery is how often status --watch reads the roster.
const refreshEvery = time.Second

// watchStatus shows the roster until ctx ends.
func (a *app) watchStatus(ctx context.Context, p *fleetdial.Publisher, f statusFlags) error {
	var last overview.View
	return a.watchTable(ctx, refreshEvery, func(ctx context.Context) (string, error) {
		next, err := readFleet(ctx, p, last)
		if err != nil {
			return "", err
		}
		last = next
		return a.statusText(last, f)
	})
}
