package redisstore

import (
	"context"
	"slices"

	"github.com/redis/go-redis/v9"
)

// Remains is what Forget finds before it removes the keys.
type Remains struct {
	// Exists says that there is a key. Value is its first bytes, up to the limit.
	Exists bool
	Value  []byte
	// HasHistory says that there is a history.
	HasHistory bool
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
	begin := opening[Remains]{watched, c.remains(limit)}
	return transact(ctx, c, begin, func(ctx context.Context, t *Tx, found Remains) error {
		if err := check(found); err != nil {
			return err
		}
		return t.commit(ctx, "nothing was removed", func(tx *redis.Tx) error { return t.remove(ctx, tx, found.Members) })
	})
}

// remove removes the fleet's keys.
func (t *Tx) remove(ctx context.Context, tx *redis.Tx, members []Member) error {
	return t.multi(ctx, tx, "nothing was removed", func(p redis.Pipeliner) redis.Cmder {
		p.Del(ctx, t.keys.revision, t.keys.history, t.keys.fleet)
		for some := range slices.Chunk(members, reportsAtOnce) {
			p.Del(ctx, t.keys.reports(some)...)
		}
		return nil
	})
}

// remains asks what the fleet's keys hold.
func (c *Client) remains(limit int) query[Remains] {
	return func(ctx context.Context, p redis.Pipeliner) func() (Remains, error) {
		exists := p.Exists(ctx, c.keys.revision)
		history := p.Exists(ctx, c.keys.history)
		value := p.GetRange(ctx, c.keys.revision, 0, int64(limit-1))
		members := p.ZRevRangeWithScores(ctx, c.keys.fleet, 0, MaxInstances-1)
		return func() (Remains, error) {
			switch {
			case isWrongType(value.Err()):
				return Remains{}, &WrongTypeError{c.keys.revision}
			case isWrongType(members.Err()):
				return Remains{}, &WrongTypeError{c.keys.fleet}
			}
			if err := firstError(exists, history, value, members); err != nil {
				return Remains{}, Classify("nothing was removed: read the fleet's keys", err)
			}
			found := Remains{Exists: exists.Val() > 0, HasHistory: history.Val() > 0, Members: membersOf(members.Val())}
			found.Value, _ = value.Bytes()
			return found, nil
		}
	}
}
