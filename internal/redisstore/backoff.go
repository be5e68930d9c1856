package redisstore

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff is exponential with full jitter, as in
// https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/: each wait is random, from nothing to a
// bound that doubles up to the longest. It belongs to one goroutine.
type backoff struct {
	shortest, longest time.Duration
	bound             time.Duration
}

func newBackoff(shortest, longest time.Duration) *backoff {
	return &backoff{shortest: shortest, longest: longest, bound: shortest}
}

func (b *backoff) reset() { b.bound = b.shortest }

// next returns how long to wait before the next attempt.
func (b *backoff) next() time.Duration {
	wait := rand.N(b.bound) + 1
	b.bound = min(2*b.bound, b.longest)
	return wait
}

// wait sleeps until the next attempt is due, or returns the context's error as soon as it is done.
func (b *backoff) wait(ctx context.Context) error {
	sleep(ctx, b.next())
	return ctx.Err()
}

// sleep reports whether that time has passed before the context was done.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
