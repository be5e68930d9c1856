package follow

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/store"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// An announced revision is searched although the key holds a rejected value, or none, because
// a replica that lags may show what was before it.
func TestFollower_SearchesBehindRejectedAndMissing(t *testing.T) {
	t.Parallel()
	r := newHand(t)
	r.settle(r.reply(r.revision(1, "a", noon.Add(time.Hour))))
	require.NotNil(t, r.handle(Refresh{Waiter: 1}).Fetch)
	r.reply([]byte("garbage"))
	require.Equal(t, wire.StateRejected, r.Status().State)

	require.NotNil(t, r.announce(2).Fetch)
	fx := r.reply([]byte("garbage"))
	require.Less(t, fx.WakeAt.Sub(r.now), longestRetry)
	r.now = fx.WakeAt
	require.NotNil(t, r.handle(Timer{}).Fetch)
	require.NotNil(t, r.reply(r.revision(2, "b", noon.Add(time.Hour))).Applied)

	// The key went back to version 1 by way of a restart without data.
	require.NotNil(t, r.announce(1).Fetch)
	reading := Fetched{}
	reading.Reading.Missing = true
	reading.Reading.Clock = &store.Measurement{Err: errDown}
	fx = r.handle(reading)
	require.Less(t, fx.WakeAt.Sub(r.now), longestRetry)
	r.now = fx.WakeAt
	require.NotNil(t, r.handle(Timer{}).Fetch)
	assert.NotNil(t, r.reply(r.revision(1, "a", noon.Add(time.Hour))).Applied)
}
