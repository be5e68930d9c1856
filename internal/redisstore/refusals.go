package redisstore

import "time"

// Of refusals, refusalsTold within refusalsEvery get a log line. Whoever can write the key, and not sign, can bring about
// more; those are counted, and the next line says how many they were.
const (
	refusalsTold  = 10
	refusalsEvery = time.Minute
)

// refusals keeps the log from being flooded with them.
type refusals struct {
	since        time.Time
	told, untold int
}

// tell reports whether a refusal is to be told, and how many before it were not.
func (r *refusals) tell(now time.Time) (untold int, ok bool) {
	if now.Sub(r.since) >= refusalsEvery {
		r.since, r.told = now, 0
	}
	if r.told == refusalsTold {
		r.untold++
		return 0, false
	}
	r.told++
	untold, r.untold = r.untold, 0
	return untold, true
}
