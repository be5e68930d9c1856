package redisstore

import (
	"fmt"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/wire"
)

func TestLimiter(t *testing.T) {
	t.Parallel()
	var l limiter
	now := time.Now()
	for i := range maxVainLooks {
		assert.Zero(t, l.wait(now), "look %d", i)
		l.inVain(now)
		now = now.Add(10 * time.Millisecond)
	}
	assert.Equal(t, 900*time.Millisecond, l.wait(now), "until the first is a second old")
	assert.True(t, l.suspicious(now))
	now = now.Add(900 * time.Millisecond)
	assert.Zero(t, l.wait(now))
	l.inVain(now)
	assert.Equal(t, 10*time.Millisecond, l.wait(now), "until the second is")
	assert.False(t, l.suspicious(now.Add(time.Second)))
}

func TestLooksThatFindSomethingPayForOthers(t *testing.T) {
	t.Parallel()
	var l limiter
	now := time.Now()
	for range 2 * maxVainLooks {
		l.worthwhile(now)
	}
	for i := range 2 * maxVainLooks {
		assert.Zero(t, l.wait(now), "look %d", i)
		l.inVain(now)
	}
	assert.Equal(t, time.Second, l.wait(now), "no more than are allowed anyway")

	l = limiter{}
	l.worthwhile(now)
	now = now.Add(time.Second)
	for range maxVainLooks {
		l.inVain(now)
	}
	assert.Equal(t, time.Second, l.wait(now), "not for later ones")
}

var getranges = regexp.MustCompile(`cmdstat_getrange:calls=(\d+)`)

// looksAt returns how often the key has been read.
func looksAt(t testing.TB, f *fleet) int {
	t.Helper()
	info, err := f.client.Info(t.Context(), "commandstats").Result()
	require.NoError(t, err)
	found := getranges.FindStringSubmatch(info)
	require.NotNil(t, found)
	n, err := strconv.Atoi(found[1])
	require.NoError(t, err)
	return n
}

func TestAStormOfMessagesCostsLittle(t *testing.T) {
	t.Parallel()
	look := func(int) string { return "look" }
	for name, c := range map[string]struct {
		message func(i int) string
		signed  bool
	}{
		"look": {message: look},
		"announcements": {message: func(i int) string {
			return string(announcement{int64(i + 10), wire.NewID(), 0}.encode())
		}},
		"the same again": {message: func(int) string { return string(announcement{10, fmt.Sprintf("%032d", 1), 0}.encode()) }},
		"a signed fleet": {message: look, signed: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, nil)
			if c.signed {
				f, _, _ = signedFleet(t)
			}
			publish(t, f.pub, "a")
			eventually(t, f.sub, "a")
			before, began := looksAt(t, f), time.Now()
			var storm sync.WaitGroup
			storm.Go(func() {
				for i := 0; time.Since(began) < 2500*time.Millisecond; i++ {
					f.client.Publish(t.Context(), testKey, c.message(i))
				}
			})
			storm.Wait()
			looks, seconds := looksAt(t, f)-before, time.Since(began).Seconds()
			// Every second, and what is left of one, has its ten, and the first one more for the revision.
			assert.LessOrEqual(t, looks, maxVainLooks*(int(seconds)+1)+1)
			assert.Positive(t, looks)

			// What is published in the middle of it all arrives, a second later at most.
			sent := time.Now()
			publish(t, f.pub, "b")
			eventually(t, f.sub, "b")
			assert.Less(t, time.Since(sent), 2*time.Second)
		})
	}
}

func TestAStormOfPublishesIsFollowedAtOnce(t *testing.T) {
	t.Parallel()
	f := newFleet(t, nil)
	began := time.Now()
	for i := range 200 {
		id := fmt.Sprint("d", i)
		publish(t, f.pub, id)
		eventually(t, f.sub, id)
	}
	assert.Less(t, time.Since(began), 8*time.Second, "200 looks at 10 a second would take 20")
}

// TestABurstOfPublishesHoldsUpNothing publishes faster than the subscriber looks: what it finds is announced afterwards.
func TestABurstOfPublishesHoldsUpNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &fakeSource{value: fleetValue(t, 0, time.Hour)}
		s := subscribeFake(t, src, time.Hour)
		for range 100 {
			var burst []string
			for range 3 {
				src.change(func() { src.value = fleetValue(t, 0, time.Hour) })
				head, err := wire.Peek(src.value)
				require.NoError(t, err)
				burst = append(burst, string(announcement{head.Version, head.ID, 0}.encode()))
			}
			began := time.Now()
			for _, message := range burst[1:] {
				s.message(message)
				synctest.Wait()
			}
			head, err := wire.Peek(src.value)
			require.NoError(t, err)
			assert.Equal(t, head.ID, s.Status().Revision.ID)
			assert.Zero(t, time.Since(began))
			s.message(burst[0]) // late, and in vain
			synctest.Wait()
			time.Sleep(time.Millisecond)
		}
	})
}
