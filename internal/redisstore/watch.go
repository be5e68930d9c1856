package redisstore

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// query adds commands that read to a pipeline, and returns a function that returns what their
// replies say.
type query[T any] func(ctx context.Context, p redis.Pipeliner) (replies func() (T, error))

// opening is how a transaction begins: it watches the keys and then makes the query.
type opening[T any] struct {
	keys  []string
	query query[T]
}

// watcher is a client that gives a function a connection. Without keys, it sends no command of
// its own.
type watcher interface {
	Watch(ctx context.Context, fn func(*redis.Tx) error, keys ...string) error
}

// watcher returns the client of the node that has the fleet's keys. It returns nil if only the
// client itself can find that node.
func (c *Client) watcher(ctx context.Context) watcher {
	switch {
	case c.cluster != nil:
		if node, err := c.cluster.MasterForKey(ctx, c.keys.revision); err == nil {
			return node
		}
	case isSingle(c.client):
		return c.client
	}
	return nil
}

// run calls own with a connection on which the keys are watched, and with the answer to the
// query. If the keys could not be watched, run does not call own.
//
// If the client of the node is known, WATCH and the query take one round trip. Otherwise, the
// client's own Watch takes a round trip for WATCH alone. On a Cluster, run also calls the client's
// own Watch after WATCH has failed, because the client's Watch follows redirects and tries again.
func (o opening[T]) run(ctx context.Context, t *Tx, own func(*redis.Tx, answer[T])) error {
	if node := t.client.watcher(ctx); node != nil {
		watched, err := o.atOnce(ctx, t, node, own)
		if watched || t.client.cluster == nil || ctx.Err() != nil {
			return err
		}
	}
	return t.client.client.Watch(ctx, func(tx *redis.Tx) error {
		var replies func() (T, error)
		noteFailure(tx.Pipelined(ctx, func(p redis.Pipeliner) error {
			replies = o.query(ctx, p)
			return nil
		}))
		value, err := replies()
		own(tx, answer[T]{value, err})
		// No error is returned: a Cluster client would repeat the function after an error of
		// the connection.
		return nil
	}, o.keys...)
}

// atOnce sends WATCH and the query in one round trip, and calls own if the keys are watched.
func (o opening[T]) atOnce(
	ctx context.Context, t *Tx, node watcher, own func(*redis.Tx, answer[T]),
) (watched bool, err error) {
	err = node.Watch(ctx, func(tx *redis.Tx) error {
		watch := newWatch(ctx, o.keys)
		var replies func() (T, error)
		cmds, err := tx.Pipelined(ctx, func(p redis.Pipeliner) error {
			_ = p.Process(ctx, watch)
			replies = o.query(ctx, p)
			return nil
		})
		t.armed = watch.Val() == "OK"
		defer t.release(ctx, tx)
		noteFailure(cmds, err)
		if err := watch.Err(); err != nil {
			return err
		}
		watched = true
		value, err := replies()
		own(tx, answer[T]{value, err})
		return nil
	})
	return watched, err
}

// newWatch returns the command that watches the keys. A pipeline has no method for it.
func newWatch(ctx context.Context, keys []string) *redis.StatusCmd {
	args := []any{"watch"}
	for _, key := range keys {
		args = append(args, key)
	}
	return redis.NewStatusCmd(ctx, args...)
}

// release sends UNWATCH if keys may still be watched, because the connection returns to the pool:
// without UNWATCH, the next transaction on the connection could fail without a cause. If UNWATCH
// fails, as where a user may not call it or a hook of the client withholds it, release has the
// server close the connection.
func (t *Tx) release(ctx context.Context, tx *redis.Tx) {
	if t.armed && tx.Unwatch(ctx).Err() != nil {
		_ = quit(ctx, tx)
	}
}
