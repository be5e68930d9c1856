package redisstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial/internal/wire"
)

// find looks for the transaction's revision in the key and in the history. A revision with another id, or none, says
// that it is not there.
func (t *transaction) find(ctx context.Context, c redis.Cmdable) (wire.Revision, error) {
	k := t.publisher.remote.keys
	value, err := c.GetRange(ctx, k.revision, 0, wire.MaxValueBytes).Bytes()
	for i := int64(0); ; i++ {
		if errors.Is(err, redis.Nil) {
			return wire.Revision{}, nil
		}
		if err != nil {
			return wire.Revision{}, classify("look for the revision", err)
		}
		if head, err := wire.Peek(value); err == nil && head.ID == t.id {
			return t.publisher.decode(value)
		}
		value, err = c.LIndex(ctx, k.history, i).Bytes()
	}
}

// giveUp returns what is known once the context has ended.
func (t *transaction) giveUp(ctx context.Context, last error) (wire.Revision, error) {
	if !t.unsettled {
		return wire.Revision{}, classify("nothing was written: others kept publishing", ctx.Err())
	}
	settle, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	pause := newBackoff(firstRetry, longestRetry)
	for {
		rev, err := t.find(settle, t.publisher.remote.client)
		if err == nil {
			if rev.ID == t.id {
				return rev, nil
			}
			return wire.Revision{}, fmt.Errorf(
				"%w: %w: the revision is not there, but may still arrive", ErrOutcomeUnknown, last)
		}
		last = err
		if pause.wait(settle) != nil {
			return wire.Revision{}, fmt.Errorf("%w: %w", ErrOutcomeUnknown, last)
		}
	}
}
