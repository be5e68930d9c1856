package vectors

import "fmt"

// limit is a line of limits.jsonl.
type limit struct {
	vector
	MaxPerSecond int     `json:"max_per_second"`
	Arrivals     []int64 `json:"arrivals_ms"`
	Applied      []bool  `json:"applied"`
}

// admitted returns which requests a token bucket admits. It counts thousandths of a token, of
// which the bucket gains as many per millisecond as it gains tokens per second.
func admitted(perSecond int, arrivals []int64) []bool {
	const token = 1000
	full := int64(perSecond) * token
	tokens, last := int64(token), arrivals[0]
	all := make([]bool, len(arrivals))
	for i, at := range arrivals {
		tokens = min(full, tokens+(at-last)*int64(perSecond))
		last = at
		if tokens >= token {
			tokens -= token
			all[i] = true
		}
	}
	return all
}

// limits returns the lines of limits.jsonl.
func limits() (all []limit) {
	add := func(name string, perSecond int, arrivals []int64) {
		all = append(all, limit{named(name, "C1"), perSecond, arrivals, admitted(perSecond, arrivals)})
	}
	for _, n := range []int{1, 2, 3, 5, 7, 10, 100, 1000} {
		per := fmt.Sprintf(", %d per second", n)
		gap := int64((1000 + n - 1) / n) // the time after which there is another token, in whole ms
		add("one token at first"+per, n, []int64{0, 0, 0})
		add("a moment before the next token"+per, n, []int64{0, gap - 1, gap - 1})
		add("at the next token"+per, n, []int64{0, gap, gap})
		add("every ms of the first seconds"+per, n, steps(0, 7, 300))
		add("full after a second"+per, n, append([]int64{0}, repeated(2000, min(n, 20)+2)...))
		add("no more than full after an hour"+per, n, append([]int64{0}, repeated(3_600_000, min(n, 20)+2)...))
		add("rejected requests take nothing"+per, n, append(repeated(0, 20), gap, gap, 2*gap, 2*gap))
		add("a burst, then one by one"+per, n, append(append([]int64{0}, repeated(1500, min(n, 20))...), steps(1500, gap, 10)...))
		add("twice as fast as the limit"+per, n, steps(0, max(1, gap/2), 40))
		add("at the pace of the limit"+per, n, steps(0, gap, 40))
		add("a late start"+per, n, []int64{123_456_789, 123_456_789, 123_456_789 + gap})
	}
	add("the highest limit", 1_000_000, append(repeated(0, 3), 1, 1, 1))
	return append(all, randomLimits()...)
}

// randomLimits returns lines with arrivals at random times.
func randomLimits() (all []limit) {
	r := random(1)
	for i := range 30 {
		perSecond := []int{1, 2, 3, 4, 5, 8, 10, 20, 25, 50}[r.below(10)]
		at, arrivals := int64(r.below(1000)), []int64(nil)
		for range 60 {
			arrivals = append(arrivals, at)
			at += int64(r.below(r.below(3000/perSecond) + 1))
		}
		all = append(all, limit{named(fmt.Sprintf("random arrivals %d", i), "C1"), perSecond, arrivals, admitted(perSecond, arrivals)})
	}
	return all
}

// repeated returns one time n times.
func repeated(at int64, n int) (all []int64) {
	for range n {
		all = append(all, at)
	}
	return all
}

// steps returns n times from a start.
func steps(from, step int64, n int) (all []int64) {
	for i := range n {
		all = append(all, from+int64(i)*step)
	}
	return all
}

// random is splitmix64, so that the vectors depend on no version of Go.
type random uint64

func (r *random) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns a number from 0 to n-1.
func (r *random) below(n int) int { return int(r.next() % uint64(n)) }

// oneOf returns one of several.
func oneOf[T any](r *random, all ...T) T { return all[r.below(len(all))] }
