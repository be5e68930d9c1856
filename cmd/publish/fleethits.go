package main

import (
	"context"
	"fmt"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/overview"
	"github.com/fleetdial/fleetdial/internal/review"
)

// readHits reads the roster and the current revision, or takes the revision of an earlier
// reading.
func (a *app) readHits(ctx context.Context, p *fleetdial.Publisher, earlier overview.Hits) (overview.Hits, error) {
	rev := earlier.Revision
	for attempts := 3; ; attempts-- {
		roster, err := p.Roster(ctx)
		if err != nil {
			return overview.Hits{}, err
		}
		known := earlier.Roster.Published && earlier.Roster.ID == roster.ID && earlier.Roster.Digest == roster.Digest
		if !known {
			if rev, err = p.Current(ctx); review.IsInvalid(err) {
				return overview.Hits{}, fmt.Errorf("%v; proxies keep the last valid set", err)
			} else if err != nil {
				return overview.Hits{}, a.noRevisionError(err)
			}
		}
		// A publish between the two readings makes them differ.
		if rev.ID == roster.ID || attempts == 0 {
			return overview.NewHits(rev, roster), nil
		}
	}
}
