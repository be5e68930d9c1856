package fleetdial

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/wire"
)

// bubble is a subscriber and its server in virtual time.
type bubble struct {
	t      *testing.T
	server *pipeRedis
	client *redis.Client
	cfg    SubscriberConfig
	sub    *Subscriber
}

// inBubble runs a test in virtual time, with a server that holds the value. The test has to
// close the subscriber.
func inBubble(t *testing.T, cfg SubscriberConfig, skew, life time.Duration, test func(b *bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(2 * time.Hour) // the clock begins with the year 2000, before which no server's clock does
		cfg.Logger = quiet
		b := &bubble{t: t, cfg: cfg}
		b.server, b.client = newPipeRedis(lasting(t, 1, skew+life))
		b.server.skew = skew
		b.start()
		test(b)
		require.NoError(t, b.sub.Close())
		require.NoError(t, b.client.Close())
	})
}

func (b *bubble) start() {
	b.t.Helper()
	var err error
	b.sub, err = Subscribe(b.t.Context(), b.client, b.cfg)
	require.NoError(b.t, err)
}

// restart closes the subscriber, and begins another with its file.
func (b *bubble) restart() {
	b.t.Helper()
	require.NoError(b.t, b.sub.Close())
	b.start()
}

func (b *bubble) isOn() bool { return b.sub.Decide(Request{}).Level != Off }

func (b *bubble) set(value []byte) { b.server.change(func() { b.server.value = string(value) }) }

func (b *bubble) down() { b.server.change(func() { b.server.down = true }) }

// lasting returns a value with one directive that ends then, by the local clock.
func lasting(t testing.TB, version int64, life time.Duration) []byte {
	t.Helper()
	set, err := NewSet([]Directive{{ID: "a", Level: Shape, SamplePerMille: 1000, ExpiresAt: time.Now().Add(life)}})
	require.NoError(t, err)
	return value(t, version, set)
}

// withFile configures a subscriber with a snapshot file.
func withFile(t *testing.T, resync time.Duration) SubscriberConfig {
	return SubscriberConfig{Startup: UseSnapshot, SnapshotFile: filepath.Join(t.TempDir(), "set"), ResyncInterval: resync}
}

func TestSnapshot_ExtendsNothing(t *testing.T) {
	for _, skew := range []time.Duration{0, time.Hour, -time.Hour} {
		inBubble(t, withFile(t, time.Hour), skew, time.Minute, func(b *bubble) {
			began := time.Now()
			assert.True(t, b.isOn())
			require.NoError(t, b.sub.Close())
			b.down()
			for range 3 { // each start continues from the file that the last one wrote
				time.Sleep(10 * time.Second)
				b.restart()
				assert.Equal(t, SourceSnapshot, b.sub.Status().Source)
				assert.True(t, b.isOn())
			}
			b.restart()
			// Each write adds a millisecond at most, and each round trip takes no time here.
			time.Sleep(time.Until(began.Add(time.Minute - 10*time.Millisecond)))
			assert.True(t, b.isOn())
			time.Sleep(10 * time.Millisecond)
			assert.False(t, b.isOn(), "at the expiry by the fleet's clock, skew %v", skew)
		})
	}
}

func TestSnapshot_FollowsTheFleetsClock(t *testing.T) {
	inBubble(t, withFile(t, time.Second), 0, time.Minute, func(b *bubble) {
		time.Sleep(time.Second)
		b.server.change(func() { b.server.skew = 30 * time.Second }) // the directive has half a minute less
		time.Sleep(2 * time.Second)
		b.down()
		b.restart()
		assert.True(t, b.isOn())
		time.Sleep(27 * time.Second)
		assert.False(t, b.isOn())
	})
}

// TestSnapshot_WrittenAgainForTheClock checks that the file is written again, without Close,
// when the clock shows that less time is left.
func TestSnapshot_WrittenAgainForTheClock(t *testing.T) {
	inBubble(t, withFile(t, time.Second), 0, time.Minute, func(b *bubble) {
		synctest.Wait()
		before := readSnapshot(t, b.cfg.SnapshotFile)
		b.server.change(func() { b.server.skew = 30 * time.Second })
		time.Sleep(2 * time.Second)
		synctest.Wait()
		after := readSnapshot(t, b.cfg.SnapshotFile)
		assert.Equal(t, before.Value, after.Value)
		by := after.TakenAt.Sub(before.TakenAt) - after.LocalAt.Sub(before.LocalAt)
		assert.InDelta(t, 30*time.Second, by, float64(2*time.Millisecond))
	})
}

func TestSnapshot_ExtendsNothingIfTheFleetsClockGoesBack(t *testing.T) {
	for name, next := range map[string]func(t *testing.T, value []byte) []byte{
		"the same revision": func(_ *testing.T, value []byte) []byte { return value },
		"carried over": func(t *testing.T, old []byte) []byte {
			rev, err := wire.Decode(old)
			require.NoError(t, err)
			return value(t, 2, rev.Set)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, withFile(t, time.Second), 0, time.Minute, func(b *bubble) {
				over := time.Now().Add(time.Minute)
				b.server.change(func() { b.server.skew = -time.Hour }) // that of a server that takes over
				time.Sleep(3 * time.Second)
				b.set(next(t, []byte(b.server.value)))
				time.Sleep(3 * time.Second)
				b.down()
				b.restart()
				assert.True(t, b.isOn())
				time.Sleep(time.Until(over))
				assert.False(t, b.isOn())
			})
		})
	}
}

func TestSnapshot_FileThatCouldNotBeWrittenIsWrittenLater(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	require.NoError(t, os.Mkdir(dir, 0o700))
	cfg := SubscriberConfig{SnapshotFile: filepath.Join(dir, "set"), ResyncInterval: time.Second}
	inBubble(t, cfg, 0, time.Hour, func(b *bubble) {
		time.Sleep(time.Second)
		require.NoError(t, os.Rename(dir, dir+"-away"))
		b.set(lasting(t, 2, time.Hour))
		time.Sleep(5 * time.Second)
		require.NoError(t, os.Rename(dir+"-away", dir))
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, b.server.value, string(readSnapshot(t, cfg.SnapshotFile).Value))
	})
}

// TestSnapshot_HoldsTheSetOfAClosedSubscriber has a value arrive while Close is under way.
// The set that Load returns then is in the file.
func TestSnapshot_HoldsTheSetOfAClosedSubscriber(t *testing.T) {
	cfg := SubscriberConfig{SnapshotFile: filepath.Join(t.TempDir(), "set"), ResyncInterval: time.Hour}
	inBubble(t, cfg, 0, time.Hour, func(b *bubble) {
		synctest.Wait()
		arrive := make(chan struct{})
		b.server.change(func() { b.server.value, b.server.stuck = string(lasting(t, 2, time.Hour)), arrive })
		b.server.message("fetch")
		synctest.Wait()
		var closed sync.WaitGroup
		closed.Go(func() { assert.NoError(t, b.sub.Close()) })
		synctest.Wait()
		close(arrive)
		closed.Wait()
		rev, err := wire.Decode(readSnapshot(t, cfg.SnapshotFile).Value)
		require.NoError(t, err)
		assert.Equal(t, b.sub.Status().Revision.ID, rev.ID)
	})
}
