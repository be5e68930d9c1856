package follow

import (
	"math/rand/v2"
	"time"
)

// bucket is a token bucket: it holds up to size tokens, and gains one in each interval.
type bucket struct {
	size     float64
	interval time.Duration
	tokens   float64
	at       time.Time
}

func newBucket(size int, interval time.Duration, now time.Time) bucket {
	return bucket{size: float64(size), interval: interval, tokens: float64(size), at: now}
}

func (b *bucket) refill(now time.Time) {
	b.tokens = min(b.size, b.tokens+float64(now.Sub(b.at))/float64(b.interval))
	b.at = now
}

// add adds tokens, or takes them if n is negative.
func (b *bucket) add(now time.Time, n float64) {
	b.refill(now)
	b.tokens = min(b.size, b.tokens+n)
}

// readyAt returns when the bucket holds a token.
func (b *bucket) readyAt(now time.Time) time.Time {
	b.refill(now)
	if b.tokens >= 1 {
		return now
	}
	return now.Add(time.Duration((1-b.tokens)*float64(b.interval)) + 1)
}

// isFull reports whether no token was taken for as long as it takes to gain one.
func (b *bucket) isFull(now time.Time) bool {
	b.refill(now)
	return b.tokens > b.size-1e-6
}

// backoff is exponential with full jitter, as in
// https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/: each wait is
// random, from nothing to a bound that doubles up to the longest.
type backoff struct {
	shortest, longest time.Duration
	bound             time.Duration
}

func (b *backoff) reset() { b.bound = 0 }

// next returns how long to wait before the next attempt.
func (b *backoff) next(r *rand.Rand) time.Duration {
	b.bound = min(max(2*b.bound, b.shortest), b.longest)
	return time.Duration(r.Int64N(int64(b.bound))) + 1
}

// lines bounds the log. Lines of one kind beyond the bucket are counted, and the next line
// tells how many there were.
type lines struct {
	bucket     bucket
	suppressed int
}

// take returns the line's attributes, and false if the line is to be suppressed.
func (l *lines) take(now time.Time, attrs []any) ([]any, bool) {
	if l.bucket.readyAt(now).After(now) {
		l.suppressed++
		return nil, false
	}
	l.bucket.add(now, -1)
	if l.suppressed > 0 {
		attrs = append(attrs, "suppressed", l.suppressed)
		l.suppressed = 0
	}
	return attrs, true
}
