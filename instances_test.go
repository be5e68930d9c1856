package fleetdial

import (
	"fmt"
	"hash/fnv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/testutil"
)

// canary is a fleet of many instances in two zones.
type canary struct {
	f    *fleet
	all  []*Subscriber
	zone []string
}

const canaries = 50

func newCanary(t *testing.T) *canary {
	c := &canary{f: newFleet(t, nil), all: make([]*Subscriber, canaries), zone: make([]string, canaries)}
	for i := range c.zone {
		c.zone[i] = []string{"eu", "us"}[i%2]
	}
	c.start(t)
	return c
}

// start starts the instances, and ends those that run.
func (c *canary) start(t *testing.T) {
	var wg sync.WaitGroup
	for i := range c.all {
		wg.Go(func() {
			if c.all[i] != nil {
				_ = c.all[i].Close()
			}
			cfg := testConfig()
			cfg.Instance, cfg.Labels = fmt.Sprint("web-", i), map[string]string{"zone": c.zone[i], "build": "7"}
			sub, err := Subscribe(t.Context(), c.f.client, cfg)
			if assert.NoError(t, err) {
				c.all[i] = sub
				t.Cleanup(func() { _ = sub.Close() })
			}
		})
	}
	wg.Wait()
	require.False(t, t.Failed())
}

// decided publishes a directive with these Instances, and returns which instances apply it.
func (c *canary) decided(t *testing.T, in *Instances) []bool {
	set, err := NewSet([]Directive{
		{ID: "canary", Level: ShapeTiming, SamplePerMille: 1000, ExpiresAt: time.Now().Add(time.Hour), Instances: in},
		{ID: "base", Level: Shape, SamplePerMille: 1000, ExpiresAt: time.Now().Add(time.Hour)},
	})
	require.NoError(t, err)
	rev, err := c.f.pub.Publish(t.Context(), set, PublishOptions{})
	require.NoError(t, err)
	return c.decide(t, rev.ID)
}

// decide returns which instances apply the directive, once all have the revision.
func (c *canary) decide(t *testing.T, id string) []bool {
	applied := make([]bool, len(c.all))
	for i, sub := range c.all {
		testutil.Eventually(t, within, "the instance has the revision", func() bool { return sub.Status().Revision.ID == id })
		d := sub.Decide(Request{ID: "r"})
		applied[i] = d.Level == ShapeTiming
		if !applied[i] {
			assert.Equal(t, Decision{Level: Shape, By: "base"}, d, "instance %d", i)
		}
		assert.Equal(t, 2, sub.Status().Revision.Set.Len(), "the revision has the whole set")
		assert.Equal(t, applied[i], sub.Load().Len() == 2, "Load has what concerns the instance")
	}
	return applied
}

func TestInstances_ExactlyThoseEvaluate(t *testing.T) {
	t.Parallel()
	c := newCanary(t)
	perMille := func(n int) *int { return &n }
	bucket := func(i int) uint64 {
		h := fnv.New64a()
		fmt.Fprint(h, "web-", i)
		return h.Sum64() % 1000
	}
	var before []bool
	for _, n := range []int{0, 100, 500, 1000} {
		got := c.decided(t, &Instances{Labels: map[string]string{"zone": "eu"}, PerMille: perMille(n)})
		for i, applies := range got {
			assert.Equal(t, c.zone[i] == "eu" && bucket(i) < uint64(n), applies, "web-%d at %d", i, n)
			if before != nil && before[i] {
				assert.True(t, applies, "widening keeps web-%d", i)
			}
		}
		before = got
		if n == 500 {
			rev, err := c.f.pub.Current(t.Context())
			require.NoError(t, err)
			c.start(t)
			assert.Equal(t, got, c.decide(t, rev.ID), "after a restart")
		}
	}
	none := make([]bool, canaries)
	for name, in := range map[string]*Instances{
		"label of another value": {Labels: map[string]string{"zone": "EU"}},
		"label of another name":  {Labels: map[string]string{"zones": "eu"}},
		"one label of two":       {Labels: map[string]string{"zone": "eu", "build": "8"}},
		"name":                   {Names: []string{"web-500"}},
		"name in another zone":   {Names: []string{"web-1"}, Labels: map[string]string{"zone": "eu"}},
	} {
		assert.Equal(t, none, c.decided(t, in), name)
	}
	want := make([]bool, canaries)
	want[3], want[4] = true, true
	assert.Equal(t, want, c.decided(t, &Instances{Names: []string{"web-4", "web-3", "elsewhere"}}))
}

// TestMaxPerSecond_UnderLoad decides on as many requests as the machine can, and publishes
// meanwhile.
func TestMaxPerSecond_UnderLoad(t *testing.T) {
	t.Parallel()
	f := newFleet(t, nil)
	const rate = 100
	publishCapped := func(ids ...string) {
		set := setOf(t, ids...).Directives()
		set[0].MaxPerSecond = rate
		capped, err := NewSet(set)
		require.NoError(t, err)
		_, err = f.pub.Publish(t.Context(), capped, PublishOptions{})
		require.NoError(t, err)
		eventually(t, f.sub, ids...)
	}
	publishCapped("capped")
	var applied, asked atomic.Int64
	begin := time.Now()
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				asked.Add(1)
				if f.sub.Decide(Request{ID: "r"}).By == "capped" {
					applied.Add(1)
				}
				time.Sleep(50 * time.Microsecond)
			}
		})
	}
	for i := range 5 {
		time.Sleep(300 * time.Millisecond)
		publishCapped("capped", fmt.Sprint("other-", i))
	}
	close(done)
	wg.Wait()
	most := int64(rate*time.Since(begin).Seconds()) + 2
	assert.LessOrEqual(t, applied.Load(), most)
	assert.GreaterOrEqual(t, applied.Load(), most*8/10)
	hits := f.sub.Load().Hits()
	require.NotEmpty(t, hits)
	assert.Equal(t, DirectiveHits{ID: "capped", Hits: Hits{Applied: applied.Load(), Capped: asked.Load() - applied.Load()}}, hits[0])
}
