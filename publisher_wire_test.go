package fleetdial

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/testutil"
)

// wireLog notes the commands that a client writes, as the connection sees them.
type wireLog struct {
	mu sync.Mutex
	// trips holds the names of the commands that were written before the next reply was read.
	trips []string
	// replied says that a reply was read after the last command.
	replied bool
}

// client returns a client with one connection, whose commands the log notes.
func (l *wireLog) client(t *testing.T, addr string) *redis.Client {
	client := redis.NewClient(&redis.Options{
		Addr: addr, Protocol: 2, PoolSize: 1, DisableIdentity: true,
		Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			return loggedConn{conn, l}, err
		},
	})
	t.Cleanup(func() { _ = client.Close() })
	require.NoError(t, client.Ping(t.Context()).Err())
	return client
}

// reset returns the round trips since the last call, each as its commands.
func (l *wireLog) reset() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	trips := l.trips
	l.trips, l.replied = nil, true
	return trips
}

type loggedConn struct {
	net.Conn
	log *wireLog
}

func (c loggedConn) Write(b []byte) (int, error) {
	var names []string
	in := bufio.NewReader(bytes.NewReader(b))
	for {
		args, err := readCommand(in)
		if err != nil {
			break
		}
		names = append(names, strings.ToUpper(args[0]))
	}
	c.log.mu.Lock()
	if c.log.replied || len(c.log.trips) == 0 {
		c.log.trips, c.log.replied = append(c.log.trips, ""), false
	}
	last := &c.log.trips[len(c.log.trips)-1]
	*last = strings.TrimSpace(*last + " " + strings.Join(names, " "))
	c.log.mu.Unlock()
	return c.Conn.Write(b)
}

func (c loggedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.log.mu.Lock()
	defer c.log.mu.Unlock()
	c.log.replied = c.log.replied || n > 0
	return n, err
}

// The round trips of a transaction.
const (
	tripRead   = "WATCH PUBSUB TIME EXISTS GETRANGE LLEN"
	tripWrite  = "MULTI SET LPUSH LTRIM PUBLISH EXEC"
	tripForget = "WATCH EXISTS EXISTS GETRANGE ZREVRANGE"
)

// TestPublish_TwoRoundTrips counts what a publisher with a connection that stands sends. A
// transaction that ends with EXEC needs no UNWATCH. Every other one needs it.
func TestPublish_TwoRoundTrips(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	var log wireLog
	p := newTestPublisher(t, log.client(t, server.Addr()), PublisherConfig{})
	log.reset()
	for _, opts := range []PublishOptions{{}, {}, {IfVersion: 2}} {
		_, err := p.Publish(t.Context(), setOf(t, "a"), opts)
		require.NoError(t, err)
		assert.Equal(t, []string{tripRead, tripWrite}, log.reset())
	}
	rev, err := p.Update(t.Context(), func(r Revision) (*Set, error) { return r.Set, nil }, PublishOptions{})
	require.NoError(t, err)
	assert.Equal(t, []string{tripRead, tripWrite}, log.reset())

	_, err = p.Publish(t.Context(), setOf(t, "a"), PublishOptions{DryRun: true})
	require.NoError(t, err)
	assert.Equal(t, []string{tripRead, "UNWATCH"}, log.reset())
	_, err = p.Publish(t.Context(), setOf(t, "a"), PublishOptions{IfVersion: IfAbsent})
	require.Error(t, err)
	assert.Equal(t, []string{tripRead, "GETRANGE", "UNWATCH"}, log.reset())

	require.NoError(t, p.Forget(t.Context(), rev))
	trips := log.reset() // Forget reads the roster first
	assert.Equal(t, []string{tripForget, "MULTI DEL EXEC"}, trips[len(trips)-2:])
}

// isWatching reports whether the client's connection for transactions still watches a key of the
// fleet: EXEC fails then after the keys have changed.
func isWatching(t *testing.T, client *redis.Client, server *testutil.Redis) bool {
	t.Helper()
	// A caller whose context has ended does not wait until the connection is released.
	testutil.Eventually(t, within, "the connection is in the pool", func() bool {
		stats := client.PoolStats()
		return stats.IdleConns == stats.TotalConns
	})
	server.Do(t, "SET", testKey, "x")
	server.Do(t, "RPUSH", testHistory, "x")
	err := client.Watch(t.Context(), func(tx *redis.Tx) error {
		_, err := tx.TxPipelined(t.Context(), func(p redis.Pipeliner) error { return p.Ping(t.Context()).Err() })
		return err
	})
	if errors.Is(err, redis.TxFailedErr) {
		return true
	}
	require.NoError(t, err)
	return false
}

