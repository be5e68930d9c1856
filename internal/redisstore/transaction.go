package redisstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial/internal/store"
)

// A transaction on a Cluster asks up to maxAttempts times for the node that has the fleet's
// slot.
const maxAttempts = 6

// attemptLimit returns how long an attempt on a Cluster may take. An attempt that began before the
// owner of a slot was replaced times out, so that the first attempts are short. The others are
// long enough for a slow owner.
func attemptLimit(attempt int) time.Duration { return time.Second << max(0, attempt-2) }

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

// Tx is a transaction under way. The key and the history are watched. Its requests are made on
// the goroutine that has its connection.
type Tx struct {
	client   *Client
	keys     keys
	requests chan func(*redis.Tx)
	over     chan struct{} // closed when no more requests come
	// armed says that keys may be watched for which only release sends UNWATCH: the client knows
	// nothing of a WATCH in a pipeline. Only the goroutine that has the connection uses armed.
	armed bool
	// exec decides between EXEC and a caller that no longer waits: an abandoned transaction must
	// never begin EXEC, because its caller has been told that nothing was written.
	exec atomic.Int32
}

// The states of Tx.exec.
const (
	execAhead int32 = iota
	execBegan
	execAbandoned
)

// Transact watches the fleet's keys and reads them, in one round trip, and calls write, which may
// read more and call Exec, which takes the second round trip. Transact returns the error of write
// as it is. Of its own errors, one that wraps ErrConcurrent says that another publish came first.
// After any of them, nothing was written.
//
// On a Cluster it calls write again, after it has read the topology, if the node that had the
// fleet's slot cannot be reached: the client would not ask for another until its next attempt
// but one. After ErrReplyLost it does not, because only the caller can find out whether EXEC was
// executed.
//
// Transact calls write on the goroutine of its caller.
func (c Interruptible) Transact(ctx context.Context, limit int, write func(context.Context, *Tx, Found) error) error {
	return transact(ctx, c, opening[Found]{[]string{c.keys.revision, c.keys.history}, c.found(limit)}, write)
}

// transact begins a transaction, and calls run, as [Interruptible.Transact] calls write.
func transact[T any](
	ctx context.Context, c Interruptible, begin opening[T], run func(context.Context, *Tx, T) error,
) error {
	if c.cluster == nil {
		return transactOnce(ctx, c.Client, begin, run)
	}
	for i := 0; ; i++ {
		attempt, cancel := context.WithTimeout(ctx, attemptLimit(i))
		err := transactOnce(attempt, c.Client, begin, run)
		cancel()
		if !errors.Is(err, store.ErrUnavailable) || i == maxAttempts-1 || ctx.Err() != nil {
			return err
		}
		c.RefreshTopology(ctx)
		if errors.Is(err, ErrReplyLost) {
			return err
		}
	}
}

func transactOnce[T any](
	ctx context.Context, c *Client, begin opening[T], run func(context.Context, *Tx, T) error,
) error {
	const tried = "watch the fleet's keys"
	t := &Tx{client: c, keys: c.keys, requests: make(chan func(*redis.Tx)), over: make(chan struct{})}
	began, ended := make(chan answer[T], 2), make(chan answer[struct{}], 1)
	go func() {
		err := begin.run(ctx, t, func(tx *redis.Tx, found answer[T]) {
			began <- found
			t.own(tx)
		})
		// A Cluster client that is redirected until it gives up, as while the slot moves, calls
		// nothing and returns nil.
		err = Classify(tried, cmp.Or(err, errRedirected))
		began <- answer[T]{err: err} // nobody reads it if the transaction began
		ended <- answer[struct{}]{}
	}()
	defer func() {
		close(t.over)
		// The connection is back in the pool then.
		_, _ = await(ctx, tried, ended)
	}()
	found, err := await(ctx, tried, began)
	if err != nil {
		return err
	}
	return run(ctx, t, found)
}

// found asks what the transaction has to know.
func (c *Client) found(limit int) query[Found] {
	return func(ctx context.Context, p redis.Pipeliner) func() (Found, error) {
		subscribers := p.PubSubNumSub(ctx, c.keys.channel)
		now := p.Time(ctx)
		exists := p.Exists(ctx, c.keys.revision)
		value := p.GetRange(ctx, c.keys.revision, 0, int64(limit-1))
		revisions := p.LLen(ctx, c.keys.history)
		return func() (Found, error) {
			switch {
			case isWrongType(value.Err()):
				return Found{}, &WrongTypeError{c.keys.revision}
			case isWrongType(revisions.Err()):
				return Found{}, &WrongTypeError{c.keys.history}
			}
			if err := firstError(now, exists, value, revisions); err != nil {
				return Found{}, Classify("read the fleet's keys", err)
			}
			found := Found{Now: now.Val(), Exists: exists.Val() > 0, Revisions: revisions.Val()}
			found.Value, _ = value.Bytes()
			found.Subscribers = subscribers.Val()[c.keys.channel]
			return found, nil
		}
	}
}

