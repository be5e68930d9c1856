package report

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/fleetdial/fleetdial/internal/wire"
)

// TestReporter_YieldsToOneSide has two live runs with one name: exactly one of them yields,
// whenever they began.
func TestReporter_YieldsToOneSide(t *testing.T) {
	t.Parallel()
	began := time.UnixMilli(1_790_000_000_000)
	runs := []string{wire.NewRun(), wire.NewRun()}
	for _, later := range []time.Duration{0, time.Millisecond, time.Hour} {
		starts := []time.Time{began, began.Add(later)}
		now := starts[1].Add(time.Second)
		yields := make([]bool, 2)
		for i := range runs {
			r := &Reporter{run: runs[i], startedAt: starts[i]}
			yields[i] = r.yieldsTo(wire.Owner{Run: runs[1-i], StartedAt: starts[1-i], WrittenAt: now, Every: time.Second}, now)
			assert.False(t, r.yieldsTo(wire.Owner{Run: runs[i], StartedAt: now, WrittenAt: now, Every: time.Second}, now), "its own row")
		}
		assert.NotEqual(t, yields[0], yields[1], later)
		if later > 0 {
			assert.True(t, yields[0], "the one that began earlier yields")
		}
	}
}

// TestReporter_StartStays measures the clock of Redis again and again.
func TestReporter_StartStays(t *testing.T) {
	t.Parallel()
	r := &Reporter{began: time.Now()}
	epoch := r.began.Add(-time.Hour)
	r.begin(&View{Epoch: epoch}, 0)
	at := r.startedAt
	r.begin(&View{Epoch: epoch.Add(3 * time.Millisecond)}, 0)
	assert.Equal(t, at, r.startedAt, "a measurement differs by milliseconds")
	// After a suspension the clock of Redis is ahead of the local clock by that time.
	r.begin(&View{Epoch: epoch.Add(-time.Hour)}, time.Hour)
	assert.Equal(t, at, r.startedAt, "the machine was suspended")
	r.begin(&View{Epoch: epoch.Add(-time.Minute)}, 0)
	assert.Equal(t, at.Add(time.Minute), r.startedAt, "the clock was put right")
}

func TestSilence(t *testing.T) {
	t.Parallel()
	assert.Equal(t, 30*time.Second, Silence(10*time.Second))
	assert.Equal(t, 72*time.Hour, Silence(1<<63-1), "without an overflow")
}
