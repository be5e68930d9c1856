// Package directive defines directives and sets, and evaluates a set for a request. It
// has no clock, no goroutine and no I/O. The caller passes the time.
package directive

import "time"

// Match selects the requests of a directive. A request matches if it equals the Match in
// every field that is set. An unset field matches every request. The zero Match matches
// everything.
type Match struct {
	// Tenant, Index and Principal are compared byte by byte. An empty name is unset.
	Tenant    string
	Index     string
	Principal string
	// Endpoint is unset if it is AnyEndpoint.
	Endpoint Endpoint
}

// Directive is one rule: which requests it selects, what the proxy records of them, and
// when the rule ends.
type Directive struct {
	// ID identifies the directive in its set: 1 to 128 bytes of UTF-8.
	ID string
	// Match selects the requests. Names are 1 to 256 bytes of UTF-8.
	Match Match
	// Level is how much the proxy records of a request.
	Level Level
	// SamplePerMille is the share of the matching requests that the directive applies to,
	// in thousandths: 0 is none, 1000 is all. The request id selects the requests.
	SamplePerMille int
	// ExpiresAt is the end of the directive. The directive applies before that instant,
	// and no longer at it. It is in whole milliseconds, rounded down, and must be after
	// 1970 and before the year 5138 (10^14 ms).
	ExpiresAt time.Time
	// RingBuffer asks the proxy to keep the matching requests in its in-memory ring
	// buffer.
	RingBuffer bool
	// Capture asks the proxy to capture the traffic of the matching requests.
	Capture bool
	// Instances selects the instances that evaluate the directive. Nil selects all.
	Instances *Instances
	// MaxPerSecond is how many requests per second the directive applies to on each instance,
	// 1 to 1,000,000. Further requests are treated as if there were no such directive. 0 is no
	// limit.
	MaxPerSecond int
}

// Request holds the properties of a request that a set evaluates.
type Request struct {
	// Tenant, Index and Principal are empty while they are unknown. A directive that
	// names a tenant does not match a request without a tenant. The same holds for index
	// and principal.
	Tenant    string
	Index     string
	Principal string
	// Endpoint is the operation that the request asks for. AnyEndpoint counts as Unknown.
	Endpoint Endpoint
	// ID is the request id. It decides which samples include the request.
	ID string
}

// Decision is the result of the evaluation of a set for one request. The zero Decision
// records nothing.
type Decision struct {
	// Level is the highest level among the directives that apply.
	Level Level
	// RingBuffer and Capture are true if any directive that applies asks for it.
	RingBuffer bool
	Capture    bool
	// By is the id of the directive that gave the level. If several directives have the
	// level, By is the first in the order of the set. It is empty if the level is Off.
	By string
}

// SampleBucket returns the bucket of a request id, 0 to 999: its 64-bit FNV-1a hash
// modulo 1000. A directive applies to the buckets below its SamplePerMille, so that every
// proxy decides the same for a retry with the same id. The hash is specified at
// http://www.isthe.com/chongo/tech/comp/fnv/. It is implemented here, because hash/fnv
// allocates.
func SampleBucket(id string) int {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	for len(id) >= 8 {
		h = (h ^ uint64(id[0])) * prime
		h = (h ^ uint64(id[1])) * prime
		h = (h ^ uint64(id[2])) * prime
		h = (h ^ uint64(id[3])) * prime
		h = (h ^ uint64(id[4])) * prime
		h = (h ^ uint64(id[5])) * prime
		h = (h ^ uint64(id[6])) * prime
		h = (h ^ uint64(id[7])) * prime
		id = id[8:]
	}
	for i := range len(id) {
		h = (h ^ uint64(id[i])) * prime
	}
	return int(h % 1000)
}

// Or combines two decisions on the same request. The result has the higher level with its
// By. If the levels are equal, it has the By of d. It asks for the ring buffer or the
// capture if either decision does.
func (d Decision) Or(other Decision) Decision {
	if other.Level > d.Level {
		d.Level, d.By = other.Level, other.By
	}
	d.RingBuffer = d.RingBuffer || other.RingBuffer
	d.Capture = d.Capture || other.Capture
	return d
}
