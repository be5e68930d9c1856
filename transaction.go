package fleetdial

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fleetdial/fleetdial/internal/clock"
	"github.com/fleetdial/fleetdial/internal/pace"
	"github.com/fleetdial/fleetdial/internal/redisstore"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// settleTime bounds how long a publish whose reply was lost goes on asking after its context
// has ended.
const settleTime = 3 * time.Second

// firstRetry and longestRetry bound the waits between the attempts of a publish.
const firstRetry, longestRetry = 5 * time.Millisecond, 500 * time.Millisecond

// transaction is one publish: it reads the current revision, and writes another if the
// current one is as expected. Repeating it is safe: all attempts have the same id, and
// whichever EXEC comes second fails, because the keys are watched.
type transaction struct {
	publisher *Publisher
	id        string
	change    func(Revision) (*Set, error)
	opts      PublishOptions
	// headerOnly says that change does not read the current set.
	headerOnly bool
	// reported are the versions that the roster reports as applied, if the publisher signs.
	reported []int64
	// isOpen says that an earlier attempt may have been executed, or may still be. oldest is the
	// lowest version that one of them had.
	isOpen bool
	oldest int64
}

// run makes one attempt. Of its errors, one that wraps redisstore.ErrConcurrent says that
// another publish came first, and redisstore.ErrReplyLost that the outcome is open. After any
// other error, nothing was written.
func (t *transaction) run(ctx context.Context) (rev Revision, err error) {
	limit := wire.MaxValueBytes + 1
	if t.headerOnly && t.publisher.keys == nil {
		limit = wire.HeaderBytes
	}
	err = t.publisher.client.Transact(ctx, limit,
		func(ctx context.Context, tx *redisstore.Tx, found redisstore.Found) error {
			rev, err = t.write(ctx, tx, &found)
			return err
		})
	if err != nil && !errors.Is(err, redisstore.ErrPublished) {
		rev = Revision{}
	}
	return rev, err
}

// write publishes if the current revision is as expected.
func (t *transaction) write(ctx context.Context, tx *redisstore.Tx, found *redisstore.Found) (Revision, error) {
	if err := clock.Check(found.Now); err != nil {
		return Revision{}, err
	}
	if t.isOpen {
		rev, err := t.find(ctx, tx)
		if err != nil || rev.ID == t.id {
			return rev, err
		}
	}
	rev, err := t.next(ctx, tx, found)
	if err != nil {
		return Revision{}, err
	}
	value, err := t.publisher.encode(&rev)
	if err != nil || t.opts.DryRun {
		return rev, err
	}
	if err := ctx.Err(); err != nil {
		return Revision{}, redisstore.Classify("nothing was written", err)
	}
	if t.oldest == 0 || rev.Version < t.oldest {
		t.oldest = rev.Version
	}
	a := wire.Announcement{
		Version: rev.Version, ID: rev.ID, SpreadMillis: wire.SpreadMillis(len(value), found.Subscribers),
	}
	return rev, tx.Exec(ctx, value, t.publisher.cfg.History, a.Encode())
}

// next returns the revision to write over the current one.
func (t *transaction) next(ctx context.Context, tx *redisstore.Tx, found *redisstore.Found) (Revision, error) {
	current, err := t.current(found)
	if err != nil {
		return Revision{}, err
	}
	if want := max(t.opts.IfVersion, 0); t.opts.IfVersion != 0 && (want != current.Version || want == 0 && found.Exists) {
		return Revision{}, t.conflict(ctx, tx, want)
	}
	if !t.headerOnly && len(found.Value) > 0 {
		if err := t.publisher.checkSigned(current); err != nil {
			return Revision{}, err
		}
	}
	last := current.Version
	if last == 0 && found.Revisions > 0 {
		// The key is missing or unreadable. The history tells the last version. Without a readable
		// header, versions begin again.
		value, _, err := tx.HistoryValue(ctx, 0)
		if err != nil {
			return Revision{}, err
		}
		head, _ := wire.DecodeHeader(value)
		last = head.Version
	}
	version := last + 1
	if t.publisher.cfg.SignKey != nil {
		signed, err := t.lastSigned(ctx, tx, current, found.Revisions)
		if err != nil {
			return Revision{}, err
		}
		version = above(signed, append(t.reported, last))
	}
	current.Version = last
	set, err := t.change(current)
	if err != nil {
		return Revision{}, err
	}
	return Revision{
		Version: version, ID: t.id, PublishedAt: time.UnixMilli(found.Now.UnixMilli()),
		PublishedBy: t.publisher.cfg.PublishedBy, Reason: t.opts.Reason, Set: set,
	}, nil
}

// current returns the current revision, as far as change reads it.
func (t *transaction) current(found *redisstore.Found) (rev Revision, err error) {
	if t.headerOnly && t.publisher.keys == nil && len(found.Value) > 0 {
		rev, err = wire.DecodeHeader(found.Value)
	} else {
		rev, err = t.publisher.decode(found.Value)
	}
	if err != nil && t.headerOnly {
		// A whole set replaces whatever the key holds.
		rev, _ = wire.DecodeHeader(found.Value)
		return rev, nil
	}
	return rev, err
}

// conflict returns the error that names the current revision.
func (t *transaction) conflict(ctx context.Context, tx *redisstore.Tx, expected int64) error {
	value, err := tx.Value(ctx, wire.MaxValueBytes+1)
	if err != nil {
		return fmt.Errorf("conflict, but the current revision cannot be read: %w", err)
	}
	rev, err := t.publisher.decode(value)
	if err != nil {
		rev, _ = wire.DecodeHeader(value)
	}
	return &ConflictError{
		Expected: expected, Version: rev.Version, ID: rev.ID, PublishedAt: rev.PublishedAt,
		PublishedBy: rev.PublishedBy, Reason: rev.Reason,
	}
}

// values is where a revision may be found: the key and the history.
type values interface {
	Value(ctx context.Context, limit int) ([]byte, error)
	HistoryValue(ctx context.Context, i int) (value []byte, found bool, err error)
}

// find looks for the transaction's revision in the key and in the history. A revision with
// another id, or none, says that it is not there. If the history holds later revisions only,
// it may have been there: the error wraps ErrOutcomeUnknown then.
func (t *transaction) find(ctx context.Context, in values) (Revision, error) {
	value, err := in.Value(ctx, wire.MaxValueBytes+1)
	last := int64(0)
	for i, found := 0, true; found; i++ {
		if err != nil {
			return Revision{}, err
		}
		if head, err := wire.DecodeHeader(value); err == nil {
			if head.ID == t.id {
				return t.publisher.decode(value)
			}
			last = head.Version
		}
		value, found, err = in.HistoryValue(ctx, i)
	}
	if err != nil {
		return Revision{}, err
	}
	if last > t.oldest {
		return Revision{}, fmt.Errorf("%w: at least %d revisions were published since, and the history holds no more",
			ErrOutcomeUnknown, last-t.oldest)
	}
	return Revision{}, nil
}

// giveUp returns what is known once the context has ended.
func (t *transaction) giveUp(ctx context.Context, last error) (Revision, error) {
	if !t.isOpen {
		return Revision{}, redisstore.Classify("nothing was written: others kept publishing", ctx.Err())
	}
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
