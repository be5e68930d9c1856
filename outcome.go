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

// settleTime bounds how long a publish whose reply was lost goes on asking after its context
// has ended.
const settleTime = 3 * time.Second

// attempts is what a transaction remembers of its attempts, to tell whether one of them was
// executed.
type attempts struct {
	// isOpen says that an attempt may have been executed, or may still be.
	isOpen bool
	// oldest is the lowest version that one of them had.
	oldest int64
	// base is the id of the revision that was current at the first attempt, and began is the time
	// by the clock of Redis then. hadHistory says that the history held revisions then.
	base       string
	began      time.Time
	hadHistory bool
	// restarted says that the versions began again with the first attempt, so that older
	// revisions have higher versions.
	restarted bool
}

// add remembers an attempt to write a version over the current revision. An earlier attempt
// counts only if its outcome is open.
func (a *attempts) add(version int64, current *Revision, found *redisstore.Found) {
	if !a.isOpen {
		had := found.Revisions > 0
		*a = attempts{
			oldest: version, base: current.ID, began: found.Now.Truncate(time.Millisecond), hadHistory: had, restarted: had && version == 1,
		}
	}
	a.oldest = min(a.oldest, version)
}

// mayHaveBeenTruncated reports whether the history may have held a revision of one of the
// attempts, if last is its oldest entry now. An entry with a later version came later. If the
// versions began again, the times tell.
func (a *attempts) mayHaveBeenTruncated(last *Revision) bool {
	return !a.restarted && last.Version > a.oldest ||
		last.Version > 0 && a.hadHistory && !last.PublishedAt.Before(a.began)
}

// values is where a revision may be found: the key and the history.
type values interface {
	Value(ctx context.Context, limit int) ([]byte, error)
	HistoryValue(ctx context.Context, i int) (value []byte, found bool, err error)
}

// find looks for the transaction's revision in the key and in the history, from the newest
// revision to the one that was current at the first attempt. A revision with another id, or none,
// says that it is not there. If the history holds later revisions only, it may have been there:
// the error wraps ErrOutcomeUnknown then.
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

// goesOn reports whether the transaction needs another attempt after one that returned the error.
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
		// Each attempt closes connections to a server that was demoted, and the next one asks the
		// server that has its name now.
		if t.readOnly == nil {
			t.readOnlySince = time.Now()
		}
		t.readOnly = err
		return time.Since(t.readOnlySince) < readOnlyTime
	}
	return false
}

// settles reports whether the error of a further attempt tells what became of an open one. All
// other errors, also a rejection of the same set, only say that this attempt wrote nothing.
//
// A conflict settles the outcome: the key met the condition when the open attempt read it, and
// does not any more, so that the watched key has changed, and EXEC can only fail from now on. It
// was not executed before either, because find has found the revision neither in the key nor in
// the history.
func settles(err error) bool {
	_, isConflict := errors.AsType[*ConflictError](err)
	return isConflict || errors.Is(err, ErrOutcomeUnknown)
}

// cause returns the error to report if err ends the transaction. If the context ended while
// replicas answered, they are the cause.
func (t *transaction) cause(err error) error {
	if t.readOnly != nil && errors.Is(err, ErrUnavailable) && !t.attempts.isOpen {
		return t.readOnly
	}
	return err
}

// giveUp returns what is known once the context has ended. last is the error of the last attempt.
func (t *transaction) giveUp(ctx context.Context, last error) (Revision, error) {
	switch {
	case t.attempts.isOpen:
		return t.settle(ctx, last)
	case t.readOnly != nil:
		return Revision{}, t.readOnly
	}
	return Revision{}, redisstore.Classify("nothing was written: others kept publishing", ctx.Err())
}

// settle goes on asking for the transaction's revision after the context has ended.
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
