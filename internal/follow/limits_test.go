package follow

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/pace"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// fetchesPerSecond is how many fetches messages that lead to nothing cost in a second.
const fetchesPerSecond = 10

func TestBucket_BurstAndRate(t *testing.T) {
	t.Parallel()
	now := epoch
	b := pace.NewBucket(fetchBurst, fetchInterval, now)
	for i := range fetchBurst {
		assert.Equal(t, now, b.ReadyAt(now), "token %d", i)
		b.Add(now, -1)
		now = now.Add(10 * time.Millisecond)
	}
	assert.WithinDuration(t, epoch.Add(fetchInterval), b.ReadyAt(now), time.Microsecond, "the first token comes back")
	assert.False(t, b.IsFull(now))
	now = epoch.Add(fetchInterval + time.Microsecond)
	assert.Equal(t, now, b.ReadyAt(now))
	b.Add(now, -1)
	assert.WithinDuration(t, epoch.Add(2*fetchInterval), b.ReadyAt(now), time.Microsecond, "then the second")
	assert.True(t, b.IsFull(now.Add(fetchBurst*fetchInterval)))
}

func TestBucket_HoldsNoMoreThanItsSize(t *testing.T) {
	t.Parallel()
	now := epoch
	b := pace.NewBucket(fetchBurst, fetchInterval, now)
	for range 2 * fetchBurst {
		b.Add(now, 1) // fetches that find something
	}
	now = now.Add(time.Hour)
	for i := range fetchBurst {
		assert.Equal(t, now, b.ReadyAt(now), "token %d", i)
		b.Add(now, -1)
	}
	assert.WithinDuration(t, now.Add(fetchInterval), b.ReadyAt(now), time.Microsecond)
}

