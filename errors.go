package fleetdial

import (
	"github.com/fleetdial/fleetdial/internal/redisstore"
	"github.com/fleetdial/fleetdial/internal/wire"
)

var (
	// ErrUnavailable is wrapped by the errors of Subscribe, of a Subscriber and of a Publisher that come from Redis being
	// out of reach, not answering in time, not ready to serve or denying access.
	ErrUnavailable = redisstore.ErrUnavailable
	// ErrOutcomeUnknown is wrapped by the error of Publisher.Publish and Update where the reply was lost and asking Redis
	// did not show in time what became of it: the revision may be published or not, or even become so later.
	ErrOutcomeUnknown = redisstore.ErrOutcomeUnknown
	// ErrNoRevision is returned by Publisher.Current where the fleet's key does not exist. It is what Status.Err holds
	// while a Subscriber's state is StateMissing.
	ErrNoRevision = redisstore.ErrNoRevision
	// ErrClosed is wrapped by the error of Subscriber.Refresh after Close.
	ErrClosed = redisstore.ErrClosed
)

// ConflictError is returned by Publisher.Publish and Update when the fleet's revision is not the expected one; nothing
// was written. Its fields are Expected, the version asked for (0: none at all), and Version, ID, PublishedAt, PublishedBy
// and Reason of the revision that is there; Version is 0 if there is none.
type ConflictError = redisstore.ConflictError

// MalformedError says that bytes are no value of the fleet's key at all: Reason says why, Offset where, in bytes from 0.
// DecodeRevision and Publisher.Current return it, and so does Publisher.Update if what it is to change cannot be read.
type MalformedError = wire.MalformedError
