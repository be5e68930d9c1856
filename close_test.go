package fleetdial

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestClose_HungServerTakesLessThanASecond closes while a fetch, a report and the subscription
// get no reply.
func TestClose_HungServerTakesLessThanASecond(t *testing.T) {
	inBubble(t, SubscriberConfig{}, 0, time.Hour, func(b *bubble) {
		b.server.change(func() { b.server.hung = true })
		b.server.message("fetch")
		time.Sleep(time.Second)
		began := time.Now()
		require.NoError(t, b.sub.Close())
		assert.LessOrEqual(t, time.Since(began), time.Second)
		assert.ErrorIs(t, b.sub.Refresh(b.t.Context()), ErrClosed)
	})
}
