package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"
)

// Remains is what Forget finds before it removes the keys.
type Remains struct {
	// Exists says that there is a key. Value is its first bytes, up to the limit.
	Exists bool
	Value  []byte
	// Members are the names in the roster.
	Members []Member
}

// Forget watches the fleet's keys, reads them, and calls check on the goroutine of its caller. If
// check returns no error and nobody has written since, Forget removes the revision, the history,
// the roster and the reports.
//
// Forget returns the error of check as it is. Of its own errors, one that wraps ErrConcurrent
// says that somebody has written, and ErrReplyLost that the outcome is open. After any other
// error, nothing was removed.
func (c Interruptible) Forget(ctx context.Context, limit int, check func(Remains) error) error {
	watched := []string{c.keys.revision, c.keys.history, c.keys.fleet}
	return c.transact(ctx, watched, func(ctx context.Context, t *Tx) error {
		found, err := ask(ctx, t, "read the fleet's keys", func(tx *redis.Tx) (Remains, error) {
			return c.remains(ctx, tx, limit)
		})
		if err != nil {
			return err
		}
		if err := check(found); err != nil {
			return err
		}
		return t.commit(ctx, "nothing was removed", func(tx *redis.Tx) error { return c.remove(ctx, tx, found.Members) })
	})
}

// remove removes the fleet's keys.
func (c *Client) remove(ctx context.Context, tx *redis.Tx, members []Member) error {
	cmds, err := tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Del(ctx, c.keys.revision, c.keys.history, c.keys.fleet)
		for some := range slices.Chunk(members, reportsAtOnce) {
			p.Del(ctx, c.keys.reports(some)...)
		}
		return nil
	})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, redis.TxFailedErr):
		return ErrConcurrent
	case !IsReply(err):
		return fmt.Errorf("%w: %w", ErrReplyLost, err)
	}
	return Classify("nothing was removed", commandError(err, cmds...))
}

// remains reads what the fleet's keys hold.
func (c *Client) remains(ctx context.Context, tx *redis.Tx, limit int) (Remains, error) {
	var exists *redis.IntCmd
	var value *redis.StringCmd
	var members *redis.ZSliceCmd
	noteFailure(tx.Pipelined(ctx, func(p redis.Pipeliner) error {
		exists = p.Exists(ctx, c.keys.revision)
		value = p.GetRange(ctx, c.keys.revision, 0, int64(limit-1))
		members = p.ZRevRangeWithScores(ctx, c.keys.fleet, 0, MaxInstances-1)
		return nil
	}))
	switch {
	case isWrongType(value.Err()):
		return Remains{}, &WrongTypeError{c.keys.revision}
	case isWrongType(members.Err()):
		return Remains{}, &WrongTypeError{c.keys.fleet}
	}
	for _, cmd := range []redis.Cmder{exists, value, members} {
		if err := cmd.Err(); err != nil {
			return Remains{}, Classify("nothing was removed: read the fleet's keys", err)
		}
	}
	found := Remains{Exists: exists.Val() > 0, Members: membersOf(members.Val())}
	found.Value, _ = value.Bytes()
	return found, nil
}