// TestPublish_LeavesNoWatch ends transactions in every way in which one can end, and then uses
// their connection for another transaction.
func TestPublish_LeavesNoWatch(t *testing.T) {
	t.Parallel()
	set := setOf(t, "a")
	denied := func(t *testing.T, server *testutil.Redis, command string) {
		server.Do(t, "ACL", "SETUSER", "default", "-"+command)
	}
	publishes := func(opts PublishOptions) func(*testing.T, *Publisher, *testutil.Redis) error {
		return func(t *testing.T, p *Publisher, _ *testutil.Redis) error {
			_, err := p.Publish(t.Context(), set, opts)
			return err
		}
	}
	for name, end := range map[string]func(*testing.T, *Publisher, *testutil.Redis) error{
		"published": publishes(PublishOptions{}),
		"dry run":   publishes(PublishOptions{DryRun: true}),
		"conflict":  publishes(PublishOptions{IfVersion: 7}),
		"error of change": func(t *testing.T, p *Publisher, _ *testutil.Redis) error {
			_, err := p.Update(t.Context(), func(Revision) (*Set, error) { return nil, assert.AnError }, PublishOptions{})
			return err
		},
		"context ends": func(t *testing.T, p *Publisher, _ *testutil.Redis) error {
			ctx, cancel := context.WithCancel(t.Context())
			_, err := p.Update(ctx, func(Revision) (*Set, error) {
				cancel()
				return set, nil
			}, PublishOptions{})
			return err
		},
		"lost race": func(t *testing.T, p *Publisher, server *testutil.Redis) error {
			calls := 0
			_, err := p.Update(t.Context(), func(Revision) (*Set, error) {
				if calls++; calls > 1 {
					return nil, assert.AnError
				}
				server.Do(t, "SET", testKey, "")
				return set, nil
			}, PublishOptions{})
			return err
		},
		"wrong type": func(t *testing.T, p *Publisher, server *testutil.Redis) error {
			server.Do(t, "RPUSH", testKey, "x")
			_, err := p.Publish(t.Context(), set, PublishOptions{})
			server.Do(t, "DEL", testKey)
			return err
		},
		"query denied": func(t *testing.T, p *Publisher, server *testutil.Redis) error {
			denied(t, server, "llen")
			_, err := p.Publish(t.Context(), set, PublishOptions{})
			return err
		},
		"write denied": func(t *testing.T, p *Publisher, server *testutil.Redis) error {
			denied(t, server, "ltrim")
			_, err := p.Publish(t.Context(), set, PublishOptions{})
			return err
		},
		"EXEC denied": func(t *testing.T, p *Publisher, server *testutil.Redis) error {
			denied(t, server, "exec")
			_, err := p.Publish(t.Context(), set, PublishOptions{})
			server.Do(t, "ACL", "SETUSER", "default", "+exec")
			return err
		},
		"UNWATCH denied": func(t *testing.T, p *Publisher, server *testutil.Redis) error {
			denied(t, server, "unwatch")
			_, err := p.Publish(t.Context(), set, PublishOptions{DryRun: true})
			return err
		},
		"forgotten": func(t *testing.T, p *Publisher, _ *testutil.Redis) error { return p.Forget(t.Context(), Revision{}) },
		"nothing forgot": func(t *testing.T, p *Publisher, _ *testutil.Redis) error {
			return p.Forget(t.Context(), Revision{ID: "x", Version: 7})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testutil.StartRedis(t)
			var log wireLog
			client := log.client(t, server.Addr())
			t.Log("error:", end(t, newTestPublisher(t, client, PublisherConfig{}), server))
			assert.False(t, isWatching(t, client, server), "%q", log.reset())
		})
	}
}

// TestPublish_HungServerLeavesNoWatch hangs Redis while WATCH is under way. The publisher returns
// when its context ends, and the connection is released once Redis answers.
func TestPublish_HungServerLeavesNoWatch(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	var log wireLog
	client := log.client(t, server.Addr())
	p := newTestPublisher(t, client, PublisherConfig{})
	server.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := p.Publish(ctx, setOf(t, "a"), PublishOptions{})
	require.ErrorIs(t, err, ErrUnavailable)
	server.Continue()
	assert.Zero(t, server.Client(t).Exists(t.Context(), testKey).Val())
	assert.False(t, isWatching(t, client, server), "%q", log.reset())
}
