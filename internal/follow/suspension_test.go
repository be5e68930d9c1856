package follow

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// A clock that goes back does not extend a directive, also if the machine was suspended
// before: its limit moves with the monotonic clock.
func TestFollower_SuspensionMovesTheLimits(t *testing.T) {
	t.Parallel()
	r := newHand(t)
	r.settle(r.reply(r.revision(1, "a", noon.Add(time.Hour))))
	r.handle(Suspended{For: 30 * time.Minute})
	r.offset += 30 * time.Minute // the true time went on

	r.offset -= 20 * time.Minute // and the clock was set back
	require.NotNil(t, r.announce(2).Fetch)
	r.settle(r.reply(r.revision(2, "a", noon.Add(time.Hour))))
	require.NotNil(t, r.announce(3).Fetch)
	require.NotNil(t, r.reply(r.revision(3, "a", noon.Add(time.Hour))).Applied)
	r.now = r.start.Add(30*time.Minute - 1)
	assert.True(t, r.applies())
	r.now = r.start.Add(30 * time.Minute)
	assert.False(t, r.applies())
}

// A measurement under way during a suspension does not count, because its request may have
// been sent long before the clock was read.
func TestFollower_SuspensionDuringFetch(t *testing.T) {
	t.Parallel()
	r := newHand(t)
	r.settle(r.reply(r.revision(1, "a", noon.Add(time.Hour))))
	before := r.epoch()
	require.NotNil(t, r.handle(Refresh{Waiter: 1}).Fetch)
	r.handle(Suspended{For: 10 * time.Minute})
	fx := r.reply(r.revision(1, "a", noon.Add(time.Hour))) // read before the suspension
	assert.Equal(t, before.Add(-10*time.Minute), r.epoch())
	require.NotNil(t, fx.Fetch, "the clock is measured again")
	assert.Equal(t, FetchClock, fx.Fetch.Mode)
}

// A first measurement that a suspension interrupts may only end directives early.
func TestFollower_SuspensionDuringFirstFetch(t *testing.T) {
	t.Parallel()
	r := newHand(t)
	r.handle(Suspended{For: 10 * time.Minute})
	fx := r.reply(r.revision(1, "a", noon.Add(time.Hour))) // read before the suspension
	require.NotNil(t, fx.Applied)
	assert.True(t, r.applies())
	end := r.start.Add(50 * time.Minute)
	assert.Equal(t, directive.Shape, r.set.Evaluate(directive.Request{}, end.Add(-1)).Level)
	assert.Equal(t, directive.Off, r.set.Evaluate(directive.Request{}, end).Level)
}
