package main

import (
	"context"
	"time"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/review"
)

// othersEnded describes the live directives of others that a change ends, or makes end earlier:
// see [review.OthersEnded].
func (a *app) othersEnded(
	ctx context.Context, p *fleetdial.Publisher, from fleetdial.Revision, diff fleetdial.Diff, author string, now time.Time,
) []string {
	if !review.EndsAny(diff, now) {
		return nil
	}
	timed, cancel := a.timed(ctx)
	defer cancel()
	entries, _ := p.History(timed) // an error leaves the authors unknown
	return review.OthersEnded(from, entries, diff, author, now)
}
