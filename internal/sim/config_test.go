package sim

import (
	"crypto/ed25519"
	"math/rand/v2"
	"time"

	"github.com/fleetdial/fleetdial/internal/wire"
)

const (
	// redisKey is the fleet's key, which signatures are bound to.
	redisKey = "fleetdial:{sim}"
	// maxBytes is the largest value that the followers accept.
	maxBytes = 4096
	// phases is how often the faults of a run come and end.
	phases = 4
)

// config is what a seed decides about a run. Each run has a few kinds of faults only, because
// a fault that always happens together with all others hides what it does alone.
type config struct {
	machines, publishers int
	resync, timeout      time.Duration
	// age is after how long a session is replaced, 0 for never.
	age          time.Duration
	isSigned     bool
	publishEvery time.Duration
	latency      time.Duration
	// lag is by how much replicas are always behind, and replicaReads how often of 1 they are read.
	lag          time.Duration
	replicaReads float64
	faults       []*faultKind
	// forced, if not nil, is the kind of the first fault in each phase.
	forced *faultKind
	// isClockClean says that no clock is wrong in this run, and that each machine tells of its
	// suspensions.
	isClockClean bool
}

// newConfig returns the configuration of a seed. The first seeds force one kind of fault each, so
// that the fixed seeds together have all of them.
func newConfig(seed uint64, r *rand.Rand) config {
	c := config{
		machines:     1 + r.IntN(4),
		publishers:   1 + r.IntN(2),
		resync:       pick(r, 30*time.Second, 10*time.Second, 5*time.Second),
		timeout:      pick(r, 3*time.Second, 3*time.Second, time.Second),
		age:          pick(r, 0, 2*time.Second, 10*time.Second, 40*time.Second),
		isSigned:     r.IntN(4) == 0,
		publishEvery: pick(r, 2*time.Second, 15*time.Second, 45*time.Second, 45*time.Second),
		latency:      pick(r, 200*time.Microsecond, time.Millisecond, 4*time.Millisecond),
		lag:          pick(r, 0, 0, 2*time.Millisecond),
		replicaReads: pick(r, 0.2, 0.5, 1),
		isClockClean: true,
	}
	if seed <= uint64(len(faultKinds)) {
		c.forced = &faultKinds[seed-1]
		c.isSigned = c.isSigned || c.forced.isSigned
		if c.forced.isOfAge && c.age == 0 {
			c.age = 10 * time.Second
		}
	}
	share := pick(r, 0.08, 0.2, 0.5)
	for i := range faultKinds {
		kind := &faultKinds[i]
		if r.Float64() < share && (!kind.isSigned || c.isSigned) && (!kind.isOfAge || c.age > 0) || kind == c.forced {
			c.faults = append(c.faults, kind)
			c.isClockClean = c.isClockClean && !kind.isOfClock
		}
	}
	return c
}

func pick[T any](r *rand.Rand, choices ...T) T { return choices[r.IntN(len(choices))] }

// The keys of signed fleets. otherKey is not trusted.
var (
	trustedKey = ed25519.NewKeyFromSeed([]byte("0123456789abcdef0123456789abcdef"))
	otherKey   = ed25519.NewKeyFromSeed([]byte("fedcba9876543210fedcba9876543210"))
)

func keyring() wire.Keyring {
	key := trustedKey.Public().(ed25519.PublicKey)
	return wire.Keyring{wire.KeyID(key): key}
}
