package redisstore

import (
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

var (
	// ErrUnavailable is wrapped by every error of a publisher or a subscriber that comes from Redis being out of reach,
	// not answering in time, not ready to serve or denying access.
	ErrUnavailable = errors.New("redis is unavailable")
	// ErrOutcomeUnknown is wrapped by the error of a publish whose reply was lost, where asking Redis did not show in
	// time what became of it: the revision may be published or not, or even become so later.
	ErrOutcomeUnknown = errors.New("the outcome is not known")
	// ErrNoRevision is returned by Publisher.Current where the fleet's key does not exist.
	ErrNoRevision = errors.New("nothing is published")
	// ErrUnverified is wrapped by the errors of a Publisher with keys that would have to build on a set which none of them
	// signed.
	ErrUnverified = errors.New("what is there is not signed by a key that is believed")
	// ErrClosed is returned by the methods of a Subscriber that has been closed.
	ErrClosed = errors.New("the subscriber is closed")
)

// ConflictError is returned by Publisher.Publish and Update when the fleet's revision is not the expected one. Nothing
// was written.
type ConflictError struct {
	// Expected is the version that was asked for, 0 if there was to be none.
	Expected int64
	// The revision that is there; Version is 0 if there is none.
	Version     int64
	ID          string
	PublishedAt time.Time
	PublishedBy string
	Reason      string
}

// Error tells what was expected and what is there.
func (e *ConflictError) Error() string {
	if e.Version == 0 && e.Expected == 0 {
		return "conflict: expected that there is no key, but it holds something that has no version"
	}
	if e.Version == 0 {
		return fmt.Sprintf("conflict: expected version %d, but nothing is published", e.Expected)
	}
	msg := fmt.Sprintf("conflict: expected version %d", e.Expected)
	if e.Expected == 0 {
		msg = "conflict: expected that nothing is published"
	}
	msg += fmt.Sprintf(", but version %d is, since %s", e.Version, e.PublishedAt.UTC().Format(time.RFC3339))
	if e.PublishedBy != "" {
		msg += fmt.Sprintf(", by %q", e.PublishedBy)
	}
	if e.Reason != "" {
		msg += fmt.Sprintf(" (%q)", e.Reason)
	}
	return msg
}

// unavailable are the replies with which a server that is there says that it will not serve: not yet, not at all, or
// not to this user.
var unavailable = []string{
	"LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "MOVED", "ASK", "NOAUTH", "WRONGPASS", "NOPERM",
	"max number of clients reached", "invalid password",
}

// classify wraps an error of the client with what was tried, and with ErrUnavailable where that is what it means.
func classify(tried string, err error) error {
	if err == nil {
		return nil
	}
	if isUnavailable(err) {
		return fmt.Errorf("%s: %w: %w", tried, ErrUnavailable, err)
	}
	return fmt.Errorf("%s: %w", tried, err)
}

// isUnavailable takes every error of the client that is not a reply for one of the connection.
func isUnavailable(err error) bool {
	if !isReply(err) {
		return true
	}
	for _, prefix := range unavailable {
		if redis.HasErrorPrefix(err, prefix) {
			return true
		}
	}
	return false
}

// isReply reports whether err is an error that Redis itself replied with.
func isReply(err error) bool {
	_, ok := errors.AsType[redis.Error](err)
	return ok
}
