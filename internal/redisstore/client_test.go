package redisstore

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fleetdial/fleetdial/internal/store"
	"github.com/fleetdial/fleetdial/internal/wire"
	"github.com/fleetdial/fleetdial/testutil"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testKey = "fleetdial:{default}"

// recorder is a hook that notes the commands of each round trip, and calls after once it has
// ended.
type recorder struct {
	trips [][]string
	after func(trip int)
}

func (r *recorder) DialHook(next redis.DialHook) redis.DialHook { return next }

func (r *recorder) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		r.note(cmd.Name())
		return err
	}
}

func (r *recorder) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		var names []string
		for _, cmd := range cmds {
			names = append(names, cmd.Name())
		}
		err := next(ctx, cmds)
		r.note(names...)
		return err
	}
}

// note notes a round trip, unless it belongs to the making of the connection.
func (r *recorder) note(names ...string) {
	if !slices.Contains(names, "hello") && !slices.Contains(names, "client") {
		r.trips = append(r.trips, names)
		r.after(len(r.trips))
	}
}

// TestRead_TellsAMissingKeyFromAnEmptyOne checks that both are told apart in one transaction. A
// revision that is published between the two round trips is no empty value.
func TestRead_TellsAMissingKeyFromAnEmptyOne(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	direct := server.Client(t)
	client := server.Client(t)
	r := new(recorder)
	client.AddHook(r)
	c, err := New(client, "")
	require.NoError(t, err)
	for name, read := range map[string]func() (store.Reading, error){
		"header": func() (store.Reading, error) { return c.ReadHeader(t.Context(), wire.HeaderBytes) },
		"value":  func() (store.Reading, error) { return c.ReadValue(t.Context(), wire.MaxValueBytes+1) },
		"bare":   func() (store.Reading, error) { return c.ReadBare(t.Context(), wire.MaxValueBytes+1) },
	} {
		reading := func(after func(trip int)) store.Reading {
			t.Helper()
			r.trips, r.after = nil, after
			got, err := read()
			require.NoError(t, err, name)
			return got
		}
		require.NoError(t, direct.Del(t.Context(), testKey).Err())
		got := reading(func(int) {})
		assert.True(t, got.Missing, name)
		require.Len(t, r.trips, 2, name)
		assert.Equal(t, []string{"multi", "exists", "getrange", "exec"}, r.trips[1], name)

		require.NoError(t, direct.Set(t.Context(), testKey, "", 0).Err())
		got = reading(func(int) {})
		assert.False(t, got.Missing, name)
		assert.Empty(t, got.Value, name)

		// The key is missing, or empty, in the first round trip.
		for _, before := range []func(){
			func() { direct.Del(t.Context(), testKey) },
			func() { direct.Set(t.Context(), testKey, "", 0) },
		} {
			before()
			got = reading(func(trip int) {
				if trip == 1 {
					assert.NoError(t, direct.Set(t.Context(), testKey, "published", 0).Err())
				}
			})
			assert.False(t, got.Missing, name)
			assert.Equal(t, "published", string(got.Value), name)
			assert.EqualValues(t, len("published"), got.Length, name)
		}

		// It is of another type in the second.
		require.NoError(t, direct.Del(t.Context(), testKey).Err())
		got = reading(func(trip int) {
			if trip == 1 {
				assert.NoError(t, direct.LPush(t.Context(), testKey, "x").Err())
			}
		})
		assert.True(t, got.WrongType, name)
	}
}

// TestRead_OneRoundTrip checks what reading costs, and that a header tells the length of the
// whole value.
func TestRead_OneRoundTrip(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	r := &recorder{after: func(int) {}}
	client.AddHook(r)
	c, err := New(client, "")
	require.NoError(t, err)
	value := strings.Repeat("x", 1000)
	server.Do(t, "SET", testKey, value)
	got, err := c.ReadHeader(t.Context(), wire.HeaderBytes)
	require.NoError(t, err)
	assert.Equal(t, value[:wire.HeaderBytes], string(got.Value))
	assert.EqualValues(t, 1000, got.Length)
	require.NoError(t, got.Clock.Err)
	assert.WithinDuration(t, time.Now(), got.Clock.Time, 10*time.Second)
	assert.False(t, got.Clock.Received.Before(got.Clock.Sent))

	got, err = c.ReadValue(t.Context(), 500)
	require.NoError(t, err)
	assert.Equal(t, value[:500], string(got.Value))
	_, err = c.ReadClock(t.Context())
	require.NoError(t, err)
	assert.Equal(t, [][]string{{"time", "getrange", "strlen"}, {"time", "getrange"}, {"time"}}, r.trips)
}
