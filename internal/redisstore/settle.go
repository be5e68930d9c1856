package redisstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial/internal/wire"
)

// find looks for the transaction's revision in the key and in the history. A revision with another id, or none, says
// that it is not there. Where the history goes back only to what was published later, it may have been there: the error is
// ErrOutcomeUnknown.
func (t *transaction) find(ctx context.Context, c redis.Cmdable) (wire.Revision, error) {
	k := t.publisher.remote.keys
	value, err := c.GetRange(ctx, k.revision, 0, wire.MaxValueBytes).Bytes()
	last := int64(0)
	for i := int64(0); ; i++ {
		if errors.Is(err, redis.Nil) {
			break
		}
		if err != nil {
			return wire.Revision{}, classify("look for the revision", err)
		}
		if head, err := wire.Peek(value); err == nil {
			if head.ID == t.id {
				return t.publisher.decode(value)
			}
			last = head.Version
		}
		value, err = c.LIndex(ctx, k.history, i).Bytes()
	}
	if last > t.oldest {
		return wire.Revision{}, fmt.Errorf("%w: since then, %d others were published at least, and the history holds no more",
			ErrOutcomeUnknown, last-t.oldest)
	}
	return wire.Revision{}, nil
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
		if errors.Is(err, ErrOutcomeUnknown) {
			return wire.Revision{}, err
		}
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
