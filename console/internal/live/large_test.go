package live

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/wire"
	"github.com/fleetdial/fleetdial/testutil"
)

// fillFleet publishes a full history of sets with so many directives, and writes the reports of
// instances that have applied the last one. It returns a publisher of the fleet.
func fillFleet(t testing.TB, client *redis.Client, directives, instances int) *fleetdial.Publisher {
	t.Helper()
	p, err := fleetdial.NewPublisher(client, fleetdial.PublisherConfig{Fleet: "a"})
	require.NoError(t, err)
	ids := make([]string, directives)
	for i := range ids {
		ids[i] = fmt.Sprintf("directive-%05d", i)
	}
	for range fleetdial.DefaultHistory {
		publish(t, client, "a", ids...)
	}
	roster, err := p.Roster(t.Context())
	require.NoError(t, err)
	_, err = client.Pipelined(t.Context(), func(pipe redis.Pipeliner) error {
		for i := range instances {
			r := wire.Report{
				Instance: fmt.Sprintf("proxy-%04d", i), StartedAt: roster.Now, Since: roster.Now, WrittenAt: roster.Now,
				Every: time.Minute, State: fleetdial.StateLive, Source: "redis", MaxFormat: 2,
				Labels:   map[string]string{"zone": "a", "build": "2026-11"},
				Applied:  &wire.Applied{Version: roster.Version, ID: roster.ID, PublishedAt: roster.PublishedAt, At: roster.Now, Digest: roster.Digest},
				Counters: map[string]int64{"applied": 20, "fetches": 30},
				Hits:     &wire.ReportHits{Window: time.Minute},
			}
			for j := range 10 {
				r.Hits.Directives = append(r.Hits.Directives, fleetdial.ReportedHits{
					DirectiveHits: fleetdial.DirectiveHits{ID: ids[j], Hits: fleetdial.Hits{Applied: 100}}, Recent: 10,
				})
			}
			pipe.Set(t.Context(), "fleetdial:{a}:instance:"+r.Instance, wire.EncodeReport(&r), time.Hour)
			pipe.ZAdd(t.Context(), "fleetdial:{a}:fleet", redis.Z{Score: float64(r.WrittenAt.UnixMilli()), Member: r.Instance})
		}
		return nil
	})
	require.NoError(t, err)
	return p
}

// BenchmarkHub_LargeFleet measures one reading of a fleet with 10,000 directives and 5,000
// instances, in which nothing changes.
func BenchmarkHub_LargeFleet(b *testing.B) {
	client := testutil.StartRedis(b).Client(b)
	p := fillFleet(b, client, 10_000, 5000)
	r := &reader{fleet: "a", source: p, newID: func() string { return "1" }}
	require.NoError(b, r.read(b.Context(), false, func(*State) {}))
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, r.read(b.Context(), false, func(*State) {}))
	}
}

// TestState_SharesWhatDidNotChange also logs how long an update takes in a fleet that is not small.
func TestState_SharesWhatDidNotChange(t *testing.T) {
	t.Parallel()
	client := testutil.StartRedis(t).Client(t)
	p := fillFleet(t, client, 1000, 200)
	h := startHub(t, client)
	w := watch(t, h, "a")
	before := nextWith(t, w, func(s *State) bool { return len(s.Roster.Instances) == 200 })
	assert.Equal(t, fleetdial.InstanceSynced, before.Roster.Instances[199].State)
	assert.Len(t, before.Rates, 10)
	var s *State
	testutil.Eventually(t, within, "the fleet is read again", func() bool {
		var err error
		s, err = h.State(t.Context(), "a")
		require.NoError(t, err)
		return s.ReadAt.After(before.ReadAt)
	})
	assert.Same(t, before.Revision.Set, s.Revision.Set)
	assert.Same(t, &before.History[0], &s.History[0])

	published := time.Now()
	rev, err := p.Publish(context.Background(), s.Revision.Set, fleetdial.PublishOptions{})
	require.NoError(t, err)
	took := time.Since(published)
	s = nextWith(t, w, func(s *State) bool { return s.Revision.ID == rev.ID })
	t.Logf("published after %v, shown after %v", took, time.Since(published))
	assert.Len(t, s.History, fleetdial.DefaultHistory)
}
