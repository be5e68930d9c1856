package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/plain"
	"github.com/fleetdial/fleetdial/internal/review"
)

// perspectiveOf returns the perspective of an instance in the roster, that of no instance for an
// empty name.
func (a *app) perspectiveOf(ctx context.Context, p *fleetdial.Publisher, name string) (review.Perspective, error) {
	if name == "" {
		return review.Perspective{}, nil
	}
	roster, err := p.Roster(ctx)
	if err != nil {
		return review.Perspective{}, err
	}
	i := slices.IndexFunc(roster.Instances, func(in fleetdial.Instance) bool { return in.Name == name })
	if i < 0 {
		return review.Perspective{}, fmt.Errorf("--instance %s: not in the roster of fleet %q%s",
			plain.Printable(name), a.fleet, plain.Hint(name, instanceNames(roster.Instances)))
	}
	r := roster.Instances[i].Report
	if r == nil {
		return review.Perspective{}, fmt.Errorf("--instance %s: its labels are not known: %v", plain.Printable(name), roster.Instances[i].Err)
	}
	return review.Perspective{Instance: name, Name: r.ConfiguredName(), Labels: r.Labels}, nil
}
