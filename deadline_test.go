package fleetdial

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/testutil"
)

// fleetsCalls are the functions that read several fleets.
var fleetsCalls = map[string]func(ctx context.Context, client redis.UniversalClient) error{
	"Fleets": func(ctx context.Context, client redis.UniversalClient) error {
		_, err := Fleets(ctx, client)
		return err
	},
	"SummarizeFleets": func(ctx context.Context, client redis.UniversalClient) error {
		_, err := SummarizeFleets(ctx, client, []string{"a", "b"})
		return err
	},
}

// publisherCalls are the methods of a publisher that ask Redis.
var publisherCalls = map[string]func(ctx context.Context, p *Publisher) error{
	"Publish": func(ctx context.Context, p *Publisher) error {
		_, err := p.Publish(ctx, nil, PublishOptions{})
		return err
	},
	"Update": func(ctx context.Context, p *Publisher) error {
		_, err := p.Update(ctx, func(current Revision) (*Set, error) { return current.Set, nil }, PublishOptions{})
		return err
	},
	"Rollback": func(ctx context.Context, p *Publisher) error {
		_, _, err := p.Rollback(ctx, 1, RollbackOptions{})
		return err
	},
	"Current": func(ctx context.Context, p *Publisher) error { _, err := p.Current(ctx); return err },
	"History": func(ctx context.Context, p *Publisher) error { _, err := p.History(ctx); return err },
	"Find":    func(ctx context.Context, p *Publisher) error { _, err := p.Find(ctx, 1); return err },
	"Now":     func(ctx context.Context, p *Publisher) error { _, err := p.Now(ctx); return err },
	"Exists":  func(ctx context.Context, p *Publisher) error { _, err := p.Exists(ctx); return err },
	"Forget":  func(ctx context.Context, p *Publisher) error { return p.Forget(ctx, Revision{}) },
	"Roster":  func(ctx context.Context, p *Publisher) error { _, err := p.Roster(ctx); return err },
	"Wait": func(ctx context.Context, p *Publisher) error {
		roster := Roster{Instances: []Instance{{Name: "a"}}}
		_, err := p.Wait(ctx, Revision{Version: 1}, roster, WaitOptions{})
		return err
	},
}

func TestPublisher_HungServerKeepsDeadline(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	clients := map[string]*redis.Options{
		"defaults":        {},
		"no read timeout": {ReadTimeout: -1, WriteTimeout: -1},
		"context timeout": {ContextTimeoutEnabled: true},
	}
	publishers := make(map[string]*Publisher)
	for name, opts := range clients {
		opts.Addr, opts.Protocol = server.Addr(), 2
		client := redis.NewClient(opts)
		t.Cleanup(func() { _ = client.Close() })
		publishers[name] = newTestPublisher(t, client, PublisherConfig{})
		publish(t, publishers[name], "a")
	}
	server.Stop()
	t.Cleanup(server.Continue)
	var calls sync.WaitGroup
	defer calls.Wait()
	for client, p := range publishers {
		for method, call := range publisherCalls {
			calls.Go(func() {
				const limit = 1200 * time.Millisecond // Wait names the reading that failed after a second
				const bound = limit * 11 / 10
				took := 2 * bound
				for tries := 0; tries < 5 && took > bound; tries++ { // a busy machine may stop this process
					ctx, cancel := context.WithTimeout(t.Context(), limit)
					began := time.Now()
					err := call(ctx, p)
					took = time.Since(began)
					cancel()
					assert.ErrorIs(t, err, ErrUnavailable, "%s, %s", client, method)
					assert.NotErrorIs(t, err, ErrOutcomeUnknown, "%s, %s", client, method)
				}
				assert.LessOrEqual(t, took, bound, "%s, %s: the read timeout is 5s", client, method)
			})
		}
	}
}

func TestPublisher_CancelledOnHungServer(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), Protocol: 2, ReadTimeout: -1})
	t.Cleanup(func() { _ = client.Close() })
	p := newTestPublisher(t, client, PublisherConfig{})
	publish(t, p, "a")
	server.Stop()
	t.Cleanup(server.Continue)
	for method, call := range publisherCalls {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			var cancelled time.Time
			timer := time.AfterFunc(200*time.Millisecond, func() {
				cancelled = time.Now()
				cancel()
			})
			defer timer.Stop()
			err := call(ctx, p)
			require.ErrorIs(t, err, context.Canceled)
			assert.Less(t, time.Since(cancelled), longestStall)
		})
	}
}

// TestUpdate_HungDuringTransaction stops the server between the reading and EXEC. The client has
// no timeout at all.
func TestUpdate_HungDuringTransaction(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), Protocol: 2, ReadTimeout: -1, WriteTimeout: -1})
	t.Cleanup(func() { _ = client.Close() })
	p := newTestPublisher(t, client, PublisherConfig{})
	publish(t, p, "a")
	const limit = 500 * time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	began := time.Now()
	_, err := p.Update(ctx, func(Revision) (*Set, error) {
		server.Stop()
		return setOf(t, "b"), nil
	}, PublishOptions{})
	took := time.Since(began)
	require.ErrorIs(t, err, ErrOutcomeUnknown)
	assert.Less(t, took, limit+settleTime+longestStall)
	assert.GreaterOrEqual(t, took, settleTime)
	server.Continue()
	direct := server.Client(t)
	testutil.Eventually(t, within, "the late EXEC is executed", func() bool {
		return direct.LLen(t.Context(), testHistory).Val() == 2
	})
}

// TestFleets_HungServerKeepsContext hangs the server before a scan and before a summary. The
// context ends by a deadline, and by a cancellation.
func TestFleets_HungServerKeepsContext(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	clients := map[string]*redis.Options{
		"defaults":        {},
		"no read timeout": {ReadTimeout: -1, WriteTimeout: -1},
		"context timeout": {ContextTimeoutEnabled: true},
	}
	open := make(map[string]*redis.Client)
	for name, opts := range clients {
		opts.Addr, opts.Protocol = server.Addr(), 2
		open[name] = redis.NewClient(opts)
		t.Cleanup(func() { _ = open[name].Close() })
		require.NoError(t, open[name].Ping(t.Context()).Err())
	}
	server.Stop()
	t.Cleanup(server.Continue)
	const limit = 300 * time.Millisecond
	ends := map[string]func(context.Context) (context.Context, context.CancelFunc){
		"deadline": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, limit)
		},
		"cancelled": func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(limit, cancel)
			return ctx, cancel
		},
	}
	for client, c := range open {
		for function, call := range fleetsCalls {
			for end, begin := range ends {
				t.Run(client+"/"+function+"/"+end, func(t *testing.T) {
					t.Parallel()
					ctx, cancel := begin(t.Context())
					defer cancel()
					began := time.Now()
					err := call(ctx, c)
					require.Error(t, err)
					if client != "context timeout" { // there, the connection may say it first
						require.ErrorIs(t, err, ctx.Err())
					}
					require.ErrorIs(t, err, ErrUnavailable)
					assert.Less(t, time.Since(began), limit+longestStall, "the read timeout is 5s")
				})
			}
		}
	}
}
