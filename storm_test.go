package fleetdial

import (
	"fmt"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/wire"
)

// fetchesPerSecond is how many fetches messages that lead to nothing cost in a second.
const fetchesPerSecond = 10

var getranges = regexp.MustCompile(`cmdstat_getrange:calls=(\d+)`)

// reads returns how often the key has been read.
func (f *fleet) reads(t testing.TB) int {
	t.Helper()
	info, err := f.client.Info(t.Context(), "commandstats").Result()
	require.NoError(t, err)
	found := getranges.FindStringSubmatch(info)
	require.NotNil(t, found)
	n, err := strconv.Atoi(found[1])
	require.NoError(t, err)
	return n
}

func TestSubscriber_StormOfMessagesCostsLittle(t *testing.T) {
	t.Parallel()
	fetch := func(int) string { return "fetch" }
	announce := func(version int64, id string) string {
		return string(wire.Announcement{Version: version, ID: id}.Encode())
	}
	for name, c := range map[string]struct {
		message  func(i int) string
		isSigned bool
	}{
		"fetch":          {message: fetch},
		"announcements":  {message: func(i int) string { return announce(int64(i+10), wire.NewID()) }},
		"the same again": {message: func(int) string { return announce(10, fmt.Sprintf("%032d", 1)) }},
		"a signed fleet": {message: fetch, isSigned: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, nil)
			if c.isSigned {
				f, _, _ = signedFleet(t)
			}
			publish(t, f.pub, "a")
			eventually(t, f.sub, "a")
			before, began := f.reads(t), time.Now()
			var storm sync.WaitGroup
			storm.Go(func() {
				for i := 0; time.Since(began) < 2500*time.Millisecond; i++ {
					f.client.Publish(t.Context(), testKey, c.message(i))
				}
			})
			storm.Wait()
			reads, seconds := f.reads(t)-before, time.Since(began).Seconds()
			// Each second that began has its ten, and the revision costs one more.
			assert.LessOrEqual(t, reads, fetchesPerSecond*(int(seconds)+1)+1)
			assert.Positive(t, reads)

			// A revision that is published after the storm arrives within a second or so.
			sent := time.Now()
			publish(t, f.pub, "b")
			eventually(t, f.sub, "b")
			assert.Less(t, time.Since(sent), 2*time.Second)
		})
	}
}

func TestSubscriber_StormOfPublishesIsFollowedAtOnce(t *testing.T) {
	t.Parallel()
	f := newFleet(t, nil)
	began := time.Now()
	for i := range 200 {
		id := fmt.Sprint("d", i)
		publish(t, f.pub, id)
		eventually(t, f.sub, id)
	}
	assert.Less(t, time.Since(began), 8*time.Second, "200 fetches at 10 a second would take 20")
}