// firstError returns the error of the first command that failed.
func firstError(cmds ...redis.Cmder) error {
	for _, cmd := range cmds {
		if err := cmd.Err(); err != nil {
			return err
		}
	}
	return nil
}

// Exec writes the value to the key and the history, which keeps so many revisions, and
// announces it, if nobody has written since Transact read the keys. An error that wraps
// ErrReplyLost says that the outcome is open, and ErrPublished that the value was written but a
// command after it failed. After any other error, nothing was written.
func (t *Tx) Exec(ctx context.Context, value []byte, history int, announcement []byte) error {
	return t.commit(ctx, "nothing was written", func(tx *redis.Tx) error {
		return t.send(ctx, tx, value, history, announcement)
	})
}

// commit calls send, which sends EXEC, unless the context ends before. It can be called once. If
// the context ends while send is under way, the error wraps ErrReplyLost.
func (t *Tx) commit(ctx context.Context, abandoned string, send func(*redis.Tx) error) error {
	result, err := ask(ctx, t, abandoned, func(tx *redis.Tx) (error, error) {
		if !t.exec.CompareAndSwap(execAhead, execBegan) {
			return nil, nil // nobody waits for it
		}
		return send(tx), nil
	})
	switch {
	case err == nil:
	case t.exec.CompareAndSwap(execAhead, execAbandoned):
		return err
	default:
		return fmt.Errorf("%w: %w", ErrReplyLost, err)
	}
	if IsReadOnly(result) {
		t.dropConnections(ctx)
	}
	return result
}

func (t *Tx) send(ctx context.Context, tx *redis.Tx, value []byte, history int, announcement []byte) error {
	return t.multi(ctx, tx, "nothing was written", func(p redis.Pipeliner) redis.Cmder {
		set := p.Set(ctx, t.keys.revision, value, 0)
		p.LPush(ctx, t.keys.history, value)
		p.LTrim(ctx, t.keys.history, 0, int64(history-1))
		p.Publish(ctx, t.keys.channel, announcement)
		if t.client.sharded {
			// Subscribers of earlier releases use SSUBSCRIBE on a Cluster.
			p.SPublish(ctx, t.keys.channel, announcement)
		}
		return set
	})
}

// multi sends the commands that queue adds, between MULTI and EXEC, in one round trip. queue
// returns the command that publishes, nil if none does. The errors of multi are those of
// [Tx.Exec]. failed says what an error means after which nothing was written.
func (t *Tx) multi(
	ctx context.Context, tx *redis.Tx, failed string, queue func(redis.Pipeliner) (published redis.Cmder),
) error {
	var published redis.Cmder
	cmds, err := tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
		published = queue(p)
		return nil
	})
	if err == nil || errors.Is(err, redis.TxFailedErr) || redis.IsExecAbortError(err) {
		t.armed = false // after EXEC, no key is watched, also if EXEC failed
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, redis.TxFailedErr):
		return ErrConcurrent
	case !IsReply(err):
		return fmt.Errorf("%w: %w", ErrReplyLost, err)
	case wasMultiRejected(cmds, err):
		_ = quit(ctx, tx)
		return fmt.Errorf("%w: the server rejected MULTI or EXEC: %w", ErrReplyLost, err)
	case published != nil && published.Err() == nil:
		return fmt.Errorf("%w: %w", ErrPublished, err)
	}
	return Classify(failed, commandError(err, cmds...))
}

// wasMultiRejected reports whether the server rejected MULTI or EXEC itself, as for a user who may
// not call it: the client then gives that reply to all commands. After a rejected MULTI, the
// server executes the others one by one, and their replies have not been read.
func wasMultiRejected(cmds []redis.Cmder, err error) bool {
	if redis.IsExecAbortError(err) {
		return false
	}
	return !slices.ContainsFunc(cmds, func(cmd redis.Cmder) bool { return cmd.Err() == nil || cmd.Err().Error() != err.Error() })
}
