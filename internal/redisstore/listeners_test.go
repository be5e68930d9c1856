package redisstore

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/testutil"
)

func TestOnChangeTellsInOrder(t *testing.T) {
	t.Parallel()
	f := newFleet(t, nil)
	var mu sync.Mutex
	var seen []Change
	cancel := f.sub.OnChange(func(c Change) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, c)
		if !assert.GreaterOrEqual(t, f.sub.Status().Revision.Version, c.To.Version, "after the swap") {
			return
		}
	})
	f.sub.OnChange(func(Change) { panic("a listener's own trouble") })
	stuck, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	f.sub.OnChange(func(Change) {
		once.Do(func() { close(stuck) })
		<-release
	})
	const publishes = 30
	for i := range publishes {
		publish(t, f.pub, fmt.Sprint("d", i))
	}
	<-stuck
	testutil.Eventually(t, within, "the last is told, although another listener is stuck", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(seen) > 0 && seen[len(seen)-1].To.Version == publishes
	})
	close(release)
	mu.Lock()
	last := int64(0)
	for _, c := range seen {
		assert.Equal(t, last, c.From.Version, "From is what was told before")
		assert.Greater(t, c.To.Version, last)
		last = c.To.Version
	}
	told := len(seen)
	mu.Unlock()
	testutil.Eventually(t, within, "a panic is logged", func() bool { return f.log.lines("a listener panicked") > 0 })

	cancel()
	cancel()
	publish(t, f.pub, "more")
	eventually(t, f.sub, "more")
	require.NoError(t, f.sub.Close())
	assert.Len(t, seen, told, "not told after cancel")
}
