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
	// ErrUnavailable is wrapped by the errors of [Subscribe], of a [Subscriber] and of a
	// [Publisher] if Redis cannot be reached, does not answer in time, is still loading,
	// accepts no writes or denies access.
	ErrUnavailable = store.ErrUnavailable
	// ErrNoRevision is returned by [Publisher.Current] if the fleet's key does not exist.
	// In the state StateMissing of a [Subscriber], Status.Err is ErrNoRevision.
	ErrNoRevision = follow.ErrNoRevision
	// ErrOutcomeUnknown is wrapped by the errors of [Publisher.Publish],
	// [Publisher.Update], [Publisher.Rollback] and [Publisher.Forget] if the reply of
	// Redis was lost, and if it could not be found out in time whether Redis executed the
	// write. Redis may have executed the write, or may still execute it.
	ErrOutcomeUnknown = errors.New("the outcome is not known")
	// ErrUnverified is wrapped by the errors of [Publisher.Update] and
	// [Publisher.Rollback] if no trusted key has signed the revision on which the new
	// revision would be based. Nothing was written.
	ErrUnverified = errors.New("the current revision is not signed by a trusted key")
	// ErrNotInHistory is wrapped by the errors of [Publisher.Find] and [Publisher.Rollback] for a
	// version that the history does not hold.
	ErrNotInHistory = errors.New("the history does not hold that version")
	// ErrInstancesLive is wrapped by the error of [Publisher.Forget] if an instance that
	// is not InstanceGone follows the fleet. Nothing was removed.
	ErrInstancesLive = errors.New("the fleet has live instances")
	// ErrClosed is returned by [Subscriber.Refresh] after Close.
	ErrClosed = errors.New("the subscriber is closed")

	// ErrNoInstances is returned by [Publisher.Wait] if there is no instance to wait for.
	ErrNoInstances = errors.New("the roster has no instance")
	// ErrRejected is wrapped by the error of [Publisher.Wait] if an instance rejected the
	// revision.
	ErrRejected = errors.New("the revision was rejected")
	// ErrWaitIncomplete is wrapped by the error of [Publisher.Wait] if an instance had
	// not applied the revision at ctx's deadline, or if all instances that have not
	// applied the revision are gone.
	ErrWaitIncomplete = errors.New("not every instance has the revision")
	// ErrRevisionLost is wrapped by the error of [Publisher.Wait] if the key does not
	// hold the revision any more, but an older revision, another revision of the same
	// version or none.
	ErrRevisionLost = errors.New("the revision is lost")
)

// MalformedError reports that bytes are not a value of the fleet's key. [DecodeRevision]
// and [Publisher.Current] return a MalformedError. [Publisher.Update] returns a
// MalformedError if the current revision cannot be read.
//
//	type MalformedError struct {
//		Offset int    // the place of the problem, in bytes from 0
//		Reason string // the problem
//	}
//
//	func (*MalformedError) Error() string // reason and offset
type MalformedError = wire.MalformedError

// ConflictError is returned by [Publisher.Publish], [Publisher.Update],
// [Publisher.Rollback] and [Publisher.Forget] if the current revision is not the expected
// revision. Nothing was written. The embedded Revision is the current revision. Its
// Version is 0 if there is none, and its Set is never nil.
type ConflictError struct {
	// Expected is the expected version. It is 0 if no current revision was expected.
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
