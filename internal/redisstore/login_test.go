package redisstore

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/store"
	"github.com/fleetdial/fleetdial/testutil"
)

// TestClient_RejectedLogin has a wrong password. The client of Redis then returns an error for
// a pipeline, and none for its commands. No method may take that for an empty reply.
func TestClient_RejectedLogin(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	server.Do(t, "ACL", "SETUSER", "default", "resetpass", ">right")
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), Password: "wrong", Protocol: 2})
	t.Cleanup(func() { _ = client.Close() })
	c, err := New(client, "")
	require.NoError(t, err)
	for name, call := range map[string]func() error{
		"read the value":  func() error { _, err := c.ReadValue(t.Context(), 100); return err },
		"read the header": func() error { _, err := c.ReadHeader(t.Context(), 100); return err },
		"read the clock": func() error {
			m, err := c.ReadClock(t.Context())
			if err == nil {
				err = Classify("read the clock", m.Err)
			}
			return err
		},
		"read the roster": func() error { _, err := c.Members(t.Context()); return err },
		"read reports": func() error {
			return c.Reports(t.Context(), []string{"a", "b"}, func(int, []byte, bool) { t.Error("an instance has a report") })
		},
		"write a report": func() error {
			return Classify("write", c.WriteReport(t.Context(), "a", []byte("report"), time.Minute, time.Now(), true))
		},
		"publish": func() error {
			return Interruptible{c}.Transact(t.Context(), 100, func(context.Context, *Tx, Found) error {
				t.Error("the transaction has read the keys")
				return nil
			})
		},
	} {
		assert.ErrorIs(t, call(), store.ErrUnavailable, name)
	}
}
