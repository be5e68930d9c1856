package pace

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestBackoff_HasFullJitter(t *testing.T) {
	t.Parallel()
	const shortest, longest = 50 * time.Millisecond, 2 * time.Second
	for _, source := range []*rand.Rand{nil, rand.New(rand.NewPCG(1, 2))} {
		b := Backoff{Shortest: shortest, Longest: longest}
		bound := shortest
		for range 20 {
			wait := b.Next(source)
			assert.Positive(t, wait)
			assert.LessOrEqual(t, wait, bound)
			bound = min(2*bound, longest)
		}
		var waits []time.Duration
		for range 100 {
			waits = append(waits, b.Next(source))
		}
		assert.Less(t, slices.Min(waits), longest/10, "the waits reach from nothing")
		assert.Greater(t, slices.Max(waits), longest*9/10, "to the bound")
		b.Reset()
		assert.LessOrEqual(t, b.Next(source), shortest)
	}
}

func TestBucket_GainsATokenInEachInterval(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	b := NewBucket(2, time.Second, now)
	assert.True(t, b.IsFull(now))
	b.Add(now, -1)
	assert.False(t, b.IsFull(now))
	assert.Equal(t, now, b.ReadyAt(now))
	b.Add(now, -1)
	ready := b.ReadyAt(now)
	assert.WithinDuration(t, now.Add(time.Second), ready, time.Microsecond)
	assert.Equal(t, ready, b.ReadyAt(ready), "the token is there then")
	b.Add(ready, 5)
	assert.True(t, b.IsFull(ready), "no more than its size")
	assert.True(t, b.IsFull(ready.Add(time.Hour)))
}
