package signin

import (
	"net/netip"
	"sync"
	"time"
)

// maxBuckets bounds the memory of a limiter.
const maxBuckets = 4096

// limiter bounds how often something happens per key: burst times at once, and then once per
// interval. It is safe for concurrent use.
type limiter struct {
	burst    float64
	interval time.Duration

	mu      sync.Mutex
	buckets map[string]*bucket
}

type bucket struct {
	tokens float64
	at     time.Time // when the tokens were counted
}

func newLimiter(burst int, interval time.Duration) *limiter {
	return &limiter{burst: float64(burst), interval: interval, buckets: make(map[string]*bucket)}
}

// take takes a token of the key. If there is none, take returns how long the next one takes.
func (l *limiter) take(key string) (wait time.Duration) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.buckets[key]
	if b == nil {
		l.makeRoom(now)
		b = &bucket{tokens: l.burst, at: now}
		l.buckets[key] = b
	}
	b.tokens, b.at = l.tokens(b, now), now
	if b.tokens < 1 {
		return max(time.Duration((1-b.tokens)*float64(l.interval)), 1)
	}
	b.tokens--
	return 0
}

// giveBack returns a token that take has taken.
func (l *limiter) giveBack(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b := l.buckets[key]; b != nil {
		b.tokens = min(b.tokens+1, l.burst)
	}
}

func (l *limiter) tokens(b *bucket, now time.Time) float64 {
	return min(b.tokens+float64(now.Sub(b.at))/float64(l.interval), l.burst)
}

// makeRoom removes the buckets that are full, which tell nothing, if there are too many. If none
// is full, it removes the one that was used the longest time ago.
func (l *limiter) makeRoom(now time.Time) {
	if len(l.buckets) < maxBuckets {
		return
	}
	var oldest string
	for key, b := range l.buckets {
		if l.tokens(b, now) >= l.burst {
			delete(l.buckets, key)
		} else if found := l.buckets[oldest]; found == nil || b.at.Before(found.at) {
			oldest = key
		}
	}
	if len(l.buckets) >= maxBuckets {
		delete(l.buckets, oldest)
	}
}

// peerOf returns the address of a connection's other end, without a port. It never uses a header.
func peerOf(remoteAddr string) (netip.Addr, bool) {
	peer, err := netip.ParseAddrPort(remoteAddr)
	if err != nil {
		return netip.Addr{}, false
	}
	return peer.Addr().Unmap().WithZone(""), true
}

// networkOf returns the key of a peer in a limiter. A host can have all addresses of an IPv6
// network of 64 bits.
func networkOf(remoteAddr string) string {
	addr, ok := peerOf(remoteAddr)
	if !ok {
		return ""
	}
	if addr.Is6() {
		if network, err := addr.Prefix(64); err == nil {
			return network.String()
		}
	}
	return addr.String()
}
