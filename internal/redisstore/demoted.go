package redisstore

import (
	"context"
	"sync"

	"github.com/redis/go-redis/v9"
)

// A master that was demoted answers writes with READONLY. If another server took over its name,
// a new connection leads there, but the pool keeps the connections to the old server for as long
// as that server lives: the client drops a connection at READONLY, but not at EXECABORT, which
// is how a transaction fails.

// quit has the server close the connection. The second command then fails with an error of the
// connection, for which the client removes the connection from its pool.
func quit(ctx context.Context, tx *redis.Tx) error {
	_, err := tx.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Do(ctx, "quit")
		p.Do(ctx, "ping")
		return nil
	})
	return err
}

// dropConnections closes the transaction's connection, and those that are idle in the pool.
func (t *Tx) dropConnections(ctx context.Context) {
	_, _ = ask(ctx, t, "close the connection", func(tx *redis.Tx) (struct{}, error) {
		return struct{}{}, quit(ctx, tx)
	})
	_, _ = interruptibly(ctx, "close idle connections", func() (struct{}, error) {
		t.client.dropIdle(ctx)
		return struct{}{}, nil
	})
}

// dropIdle closes the connections that are idle in the pool. On a Cluster, they lead to all of
// its nodes and stay: a new topology leads elsewhere.
func (c *Client) dropIdle(ctx context.Context) {
	if c.cluster != nil {
		return
	}
	// At once, because the client tries each several times, and waits in between.
	var wg sync.WaitGroup
	for range c.client.PoolStats().IdleConns {
		wg.Go(func() {
			_ = c.client.Watch(ctx, func(tx *redis.Tx) error { return quit(ctx, tx) })
		})
	}
	wg.Wait()
}
