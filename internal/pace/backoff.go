// Package pace says how long to wait: between attempts that fail, and between things that must
// not happen too often.
package pace

import (
	"math/rand/v2"
	"time"
)

// Backoff is exponential with full jitter, as in
// https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/: each wait is
// random, from nothing to a bound that begins with Shortest and doubles up to Longest. It is not
// safe for concurrent use.
type Backoff struct {
	Shortest, Longest time.Duration
	bound             time.Duration
}

// Reset begins again with the shortest bound.
func (b *Backoff) Reset() { b.bound = 0 }

// Next returns how long to wait before the next attempt. A nil source is the global one.
func (b *Backoff) Next(r *rand.Rand) time.Duration {
	b.bound = min(max(2*b.bound, b.Shortest), b.Longest)
	if r == nil {
		return rand.N(b.bound) + 1
	}
	return time.Duration(r.Int64N(int64(b.bound))) + 1
}
