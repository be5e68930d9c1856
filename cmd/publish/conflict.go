package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/fleetdial/fleetdial"
)

// conflicts are the conflicts of one command with others that publish at the same time.
type conflicts struct {
	began time.Time
	pause time.Duration
}

// The random pause after a conflict is at most firstPause, and doubles up to longestPause.
const firstPause, longestPause = 5 * time.Millisecond, 500 * time.Millisecond

// wait reports whether the error is a conflict after which the command starts again, and waits
// until it may. Conflicts end the command after the limit. The time in which the operator was
// asked does not count.
func (c *conflicts) wait(ctx context.Context, err error, limit time.Duration, asked bool) bool {
	if _, ok := errors.AsType[*fleetdial.ConflictError](err); !ok {
		return false
	}
	if c.began.IsZero() || asked {
		*c = conflicts{began: time.Now()}
	}
	c.pause = min(max(2*c.pause, firstPause), longestPause)
	select {
	case <-time.After(rand.N(c.pause)):
		return time.Since(c.began) < limit
	case <-ctx.Done():
		return false
	}
}
