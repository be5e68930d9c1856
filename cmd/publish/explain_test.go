package main

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/review"
)

// TestExplain_SharesAreThoseOfAllRequestIDs compares the shares with the decisions for one
// request id of each bucket.
func TestExplain_SharesAreThoseOfAllRequestIDs(t *testing.T) {
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
		shares := review.DecisionShares(set.Explain(req, now), false)
		bucket := 0
		for _, s := range shares {
			for range s.PerMille {
				req.ID = ids[bucket]
				d := set.Evaluate(req, now)
				require.Equal(t, review.RecordingText(d), review.RecordingText(s.Decision), "bucket %d", bucket)
				bucket++
			}
		}
		require.Equal(t, 1000, bucket)
	})
}
