package redisstore

import (
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// clockReading is a measurement of Redis' clock against this process's own.
type clockReading struct {
	// epoch is the local time at which Redis' clock read zero, with a monotonic reading. It supposes that Redis looked
	// at its clock as soon as it was asked, so it is early by at most the round trip: what expires may do so early by as
	// much, and never late.
	epoch time.Time
	// offset is how far Redis' clock is ahead of the local wall clock, give or take half the round trip.
	offset    time.Duration
	roundTrip time.Duration
	// err is why there is no measurement; epoch is then that of the local wall clock.
	err error
}

// slowRoundTrip is one that says too little about the clock to rely on, such as that of a command which dials first.
const slowRoundTrip = 50 * time.Millisecond

func newClockReading(cmd *redis.TimeCmd, sent, received time.Time) clockReading {
	err := cmd.Err()
	if err == nil {
		err = checkClock(cmd.Val())
	}
	if err != nil {
		return clockReading{epoch: epochOf(sent, sent), err: err}
	}
	roundTrip := received.Sub(sent)
	return clockReading{
		epoch:     epochOf(sent, cmd.Val()),
		offset:    cmd.Val().Sub(sent.Round(0).Add(roundTrip / 2)),
		roundTrip: roundTrip,
	}
}

// agrees reports whether both measurements may be right, and the new one is no closer.
func (c clockReading) agrees(newer clockReading) bool {
	if c.epoch.IsZero() || c.err != nil || c.roundTrip > newer.roundTrip {
		return false
	}
	ahead := c.epoch.Sub(newer.epoch)
	return 0 <= ahead && ahead <= newer.roundTrip
}

// checkClock refuses times that no server has: what they would do to expiries is worse than the local clock.
func checkClock(t time.Time) error {
	if year := t.Year(); year < 2000 || year >= 2262 {
		return fmt.Errorf("the clock of Redis shows the year %d", year)
	}
	return nil
}

// epochOf returns when a clock read zero that shows `shown` at the local time `local`.
func epochOf(local, shown time.Time) time.Time {
	return local.Add(-time.Duration(shown.UnixNano()))
}
