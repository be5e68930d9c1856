package redisstore

import (
	"errors"
	"fmt"
	"slices"
	"strings"

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

// requestFaults are the code words of the replies that blame the request. Every other code word
// is one with which a server tells of itself or of the login: it does not serve yet, not at all,
// not writes, or not this user. Code words of later versions of Redis count as that, too.
var requestFaults = []string{"WRONGTYPE", "CROSSSLOT", "EXECABORT", "ERR"}

// serverFaults are how the replies with the code word ERR begin that tell of the server or of the
// login. Some servers write ERR before another code word.
var serverFaults = []string{
	"BUSY", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "MOVED", "ASK", "READONLY", "OOM", "MISCONF",
	"NOREPLICAS", "DENIED", "NOAUTH", "WRONGPASS", "NOPERM",
	"max number of clients", "invalid password", "operation not permitted", "AUTH ", "Client sent AUTH",
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
	if errors.Is(err, redis.Nil) || errors.Is(err, redis.TxFailedErr) {
		return false // the client itself tells of these as of replies
	}
	text := replyText(err)
	if rest, ok := strings.CutPrefix(text, "ERR "); ok {
		return slices.ContainsFunc(serverFaults, func(prefix string) bool { return strings.HasPrefix(rest, prefix) })
	}
	code, _, _ := strings.Cut(text, " ")
	return !slices.Contains(requestFaults, code)
}

// replyText returns the reply of Redis. An EXEC that was rejected names its cause after a text.
func replyText(err error) string {
	reply, ok := errors.AsType[redis.Error](err)
	if !ok {
		return ""
	}
	return strings.TrimPrefix(reply.Error(), "EXECABORT Transaction discarded because of: ")
}

// IsReadOnly reports whether the server is a replica, which takes no writes.
func IsReadOnly(err error) bool {
	return strings.HasPrefix(strings.TrimPrefix(replyText(err), "ERR "), "READONLY")
}

// IsDenied reports whether the user may not use the command or the key.
func IsDenied(err error) bool { return redis.HasErrorPrefix(err, "NOPERM") }

// noSentinel is how go-redis begins its error if no Sentinel names the master. The error joins what
// each Sentinel replied.
const noSentinel = "all sentinels specified in configuration are unreachable"

// IsReply reports whether Redis itself replied with the error. What only Sentinels replied is an
// error of the connection: no server has got the command.
func IsReply(err error) bool {
	_, ok := errors.AsType[redis.Error](err)
	return ok && !strings.Contains(err.Error(), noSentinel)
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
