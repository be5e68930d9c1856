package redisstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial/internal/store"
)

// A transaction on a Cluster asks up to maxAttempts times for the node that has the fleet's
// slot. The first attempt may take firstAttempt, each further one twice as long.
const maxAttempts, firstAttempt = 4, time.Second

var errRedirected = errors.New("each node says that another has the fleet's slot")

// Found is what a transaction finds before it writes.
type Found struct {
	// Now is the clock of Redis.
	Now time.Time
	// Exists says that there is a key. Value is its value, up to the limit.
	Exists bool
	Value  []byte
	// Revisions is how many revisions the history holds.
	Revisions int64
	// Subscribers is how many subscribe to the channel on this server, 0 if it does not tell.
	Subscribers int64
}

// Tx is a transaction under way. The key and the history are watched.
type Tx struct {
	reader
	client *Client
	tx     *redis.Tx
}

// Transact watches the fleet's keys, reads them, and calls write, which may read more and
// call Exec. It returns the error of write as it is. Of its own errors, one that wraps
// ErrConcurrent says that another publish came first. After any of them, nothing was written.
//
// On a Cluster it calls write again, after it has read the topology, if the node that had the
// fleet's slot cannot be reached: the client would not ask for another until its next attempt
// but one.
func (c *Client) Transact(ctx context.Context, limit int, write func(context.Context, *Tx, Found) error) error {
	if c.cluster == nil {
		return c.transactOnce(ctx, limit, write)
	}
	for i := 0; ; i++ {
		attempt, cancel := context.WithTimeout(ctx, firstAttempt<<i)
		err := c.transactOnce(attempt, limit, write)
		cancel()
		if !errors.Is(err, store.ErrUnavailable) || i == maxAttempts-1 || ctx.Err() != nil {
			return err
		}
		c.RefreshTopology(ctx)
	}
}

func (c *Client) transactOnce(ctx context.Context, limit int, write func(context.Context, *Tx, Found) error) error {
	called := false
	var err error
	watchErr := c.client.Watch(ctx, func(tx *redis.Tx) error {
		t := &Tx{reader: reader{tx, c.keys}, client: c, tx: tx}
		found, readErr := t.read(ctx, limit)
		if readErr != nil {
			return readErr
		}
		called = true
		err = write(ctx, t, found)
		// It is not returned: a Cluster client would repeat the function after an error of the
		// connection.
		return nil
	}, c.keys.revision, c.keys.history)
	if called {
		return err
	}
	if wrong, ok := errors.AsType[*WrongTypeError](watchErr); ok {
		return wrong
	}
	// A Cluster client that is redirected until it gives up, as while the slot moves, calls
	// nothing and returns nil.
	return Classify("watch the fleet's keys", cmp.Or(watchErr, errRedirected))
}

// read reads what the transaction has to know, in one round trip.
func (t *Tx) read(ctx context.Context, limit int) (Found, error) {
	var now *redis.TimeCmd
	var exists, revisions *redis.IntCmd
	var value *redis.StringCmd
	var subscribers *redis.MapStringIntCmd
	_, _ = t.tx.Pipelined(ctx, func(p redis.Pipeliner) error {
		subscribers = p.PubSubNumSub(ctx, t.keys.channel)
		now = p.Time(ctx)
		exists = p.Exists(ctx, t.keys.revision)
		value = p.GetRange(ctx, t.keys.revision, 0, int64(limit-1))
		revisions = p.LLen(ctx, t.keys.history)
		return nil
	})
	switch {
	case isWrongType(value.Err()):
		return Found{}, &WrongTypeError{t.keys.revision}
	case isWrongType(revisions.Err()):
		return Found{}, &WrongTypeError{t.keys.history}
	}
	for _, cmd := range []redis.Cmder{now, exists, value, revisions} {
		if err := cmd.Err(); err != nil {
			return Found{}, err
		}
	}
	found := Found{Now: now.Val(), Exists: exists.Val() > 0, Revisions: revisions.Val()}
	found.Value, _ = value.Bytes()
	found.Subscribers = subscribers.Val()[t.keys.channel]
	return found, nil
}

// Exec writes the value to the key and the history, which keeps so many revisions, and
// announces it, if nobody has written since Transact read the keys. An error that wraps
// ErrReplyLost says that the outcome is open, and ErrPublished that the value was written but a
// command after it failed. After any other error, nothing was written.
func (t *Tx) Exec(ctx context.Context, value []byte, history int, announcement []byte) error {
	var set *redis.StatusCmd
	cmds, err := t.tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
		set = p.Set(ctx, t.keys.revision, value, 0)
		p.LPush(ctx, t.keys.history, value)
		p.LTrim(ctx, t.keys.history, 0, int64(history-1))
		p.Publish(ctx, t.keys.channel, announcement)
		if t.client.sharded {
			// Subscribers of earlier releases use SSUBSCRIBE on a Cluster.
			p.SPublish(ctx, t.keys.channel, announcement)
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
	case set.Err() == nil:
		return fmt.Errorf("%w: %w", ErrPublished, err)
	}
	return Classify("nothing was written", commandError(err, cmds...))
}
