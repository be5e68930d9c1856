package store

import (
	"errors"
	"time"
)

// ErrUnavailable is wrapped by the errors of a store that cannot be reached, does not answer
// in time, is not ready to serve or denies access.
var ErrUnavailable = errors.New("redis is unavailable")

// Reading is what a fleet's key held at one moment and, if it was asked for, the fleet's clock
// then.
type Reading struct {
	// Value is the first bytes of the key's value, as many as were asked for. It is empty if
	// the key is missing or holds nothing.
	Value []byte
	// Length is how long the whole value is, in bytes.
	Length int64
	// Missing says that there is no key, WrongType that the key holds no string.
	Missing, WrongType bool
	// Clock is the measurement of the fleet's clock that came with it, nil if none was asked for.
	Clock *Measurement
}

// Measurement is one reading of the fleet's clock.
type Measurement struct {
	// Time is what the fleet's clock showed. It means nothing if Err is set.
	Time time.Time
	// Sent and Received are the local times, with a monotonic reading, at which the request was
	// sent and the reply received.
	Sent, Received time.Time
	// Wall is what the local wall clock showed at Sent.
	Wall time.Time
	// Err says why the fleet's clock could not be read.
	Err error
}
