// Package directive holds fleetdial's words and what they mean: directives, the sets they form, and what a set says
// of a request. It has no clock, no Redis, no logger and no goroutine; the time is an argument.
package directive

import "time"

// Match says which requests a directive concerns. An unset field matches every request; all fields that are set must
// equal the request's. The zero Match matches everything.
type Match struct {
	// Tenant, Index and Principal are compared byte by byte. Empty is unset.
	Tenant    string
	Index     string
	Principal string
	// Endpoint AnyEndpoint is unset.
	Endpoint Endpoint
}

// Directive is one rule: which requests, how much to record of them, and until when.
type Directive struct {
	// ID names the directive, uniquely in its set: 1 to 128 bytes of UTF-8.
	ID string
	// Match says which requests it concerns. Names are 1 to 256 bytes of UTF-8.
	Match Match
	// Level is what to record of them.
	Level Level
	// SamplePerMille is how many of 1,000 matching requests it applies to, chosen by request id: 0 is none, 1000 all.
	SamplePerMille int
	// ExpiresAt is when it ends: it applies before that moment, and no longer at it. It counts in whole milliseconds, a
	// fraction is dropped, and must lie after 1970 and before the year 5138 (10^14 ms).
	ExpiresAt time.Time
	// RingBuffer asks the proxy to keep the matching requests in its in-memory ring buffer.
	RingBuffer bool
	// Capture asks the proxy to capture the traffic of the matching requests.
	Capture bool
}

// Request is what a set needs to know of a request.
type Request struct {
	// Tenant, Index and Principal are empty while they are not known. A directive that names one does not match a
	// request in which it is empty.
	Tenant    string
	Index     string
	Principal string
	// Endpoint is what the request asks for; AnyEndpoint counts as Unknown.
	Endpoint Endpoint
	// ID is the request id, from which samples are drawn.
	ID string
}

// Decision is what a set says of one request. The zero Decision records nothing.
type Decision struct {
	// Level is the highest level among the directives that apply.
	Level Level
	// RingBuffer and Capture are true if any directive that applies asks for it.
	RingBuffer bool
	Capture    bool
	// By is the id of the directive that gave the level, the first in the set among equals; empty at Off.
	By string
}

// SampleBucket returns the bucket, 0 to 999, that a request id falls into: its 64-bit FNV-1a hash modulo 1000. A
// directive applies to the buckets below its SamplePerMille, so a retry with the same id decides the same way on every
// proxy. The hash is that of http://www.isthe.com/chongo/tech/comp/fnv/, written out because hash/fnv allocates.
func SampleBucket(id string) int {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	for i := range len(id) {
		h = (h ^ uint64(id[i])) * prime
	}
	return int(h % 1000)
}

// Or returns what two decisions on one request ask for together: the higher level with its By, that of d among equals,
// and the ring buffer and the capture if either asks for it.
func (d Decision) Or(other Decision) Decision {
	if other.Level > d.Level {
		d.Level, d.By = other.Level, other.By
	}
	d.RingBuffer = d.RingBuffer || other.RingBuffer
	d.Capture = d.Capture || other.Capture
	return d
}
