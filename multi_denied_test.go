package fleetdial

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/testutil"
)

// without returns clients of a user who may call everything except some commands: a plain client,
// and one of a Cluster.
func without(t *testing.T, server *testutil.Redis, commands ...any) map[string]redis.UniversalClient {
	t.Helper()
	server.Do(t, append([]any{"ACL", "SETUSER", "limited", "on", ">pw", "~*", "&*", "+@all"}, commands...)...)
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), Protocol: 2, Username: "limited", Password: "pw"})
	t.Cleanup(func() { _ = client.Close() })
	return map[string]redis.UniversalClient{"plain": client, "cluster": oneNode{client}}
}

// TestPublish_MultiDenied publishes as a user who may not call MULTI: Redis executes the commands
// after it one by one. The error must not say that nothing was written, and nothing must be written
// twice.
func TestPublish_MultiDenied(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	p := newTestPublisher(t, server.Client(t), PublisherConfig{})
	for name, client := range without(t, server, "-multi") {
		publish(t, p, "a")
		limited := newTestPublisher(t, client, PublisherConfig{})
		rev, err := limited.Publish(t.Context(), setOf(t, "b"), PublishOptions{})
		require.NoError(t, err, name)
		assert.EqualValues(t, 2, rev.Version, name)
		current, err := p.Current(t.Context())
		require.NoError(t, err, name)
		assert.Equal(t, rev.ID, current.ID, name)
		assert.EqualValues(t, 2, server.Client(t).LLen(t.Context(), testHistory).Val(), name)
		server.Do(t, "DEL", testKey, testHistory)
	}
}

func TestPublish_MultiAndSetDenied(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	p := newTestPublisher(t, server.Client(t), PublisherConfig{})
	publish(t, p, "a")
	first, err := p.Current(t.Context())
	require.NoError(t, err)
	for name, client := range without(t, server, "-multi", "-set", "-lpush") {
		limited := newTestPublisher(t, client, PublisherConfig{})
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, err := limited.Publish(ctx, setOf(t, "b"), PublishOptions{})
		cancel()
		require.ErrorIs(t, err, ErrOutcomeUnknown, name)
		current, err := p.Current(t.Context())
		require.NoError(t, err)
		assert.Equal(t, first.ID, current.ID, name)
	}
}
