package review

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/fleetdial/fleetdial"
)

// TestDecisionShares_AreThoseOfAllRequestIDs compares the shares with the decisions for one
// request id of each bucket.
func TestDecisionShares_AreThoseOfAllRequestIDs(t *testing.T) {
	t.Parallel()
	ids := make(map[int]string)
	for i := 0; len(ids) < 1000; i++ {
		id := strconv.Itoa(i)
		ids[new(fleetdial.Set).Explain(fleetdial.Request{ID: id}, time.Time{}).Bucket] = id
	}
	now := time.Now()
	rapid.Check(t, func(t *rapid.T) {
		directives := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) fleetdial.Directive {
			return fleetdial.Directive{
				ID:             rapid.StringMatching("[a-e]{1,4}").Draw(t, "id"),
				Level:          rapid.SampledFrom([]fleetdial.Level{fleetdial.Off, fleetdial.Shape, fleetdial.ShapeTiming, fleetdial.ShapeRewriteDiff}).Draw(t, "level"),
				SamplePerMille: rapid.OneOf(rapid.IntRange(0, 1000), rapid.SampledFrom([]int{0, 1, 999, 1000})).Draw(t, "sample"),
				RingBuffer:     rapid.Bool().Draw(t, "ring"), Capture: rapid.Bool().Draw(t, "capture"),
				Match:     fleetdial.Match{Tenant: rapid.SampledFrom([]string{"", "acme", "other"}).Draw(t, "tenant")},
				ExpiresAt: now.Add(rapid.SampledFrom([]time.Duration{-time.Second, time.Hour}).Draw(t, "ttl")),
			}
		}), 0, 5, func(d fleetdial.Directive) string { return d.ID }).Draw(t, "directives")
		set, err := fleetdial.NewSet(directives)
		require.NoError(t, err)
		req := fleetdial.Request{Tenant: "acme", Endpoint: fleetdial.Search}
		shares := DecisionShares(set.Explain(req, now), false)
		bucket := 0
		for _, s := range shares {
			for range s.PerMille {
				req.ID = ids[bucket]
				d := set.Evaluate(req, now)
				require.Equal(t, recordingText(d), recordingText(s.Decision), "bucket %d", bucket)
				bucket++
			}
		}
		require.Equal(t, 1000, bucket)
	})
}

// TestPerspective_Explain decides as each of two instances with one configured name, and as
// another one.
func TestPerspective_Explain(t *testing.T) {
	t.Parallel()
	now := time.Now()
	set, err := fleetdial.NewSet([]fleetdial.Directive{
		{ID: "eu", Level: fleetdial.ShapeTiming, SamplePerMille: 1000, ExpiresAt: now.Add(time.Hour), Instances: &fleetdial.Instances{
			Names: []string{"web"}, Labels: map[string]string{"zone": "eu"},
		}},
		{ID: "all", Level: fleetdial.Shape, SamplePerMille: 1000, ExpiresAt: now.Add(time.Hour)},
	})
	require.NoError(t, err)
	for _, c := range []struct {
		view   Perspective
		other  bool
		whyNot string
	}{
		{Perspective{}, true, "only on web and zone=eu (see --instance)"},
		{Perspective{"web~1", "web", map[string]string{"zone": "eu"}}, false, ""},
		{Perspective{"web", "web", map[string]string{"zone": "us"}}, true, "other instances: only on web and zone=eu"},
		{Perspective{"web~1", "web~1", map[string]string{"zone": "eu"}}, true, "other instances: only on web and zone=eu"},
	} {
		e := c.view.Explain(set, fleetdial.Request{ID: "r"}, now)
		require.Len(t, e.Directives, 2)
		assert.Equal(t, c.other, e.Directives[0].OtherInstances, "%+v", c.view)
		assert.Equal(t, c.whyNot, WhyNot(c.view, e.Directives[0], e.Bucket, "r", now))
		want := fleetdial.ShapeTiming
		if c.other {
			want = fleetdial.Shape
		}
		assert.Equal(t, want, e.Decision.Level, "%+v", c.view)
		assert.Equal(t, want, DecisionShares(e, false)[0].Decision.Level, "%+v", c.view)
	}
}
