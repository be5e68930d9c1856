package redisstore

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Subscribe subscribes to the fleet's channel on a new connection of its own, and calls reply for
// each reply of the server, in order and on the goroutine of the caller: a
// *redis.Subscription, a *redis.Message, a *redis.Pong or an error with which the server
// answered. Once the subscription stands, Subscribe pings the server after each interval, so
// that silence shows.
//
// The subscription is a plain one on every topology, also on Cluster, whose nodes pass each
// PUBLISH on to all others. So a subscriber hears every publisher, and redis-cli, whatever type
// of client either has.
//
// Subscribe returns when ctx ends or the connection is lost. go-redis would repair it in
// silence, and the messages in between would be lost in silence. All that it started has
// ended then.
func (c *Client) Subscribe(ctx context.Context, interval time.Duration, reply func(any)) error {
	ctx, cancel := context.WithCancel(ctx)
	ps := c.client.Subscribe(ctx) // without a channel, because Subscribe with one drops its error
	confirmed := make(chan struct{})
	var wg sync.WaitGroup
	// Close wakes Receive, which a context does not. Close waits for a lock that Receive may hold
	// while it dials, which the context does end.
	wg.Go(func() {
		<-ctx.Done()
		_ = ps.Close()
	})
	wg.Go(func() { ping(ctx, ps, confirmed, interval) })
	defer wg.Wait()
	defer cancel()
	if err := ps.Subscribe(ctx, c.keys.channel); err != nil {
		return Classify("follow the channel", err)
	}
	stands := false
	for {
		got, err := ps.Receive(ctx)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil:
			if _, ok := got.(*redis.Subscription); ok && !stands {
				stands = true
				close(confirmed)
			}
			reply(got)
		case IsReply(err):
			reply(Classify("follow the channel", err))
		default:
			return Classify("follow the channel", err)
		}
	}
}

// ping asks for replies, once the subscription is confirmed.
func ping(ctx context.Context, ps *redis.PubSub, confirmed <-chan struct{}, interval time.Duration) {
	select {
	case <-ctx.Done():
		return
	case <-confirmed:
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			// If it cannot be written, no reply comes.
			_ = ps.Ping(ctx)
		}
	}
}
