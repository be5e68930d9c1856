package signin

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestLimiter_RefillsByTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(2, 10*time.Second)
		assert.Zero(t, l.take("a"))
		assert.Zero(t, l.take("a"))
		assert.Equal(t, 10*time.Second, l.take("a"))
		assert.Zero(t, l.take("b"), "another key")
		time.Sleep(4 * time.Second)
		assert.InDelta(t, 6*time.Second, l.take("a"), float64(time.Microsecond))
		time.Sleep(6*time.Second + time.Microsecond)
		assert.Zero(t, l.take("a"))
		assert.NotZero(t, l.take("a"))
		l.giveBack("a")
		assert.Zero(t, l.take("a"))
		time.Sleep(time.Hour)
		assert.Zero(t, l.take("a"))
		assert.Zero(t, l.take("a"))
		assert.NotZero(t, l.take("a"), "no more than the burst")
	})
}

func TestLimiter_IsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(1, time.Hour)
		assert.Zero(t, l.take("oldest"))
		time.Sleep(time.Second)
		assert.Zero(t, l.take("second"))
		for i := range maxBuckets - 1 {
			time.Sleep(time.Millisecond)
			l.take(fmt.Sprint(i))
		}
		assert.Len(t, l.buckets, maxBuckets)
		assert.NotContains(t, l.buckets, "oldest")
		assert.NotZero(t, l.take("second"))
		time.Sleep(2 * time.Hour)
		l.take("new")
		assert.Len(t, l.buckets, 1, "full buckets tell nothing")
	})
}

func TestNetworkOf(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{
		"192.0.2.1:1":                   "192.0.2.1",
		"[::ffff:192.0.2.1]:1":          "192.0.2.1",
		"[2001:db8:1:2:3:4:5:6]:1":      "2001:db8:1:2::/64",
		"[2001:db8:1:2:9::%eth0]:65535": "2001:db8:1:2::/64",
		"@":                             "",
	} {
		assert.Equal(t, want, networkOf(remote), remote)
	}
}
