package redisstore

import (
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial/internal/store"
)

var (
	// ErrConcurrent is wrapped by the error of Transact if another publish came first. Nothing
	// was written.
	ErrConcurrent = errors.New("another publish came first")
	// ErrReplyLost is wrapped by the error of Tx.Exec if EXEC may have been executed or not, or
	// may still be.
	ErrReplyLost = errors.New("the reply was lost")
	// ErrPublished is wrapped by the error of Tx.Exec if the value was written, but a command
	// after it failed.
	ErrPublished = errors.New("the revision is published, but a command after it failed")
)

// WrongTypeError says that a key holds a value of another type than fleetdial's.
type WrongTypeError struct{ Key string }

// Error names the key.
func (e *WrongTypeError) Error() string {
	return fmt.Sprintf("the key %q is of another type: it is not fleetdial's", e.Key)
}

// unavailable are the replies with which a server says that it does not serve: not yet, not
// at all, or not this user.
var unavailable = []string{
	"BUSY", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "MOVED", "ASK", "NOAUTH", "WRONGPASS", "NOPERM",
	"max number of clients reached", "invalid password",
}

// Classify wraps an error of the client with what was tried, and with store.ErrUnavailable if
// the error means that.
func Classify(tried string, err error) error {
	if err == nil {
		return nil
	}
	if isUnavailable(err) {
		return fmt.Errorf("%s: %w: %w", tried, store.ErrUnavailable, err)
	}
	return fmt.Errorf("%s: %w", tried, err)
}

// isUnavailable takes every error of the client that is not a reply for one of the connection.
func isUnavailable(err error) bool {
	if !IsReply(err) {
		return true
	}
	for _, prefix := range unavailable {
		if redis.HasErrorPrefix(err, prefix) {
			return true
		}
	}
	return false
}

// IsReply reports whether Redis itself replied with the error.
func IsReply(err error) bool {
	_, ok := errors.AsType[redis.Error](err)
	return ok
}

func isWrongType(err error) bool { return redis.HasErrorPrefix(err, "WRONGTYPE") }

// commandError returns the error that made a transaction fail: EXECABORT only says that one
// of its commands did.
func commandError(err error, cmds ...redis.Cmder) error {
	if !redis.IsExecAbortError(err) {
		return err
	}
	for _, cmd := range cmds {
		if cause := cmd.Err(); cause != nil && !redis.IsExecAbortError(cause) {
			return cause
		}
	}
	return err
}
