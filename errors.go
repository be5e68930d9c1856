package fleetdial

import (
	"errors"
	"fmt"
	"time"

	"github.com/fleetdial/fleetdial/internal/follow"
	"github.com/fleetdial/fleetdial/internal/store"
	"github.com/fleetdial/fleetdial/internal/wire"
)

var (
	// ErrUnavailable is wrapped by the errors of Subscribe, of a [Subscriber] and of a
	// [Publisher] if Redis is out of reach, does not answer in time, is not ready to serve, takes
	// no writes or denies access.
	ErrUnavailable = store.ErrUnavailable
	// ErrNoRevision is returned by [Publisher.Current] if the fleet's key does not exist.
	// Status.Err holds it while the state of a [Subscriber] is StateMissing.
	ErrNoRevision = follow.ErrNoRevision
	// ErrOutcomeUnknown is wrapped by the errors of [Publisher.Publish] and its siblings if the
	// reply was lost and Redis did not tell in time what became of the publish. The revision may
	// be published or not, or may still be.
	ErrOutcomeUnknown = errors.New("the outcome is not known")
	// ErrUnverified is wrapped by the errors of [Publisher.Update] and [Publisher.Rollback] if
	// they would build on a revision that no trusted key signed. Nothing was written.
	ErrUnverified = errors.New("the current revision is not signed by a trusted key")
	// ErrNotInHistory is wrapped by the errors of [Publisher.Find] and [Publisher.Rollback] for a
	// version that the history does not hold.
	ErrNotInHistory = errors.New("the history does not hold that version")
	// ErrInstancesLive is wrapped by the error of [Publisher.Forget] if an instance that is not
	// GONE follows the fleet. Nothing was removed.
	ErrInstancesLive = errors.New("the fleet has live instances")
	// ErrClosed is returned by [Subscriber.Refresh] after Close.
	ErrClosed = errors.New("the subscriber is closed")

	// ErrNoInstances is returned by [Publisher.Wait] if there is no instance to wait for.
	ErrNoInstances = errors.New("the roster has no instance")
	// ErrRejected is wrapped by the error of [Publisher.Wait] if an instance rejected the
	// revision.
	ErrRejected = errors.New("the revision was rejected")
	// ErrWaitIncomplete is wrapped by the error of [Publisher.Wait] if ctx's deadline came first.
	ErrWaitIncomplete = errors.New("not every instance has the revision")
	// ErrRevisionLost is wrapped by the error of [Publisher.Wait] if the key holds an older
	// revision or none, so that the one that was waited for is lost.
	ErrRevisionLost = errors.New("the revision is lost")
)

// MalformedError says that bytes are not a value of the fleet's key. [DecodeRevision] and
// [Publisher.Current] return it, and so does [Publisher.Update] if it cannot read the current
// revision.
//
//	type MalformedError struct {
//		Offset int    // where, in bytes from 0
//		Reason string // why
//	}
//
//	func (*MalformedError) Error() string // reason and offset
type MalformedError = wire.MalformedError

// ConflictError is returned by [Publisher.Publish] and its siblings if the current revision
// is not the expected one. Nothing was written. The fields of the embedded Revision are those of
// the current revision: Version is 0 if there is none, and Set is never nil.
type ConflictError struct {
	// Expected is the version that was asked for, 0 for no revision.
	Expected int64
	Revision
}

// Error names the expected and the current revision.
func (e *ConflictError) Error() string {
	if e.Version == 0 && e.Expected == 0 {
		return "conflict: expected no current revision, but the key holds an unversioned value"
	}
	if e.Version == 0 {
		return fmt.Sprintf("conflict: expected version %d, but there is no current revision", e.Expected)
	}
	msg := fmt.Sprintf("conflict: expected version %d", e.Expected)
	if e.Expected == 0 {
		msg = "conflict: expected no current revision"
	}
	if e.Expected == e.Version {
		msg = fmt.Sprintf("conflict: expected another revision of version %d", e.Expected)
	}
	msg += fmt.Sprintf(", but the current version is %d, published at %s", e.Version, e.PublishedAt.UTC().Format(time.RFC3339))
	if e.PublishedBy != "" {
		msg += fmt.Sprintf(" by %q", e.PublishedBy)
	}
	if e.Reason != "" {
		msg += fmt.Sprintf(" (%q)", e.Reason)
	}
	return msg
}
