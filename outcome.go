package fleetdial

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fleetdial/fleetdial/internal/pace"
	"github.com/fleetdial/fleetdial/internal/redisstore"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// settleTime bounds how long a publish whose reply was lost continues after its context
// has ended, to find out the outcome.
const settleTime = 3 * time.Second

// attempts holds the facts about the attempts of a transaction that tell whether Redis
// has executed one of them.
type attempts struct {
	// isOpen is set if Redis may have executed an attempt, or may still execute it.
	isOpen bool
	// oldest is the lowest version of an attempt.
	oldest int64
	// base is the id of the revision that was current at the first attempt, and began is the
	// time of the first attempt by the clock of Redis. hadHistory is set if the history held
	// revisions at that time.
	base       string
	began      time.Time
	hadHistory bool
	// restarted is set if the versions began again with 1 at the first attempt. Older
	// revisions then have higher versions.
	restarted bool
}

// add records an attempt to write a version over the current revision. The facts of an
// earlier attempt stay only if its outcome is open.
func (a *attempts) add(version int64, current *Revision, found *redisstore.Found) {
	if !a.isOpen {
		had := found.Revisions > 0
		*a = attempts{
			oldest: version, base: current.ID, began: found.Now.Truncate(time.Millisecond), hadHistory: had, restarted: had && version == 1,
		}
	}
	a.oldest = min(a.oldest, version)
}

// mayHaveBeenTruncated reports whether the history may have held a revision of an
// attempt, and has lost it since because the history was truncated. last is the oldest
// entry of the history. If the version of last is above the versions of the attempts,
// last was written after them. If the versions began again, the time of last tells the
// same.
func (a *attempts) mayHaveBeenTruncated(last *Revision) bool {
	return !a.restarted && last.Version > a.oldest ||
		last.Version > 0 && a.hadHistory && !last.PublishedAt.Before(a.began)
}

// values reads the values in which a revision may be found: the key and the history.
type values interface {
	Value(ctx context.Context, limit int) ([]byte, error)
	HistoryValue(ctx context.Context, i int) (value []byte, found bool, err error)
}

// find searches for the revision of the transaction in the key and in the history, from
// the newest revision to the revision that was current at the first attempt. find returns
// a Revision without an ID if the revision was not written. If the history holds only
// later revisions, the revision may have been truncated from it, and the error wraps
// ErrOutcomeUnknown.
func (t *transaction) find(ctx context.Context, in values) (Revision, error) {
	value, err := in.Value(ctx, wire.MaxValueBytes+1)
	var last Revision
	for i, found := 0, true; found; i++ {
		if err != nil {
			return Revision{}, err
		}
		if head, err := wire.DecodeHeader(value); err == nil {
			switch head.ID {
			case t.id:
				return t.publisher.decode(value)
			case t.attempts.base:
				return Revision{}, nil
			}
			last = head
		}
		value, found, err = in.HistoryValue(ctx, i)
	}
	if err != nil {
		return Revision{}, err
	}
	if t.attempts.mayHaveBeenTruncated(&last) {
		return Revision{}, fmt.Errorf("%w: the history holds later revisions only", ErrOutcomeUnknown)
	}
	return Revision{}, nil
}

// goesOn reports whether the transaction needs another attempt, after an attempt that
// returned the error.
func (t *transaction) goesOn(err error) bool {
	switch {
	case err == nil, errors.Is(err, redisstore.ErrPublished):
		return false
	case errors.Is(err, redisstore.ErrReplyLost):
		t.attempts.isOpen = true
		return true
	case t.attempts.isOpen:
		return !settles(err)
	case errors.Is(err, redisstore.ErrConcurrent):
		return true
	case redisstore.IsReadOnly(err):
		// Each attempt closes connections to the server that was demoted, so that a later attempt
		// connects to the server that has its name now.
		if t.readOnly == nil {
			t.readOnlySince = time.Now()
		}
		t.readOnly = err
		return time.Since(t.readOnlySince) < readOnlyTime
	}
	return false
}

// settles reports whether the error of a later attempt tells the outcome of an open
// attempt. A conflict and an ErrOutcomeUnknown do. All other errors, also a rejection of
// the same set, only say that the later attempt wrote nothing.
//
// A conflict tells that the open attempt was not executed and never will be. The key met
// the condition when the open attempt read it, and does not meet it now. The watched key
// has therefore changed, so the open EXEC fails when it arrives. The open EXEC has not
// been executed before either, because find has found its revision neither in the key nor
// in the history.
func settles(err error) bool {
	_, isConflict := errors.AsType[*ConflictError](err)
	return isConflict || errors.Is(err, ErrOutcomeUnknown)
}

// cause returns the error to report after err has ended the transaction. If the context
// ended while replicas answered, the cause is their error.
func (t *transaction) cause(err error) error {
	if t.readOnly != nil && errors.Is(err, ErrUnavailable) && !t.attempts.isOpen {
		return t.readOnly
	}
	return err
}

// giveUp returns the result of the transaction after the context has ended. last is the
// error of the last attempt.
func (t *transaction) giveUp(ctx context.Context, last error) (Revision, error) {
	switch {
	case t.attempts.isOpen:
		return t.settle(ctx, last)
	case t.readOnly != nil:
		return Revision{}, t.readOnly
	}
	return Revision{}, redisstore.Classify("nothing was written: others kept publishing", ctx.Err())
}

// settle continues to search for the revision of the transaction after the context has
// ended, for at most settleTime.
func (t *transaction) settle(ctx context.Context, last error) (Revision, error) {
	settle, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	retry := pace.Backoff{Shortest: firstRetry, Longest: longestRetry}
	for {
		rev, err := t.find(settle, t.publisher.client)
		if errors.Is(err, ErrOutcomeUnknown) {
			return Revision{}, err
		}
		if err == nil {
			if rev.ID == t.id {
				return rev, nil
			}
			return Revision{}, fmt.Errorf("%w: %w: the revision is not there, but may still arrive", ErrOutcomeUnknown, last)
		}
		last = err
		if !pace.Sleep(settle, retry.Next(nil)) {
			return Revision{}, fmt.Errorf("%w: %w", ErrOutcomeUnknown, last)
		}
	}
}
