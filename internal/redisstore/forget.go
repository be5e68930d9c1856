package redisstore

import (
	"cmp"
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

// Forget watches the fleet's keys, reads them, and calls check. If check returns no error and
// nobody has written since, Forget removes the revision, the history, the roster and the reports.
//
// Forget returns the error of check as it is. Of its own errors, one that wraps ErrConcurrent
// says that somebody has written, and ErrReplyLost that the outcome is open. After any other
// error, nothing was removed.
func (c *Client) Forget(ctx context.Context, limit int, check func(Remains) error) error {
	called := false
	var err error
	watchErr := c.client.Watch(ctx, func(tx *redis.Tx) error {
		called = true
		err = c.forget(ctx, tx, limit, check)
		// The error is not returned, because a Cluster client would repeat the function after an
		// error of the connection.
		return nil
	}, c.keys.revision, c.keys.history, c.keys.fleet)
	if called {
		return err
	}
	return Classify("watch the fleet's keys", cmp.Or(watchErr, errRedirected))
}

func (c *Client) forget(ctx context.Context, tx *redis.Tx, limit int, check func(Remains) error) error {
	found, err := c.remains(ctx, tx, limit)
	if err != nil {
		return err
	}
	if err := check(found); err != nil {
		return err
	}
	cmds, err := tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Del(ctx, c.keys.revision, c.keys.history, c.keys.fleet)
		for members := range slices.Chunk(found.Members, reportsAtOnce) {
			p.Del(ctx, c.keys.reports(members)...)
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