// mostInASecond returns how many of the times lie within any one second.
func mostInASecond(times []time.Time) (most int) {
	for i := range times {
		n := 0
		for _, at := range times[i:] {
			if at.Sub(times[i]) < time.Second {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

func TestMessages_StormCostsFewFetches(t *testing.T) {
	t.Parallel()
	private, public := newKey(t)
	fetch := func(int) string { return "fetch" }
	for name, c := range map[string]struct {
		message  func(i int) string
		isSigned bool
	}{
		"fetch": {message: fetch},
		"announcements": {message: func(i int) string {
			return announcementOf(int64(i+10), wire.NewID(), 0)
		}},
		"announcements that go back": {message: func(i int) string {
			return announcementOf(int64(1_000_000-i), wire.NewID(), 0)
		}},
		"the same again": {message: func(int) string { return announcementOf(10, fmt.Sprintf("%032d", 1), 0) }},
		"spread announcements": {message: func(i int) string {
			return announcementOf(int64(i+10), wire.NewID(), time.Hour)
		}},
		"both": {message: func(i int) string {
			if i%2 == 0 {
				return "fetch"
			}
			return announcementOf(int64(i+10), wire.NewID(), 0)
		}},
		"a signed fleet": {message: fetch, isSigned: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sign := func(value []byte) []byte { return value }
			var keys wire.Keyring
			if c.isSigned {
				sign = func(value []byte) []byte { return sealed(t, value, private) }
				keys = ringOf(t, public)
			}
			r := startRig(t, sign(lasting(t, time.Hour)), func(cfg *Config) { cfg.Keys = keys })
			before := len(r.fetchedAt)
			i := 0
			storm := func(d time.Duration) {
				for end := r.now.Add(d); r.now.Before(end); i++ {
					r.message(c.message(i))
					r.run(time.Millisecond)
				}
			}
			storm(30 * time.Second)
			assert.LessOrEqual(t, mostInASecond(r.fetchedAt[before:]), fetchesPerSecond)
			assert.Greater(t, len(r.fetchedAt)-before, 10, "the messages are followed")

			// A revision that is published during the storm arrives within a second, and its spread.
			r.value = sign(valueOf(t, 2, epoch.Add(time.Hour), "b"))
			published := r.now
			r.announce()
			storm(2 * time.Second)
			assert.EqualValues(t, 2, r.f.Status().Revision.Version)
			assert.Less(t, r.f.Status().AppliedAt.Sub(published), wire.MaxSpread+2*fetchInterval)
		})
	}
}

func newKey(t *testing.T) (ed25519.PrivateKey, ed25519.PublicKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	return private, public
}

func ringOf(t *testing.T, keys ...ed25519.PublicKey) wire.Keyring {
	t.Helper()
	ring, err := wire.NewKeyring(keys)
	require.NoError(t, err)
	return ring
}

func sealed(t *testing.T, value []byte, key ed25519.PrivateKey) []byte {
	t.Helper()
	out, err := wire.AppendSignature(slices.Clone(value), "fleetdial:{default}", key)
	require.NoError(t, err)
	return out
}

// TestMessages_BurstOfPublishesIsFollowedAtOnce publishes faster than the subscriber fetches:
// the revisions that it finds are announced afterwards.
func TestMessages_BurstOfPublishesIsFollowedAtOnce(t *testing.T) {
	t.Parallel()
	r := startRig(t, lasting(t, time.Hour), nil)
	for i := range 100 {
		var burst []string
		for j := range 3 {
			r.value = valueOf(t, int64(3*i+j+2), epoch.Add(time.Hour), "a")
			head, err := wire.DecodeHeader(r.value)
			require.NoError(t, err)
			burst = append(burst, announcementOf(head.Version, head.ID, 0))
		}
		began := r.now
		for _, message := range burst[1:] {
			r.message(message)
			r.run(0)
		}
		assert.EqualValues(t, 3*i+4, r.f.Status().Revision.Version)
		assert.Equal(t, began, r.now, "at once")
		r.message(burst[0]) // late, and it leads to nothing
		r.run(time.Millisecond)
	}
}

// TestMessages_SpreadIsRandom announces revisions that are to be fetched within a second.
func TestMessages_SpreadIsRandom(t *testing.T) {
	t.Parallel()
	r := startRig(t, lasting(t, time.Hour), nil)
	var waits []time.Duration
	for i := range 40 {
		before := len(r.fetches)
		r.value = valueOf(t, int64(i+2), epoch.Add(time.Hour), "a")
		head, err := wire.DecodeHeader(r.value)
		require.NoError(t, err)
		r.message(announcementOf(head.Version, head.ID, time.Second))
		began := r.now
		r.until(2*time.Second, "the fetch", func() bool { return len(r.fetches) > before })
		waits = append(waits, r.now.Sub(began))
		r.run(10 * time.Second)
	}
	slices.Sort(waits)
	assert.Less(t, waits[0], 250*time.Millisecond)
	assert.Greater(t, waits[39], 750*time.Millisecond)
	assert.LessOrEqual(t, waits[39], time.Second+time.Millisecond)
}

// TestMessages_ForgedSpreadDelaysByASecond announces a revision that is to be fetched within
// days, before and after its real announcement.
func TestMessages_ForgedSpreadDelaysByASecond(t *testing.T) {
	t.Parallel()
	for i := range 40 {
		r := startRig(t, lasting(t, time.Hour), nil)
		r.f.cfg.Rand.Int64N(int64(i + 1))
		r.run(time.Duration(i) * time.Millisecond)
		r.value = valueOf(t, 2, epoch.Add(time.Hour), "b")
		forged := func() { r.message(announcementOf(99, wire.NewID(), 1<<31*time.Millisecond)) }
		began := r.now
		forged()
		if i%2 == 0 {
			r.announce()
		}
		for r.f.Status().Revision.Version != 2 && r.now.Sub(began) < time.Minute {
			forged()
			r.run(10 * time.Millisecond)
		}
		assert.LessOrEqual(t, r.now.Sub(began), wire.MaxSpread+10*time.Millisecond)
	}
}

// TestMessages_SecondOneDoesNotEndASpread sends another message to many subscribers that wait.
func TestMessages_SecondOneDoesNotEndASpread(t *testing.T) {
	t.Parallel()
	// waits returns how long 20 subscribers wait that spread out over a second, and then hear
	// another message.
	waits := func(more string) (all []time.Duration) {
		for i := range 20 {
			r := startRig(t, lasting(t, time.Hour), nil)
			for range i {
				r.f.cfg.Rand.Uint64()
			}
			before := len(r.fetches)
			r.value = valueOf(t, 2, epoch.Add(time.Hour), "b")
			began := r.now
			r.message(announcementOf(2, wire.NewID(), time.Second))
			r.run(time.Millisecond)
			r.message(more)
			r.until(3*time.Second, "the fetch", func() bool { return len(r.fetches) > before })
			all = append(all, r.now.Sub(began))
		}
		slices.Sort(all)
		return all
	}
	assert.Greater(t, waits(announcementOf(3, wire.NewID(), time.Second))[10], 100*time.Millisecond, "another large set")
	assert.Greater(t, waits("fetch")[10], 100*time.Millisecond, "any other message")
	assert.Less(t, waits(announcementOf(3, wire.NewID(), 0))[19], 10*time.Millisecond, "a small set, such as an empty one")
}

// TestMessages_ForgedAfterReconnectCostNoWholeValues forges announcements from the first
// moment of a session.
func TestMessages_ForgedAfterReconnectCostNoWholeValues(t *testing.T) {
	t.Parallel()
	r := newRig(t, lasting(t, time.Hour), nil)
	r.until(time.Second, "the session", func() bool { return r.session != 0 && r.f.session.subscribed })
	r.message(`{"version":10,"id":"x"}`)
	r.start()
	before := len(r.fetches)
	for i := range 10_000 {
		r.message(fmt.Sprintf(`{"version":%d,"id":"x"}`, 11+i))
		r.run(time.Millisecond)
	}
	assert.LessOrEqual(t, r.count(before, FetchValue), 3, "those before the first fetch that finds nothing")
	assert.LessOrEqual(t, mostInASecond(r.fetchedAt[before:]), fetchesPerSecond)
}
