package pace

import "time"

// Bucket is a token bucket: it holds up to size tokens, and gains one in each interval. It is
// not safe for concurrent use.
type Bucket struct {
	size     float64
	interval time.Duration
	tokens   float64
	at       time.Time
}

// NewBucket returns a full bucket.
func NewBucket(size int, interval time.Duration, now time.Time) Bucket {
	return Bucket{size: float64(size), interval: interval, tokens: float64(size), at: now}
}

// Add adds tokens, or takes them if n is negative.
func (b *Bucket) Add(now time.Time, n float64) {
	b.tokens = min(b.size, b.tokens+float64(now.Sub(b.at))/float64(b.interval))
	b.tokens = min(b.size, b.tokens+n)
	b.at = now
}

// ReadyAt returns when the bucket holds a token.
func (b *Bucket) ReadyAt(now time.Time) time.Time {
	b.Add(now, 0)
	if b.tokens >= 1 {
		return now
	}
	return now.Add(time.Duration((1-b.tokens)*float64(b.interval)) + 1)
}

// IsFull reports whether no token was taken for as long as it takes to gain one.
func (b *Bucket) IsFull(now time.Time) bool {
	b.Add(now, 0)
	return b.tokens > b.size-1e-6
}
