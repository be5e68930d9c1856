package follow

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Messages that come while a fetch fails do not make the follower fetch at once.
func TestFollower_MessageDuringFailingFetchKeepsBackoff(t *testing.T) {
	t.Parallel()
	r := newHand(t)
	for range 5 {
		r.handle(Message{Session: 1, Payload: "wake up"})
		fx := r.handle(Fetched{Err: errDown})
		assert.Nil(t, fx.Fetch)
		r.now = fx.WakeAt
		require.NotNil(t, r.handle(Timer{}).Fetch, "the backoff is over")
	}
}
