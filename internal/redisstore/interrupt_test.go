package redisstore

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/store"
)

// TestExec_AbandonedNeverBegins has the caller stop waiting before the goroutine that has the
// connection begins EXEC.
func TestExec_AbandonedNeverBegins(t *testing.T) {
	t.Parallel()
	tx := &Tx{client: new(Client), requests: make(chan func(*redis.Tx)), over: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	request := make(chan func(*redis.Tx), 1)
	go func() {
		request <- <-tx.requests
		cancel()
	}()
	err := tx.Exec(ctx, nil, 1, nil)
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, ErrReplyLost)
	assert.ErrorContains(t, err, "nothing was written")
	// EXEC would panic, because there is no connection.
	assert.NotPanics(t, func() { (<-request)(nil) })
}

// TestExec_BegunIsOpen has the caller stop waiting after EXEC began.
func TestExec_BegunIsOpen(t *testing.T) {
	t.Parallel()
	tx := &Tx{client: new(Client), requests: make(chan func(*redis.Tx)), over: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-tx.requests
		tx.exec.Store(execBegan)
		cancel()
	}()
	require.ErrorIs(t, tx.Exec(ctx, nil, 1, nil), ErrReplyLost)
}

func TestInterruptibly_ReturnsAtContextEnd(t *testing.T) {
	t.Parallel()
	released := make(chan struct{})
	defer close(released)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := interruptibly(ctx, "read", func() (int, error) {
		<-released
		return 1, nil
	})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorIs(t, err, store.ErrUnavailable)
	_, err = interruptibly(ctx, "read", func() (int, error) {
		t.Error("a call began after the context had ended")
		return 1, nil
	})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	n, err := interruptibly(t.Context(), "read", func() (int, error) { return 7, nil })
	require.NoError(t, err)
	assert.Equal(t, 7, n)
}
