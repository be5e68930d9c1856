package redisstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

var errUnseated = errors.New("the subscription was taken away, or made anew behind our back")

// session is one subscription on a connection of its own, from SUBSCRIBE to the first sign that it may have missed
// something. go-redis would repair it in silence, and the messages in between would be lost in silence.
type session struct {
	client              redis.UniversalClient
	channel             string
	subscriptionTimeout time.Duration
	// subscribed is called when the subscription stands, message for each message, on the goroutine of run.
	subscribed func()
	message    func(payload string)
	// unwell is called when a ping is answered with an error, such as LOADING or MASTERDOWN: the server is alive.
	unwell func()
}

// run returns when the session has ended, with the reason, and all that it started too.
func (s *session) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	ps, subscribe := s.open(ctx)
	// No reply of any kind for that long ends the session. Only what the server sends puts it off.
	watchdog := time.AfterFunc(s.subscriptionTimeout, func() {
		cancel(fmt.Errorf("follow the channel: %w: no reply for %v", ErrUnavailable, s.subscriptionTimeout))
	})
	confirmed := make(chan struct{})
	var wg sync.WaitGroup
	// Close wakes Receive, which a context does not. It waits for a lock that Receive may hold while it dials, which the
	// context does end.
	wg.Go(func() {
		<-ctx.Done()
		_ = ps.Close()
	})
	wg.Go(func() { s.ping(ctx, ps, confirmed) })

	err := subscribe(ctx, s.channel)
	if err != nil {
		cancel(classify("follow the channel", err))
	}
	for stands := false; ctx.Err() == nil; {
		reply, err := ps.Receive(ctx)
		switch {
		case err == nil:
			if err := s.handle(reply, &stands, confirmed); err != nil {
				cancel(err)
			}
		case stands && isReply(err):
			s.unwell()
		default:
			cancel(classify("follow the channel", err))
		}
		if stands {
			watchdog.Reset(s.subscriptionTimeout)
		}
	}
	watchdog.Stop()
	wg.Wait()
	return context.Cause(ctx)
}

func (s *session) open(ctx context.Context) (*redis.PubSub, func(context.Context, ...string) error) {
	if cluster, ok := s.client.(*redis.ClusterClient); ok {
		ps := cluster.SSubscribe(ctx)
		return ps, ps.SSubscribe
	}
	ps := s.client.Subscribe(ctx)
	return ps, ps.Subscribe
}

func (s *session) handle(reply any, stands *bool, confirmed chan struct{}) error {
	switch reply := reply.(type) {
	case *redis.Subscription:
		switch reply.Kind {
		case "subscribe", "ssubscribe":
			if *stands {
				return errUnseated
			}
			*stands = true
			close(confirmed)
			s.subscribed()
		default:
			return errUnseated
		}
	case *redis.Message:
		s.message(reply.Payload)
	case *redis.Pong:
	default:
		return fmt.Errorf("unexpected %T", reply)
	}
	return nil
}

// ping asks for the replies that the watchdog lives on.
func (s *session) ping(ctx context.Context, ps *redis.PubSub, confirmed <-chan struct{}) {
	select {
	case <-ctx.Done():
		return
	case <-confirmed:
	}
	ticker := time.NewTicker(s.subscriptionTimeout / 2)
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
