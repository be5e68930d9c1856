package fleetdial

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/testutil"
)

func TestOnChange_CallsInOrder(t *testing.T) {
	t.Parallel()
	f := newFleet(t, nil)
	var mu sync.Mutex
	var seen []Change
	cancel := f.sub.OnChange(func(c Change) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, c)
		assert.GreaterOrEqual(t, f.sub.Status().Revision.Version, c.To.Version, "Load returns it before the call")
	})
	f.sub.OnChange(func(Change) { panic("a fault of the listener") })
	busy, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	f.sub.OnChange(func(Change) {
		once.Do(func() { close(busy) })
		<-release
	})
	const publishes = 30
	for i := range publishes {
		publish(t, f.pub, fmt.Sprint("d", i))
	}
	<-busy
	testutil.Eventually(t, within, "the last revision arrives, although another listener is busy", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(seen) > 0 && seen[len(seen)-1].To.Version == publishes
	})
	close(release)
	mu.Lock()
	last := int64(0)
	for _, c := range seen {
		assert.Equal(t, last, c.From.Version, "From is the revision of the call before")
		assert.Greater(t, c.To.Version, last)
		last = c.To.Version
	}
	calls := len(seen)
	mu.Unlock()
	testutil.Eventually(t, within, "a panic is logged", func() bool { return f.log.lines("listener panicked") > 0 })

	cancel()
	cancel()
	publish(t, f.pub, "more")
	eventually(t, f.sub, "more")
	require.NoError(t, f.sub.Close())
	assert.Len(t, seen, calls, "no call after cancel")
}

// TestClose_WaitsForListener waits longer than Close waits for Redis: a listener that is being
// called is always waited for, also after its cancel, which does not wait.
func TestClose_WaitsForListener(t *testing.T) {
	t.Parallel()
	for name, isCanceled := range map[string]bool{"kept": false, "canceled": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, nil)
			began, release := make(chan struct{}), make(chan struct{})
			ended := false // the call writes it before Close returns
			cancel := f.sub.OnChange(func(Change) {
				close(began)
				<-release
				ended = true
			})
			publish(t, f.pub, "a")
			<-began
			if isCanceled {
				cancel()
			}
			closed := make(chan struct{})
			go func() {
				_ = f.sub.Close()
				close(closed)
			}()
			select {
			case <-closed:
				t.Error("Close returned while a listener was being called")
			case <-time.After(closeTimeout + 200*time.Millisecond):
			}
			close(release)
			<-closed
			assert.True(t, ended)
		})
	}
}
