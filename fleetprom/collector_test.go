package fleetprom_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/fleetprom"
	servers "github.com/fleetdial/fleetdial/testutil"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func setOf(t testing.TB) *fleetdial.Set {
	t.Helper()
	directive := func(id string, ttl time.Duration) fleetdial.Directive {
		return fleetdial.Directive{
			ID: id, Level: fleetdial.Shape, SamplePerMille: 1000, ExpiresAt: time.Now().Add(ttl),
			Match: fleetdial.Match{Tenant: "tenant-canary", Principal: "principal-canary"},
		}
	}
	set, err := fleetdial.NewSet([]fleetdial.Directive{
		directive("id-canary-1", time.Hour), directive("id-canary-2", time.Hour), directive("id-canary-3", -time.Hour),
	})
	require.NoError(t, err)
	return set
}

func TestCollector_MemoryStore(t *testing.T) {
	t.Parallel()
	store := fleetdial.NewMemory()
	store.Publish(setOf(t))
	require.NoError(t, testutil.CollectAndCompare(fleetprom.NewCollector(store), strings.NewReader(`
# HELP fleetdial_directives Number of directives in the set, by condition (active or expired).
# TYPE fleetdial_directives gauge
fleetdial_directives{condition="active"} 2
fleetdial_directives{condition="expired"} 1
`), "fleetdial_directives"))
}

// TestCollector_Subscriber collects the metrics of a subscriber that applied two
// revisions, the second one after an announcement, and rejected a third value.
func TestCollector_NilStore(t *testing.T) {
	t.Parallel()
	for _, store := range []fleetdial.Store{nil, (*fleetdial.Subscriber)(nil), (*fleetdial.Memory)(nil)} {
		assert.Equal(t, 2, testutil.CollectAndCount(fleetprom.NewCollector(store), "fleetdial_directives"))
	}
}

func TestCollector_Subscriber(t *testing.T) {
	t.Parallel()
	server := servers.StartRedis(t)
	client := server.Client(t)
	ctx := t.Context()
	pub, err := fleetdial.NewPublisher(client, fleetdial.PublisherConfig{})
	require.NoError(t, err)
	_, err = pub.Publish(ctx, nil, fleetdial.PublishOptions{})
	require.NoError(t, err)
	sub, err := fleetdial.Subscribe(ctx, client, fleetdial.SubscriberConfig{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer sub.Close()
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(fleetprom.NewCollector(sub)))

	rev, err := pub.Publish(ctx, setOf(t), fleetdial.PublishOptions{})
	require.NoError(t, err)
	servers.Eventually(t, 10*time.Second, "the revision is applied", func() bool { return sub.Status().Revision.ID == rev.ID })
	require.NoError(t, client.Set(ctx, "fleetdial:{default}", "junk", 0).Err())
	require.Error(t, sub.Refresh(ctx))

	got := gather(t, registry)
	assert.Equal(t, 2.0, got[`fleetdial_applied_version`])
	assert.Equal(t, 2.0, got[`fleetdial_applies_total`])
	assert.Equal(t, 1.0, got[`fleetdial_state{rejected}`])
	assert.Equal(t, 0.0, got[`fleetdial_state{live}`])
	assert.Equal(t, 1.0, got[`fleetdial_rejections_total{malformed}`])
	assert.Equal(t, 0.0, got[`fleetdial_rejections_total{replayed}`])
	assert.Equal(t, 2.0, got[`fleetdial_directives{active}`])
	assert.Equal(t, 1.0, got[`fleetdial_announcements_total`])
	assert.Equal(t, 1.0, got[`fleetdial_announce_to_apply_seconds`])
	assert.Equal(t, 1.0, got[`fleetdial_publish_to_apply_seconds`], "the revision that Subscribe applied must not count")
	assert.InDelta(t, time.Now().Unix(), got[`fleetdial_last_sync_timestamp_seconds`], 60)
	for name := range got {
		assert.NotContains(t, name, "canary")
	}
	problems, err := testutil.GatherAndLint(registry)
	require.NoError(t, err)
	assert.Empty(t, problems)
}

// TestCollector_Hits counts the requests of a subscriber by the levels of its directives, also
// after a directive was replaced.
func TestCollector_Hits(t *testing.T) {
	t.Parallel()
	client := servers.StartRedis(t).Client(t)
	ctx := t.Context()
	pub, err := fleetdial.NewPublisher(client, fleetdial.PublisherConfig{})
	require.NoError(t, err)
	publish := func(directives ...fleetdial.Directive) {
		for i := range directives {
			directives[i].SamplePerMille, directives[i].ExpiresAt = 1000, time.Now().Add(time.Hour)
		}
		set, err := fleetdial.NewSet(directives)
		require.NoError(t, err)
		_, err = pub.Publish(ctx, set, fleetdial.PublishOptions{})
		require.NoError(t, err)
	}
	publish(fleetdial.Directive{ID: "id-canary-1", Level: fleetdial.Shape},
		fleetdial.Directive{ID: "id-canary-2", Level: fleetdial.ShapeTiming, MaxPerSecond: 1})
	sub, err := fleetdial.Subscribe(ctx, client, fleetdial.SubscriberConfig{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer sub.Close()
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(fleetprom.NewCollector(sub)))
	for range 1000 {
		sub.Decide(fleetdial.Request{ID: "r"})
	}
	got := gather(t, registry)
	assert.Equal(t, 1000.0, got[`fleetdial_hits_total{Shape}`])
	assert.Equal(t, 0.0, got[`fleetdial_hits_total{ShapeRewriteDiff}`])
	assert.Equal(t, 0.0, got[`fleetdial_capped_total{Shape}`])
	assert.Positive(t, got[`fleetdial_hits_total{ShapeTiming}`])
	assert.Positive(t, got[`fleetdial_capped_total{ShapeTiming}`])
	assert.Equal(t, 1000.0, got[`fleetdial_hits_total{ShapeTiming}`]+got[`fleetdial_capped_total{ShapeTiming}`])

	publish()
	require.NoError(t, sub.Refresh(ctx))
	assert.Equal(t, 1000.0, gather(t, registry)[`fleetdial_hits_total{Shape}`], "a counter never decreases")
	for name := range got {
		assert.NotContains(t, name, "canary")
	}
	assert.Zero(t, testutil.CollectAndCount(fleetprom.NewCollector(fleetdial.Static(nil)), "fleetdial_hits_total"),
		"a store that does not count")
}

// gather returns the value of each metric by its name and label values. The value of a
// histogram is its count.
func gather(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	out := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, label := range m.GetLabel() {
				name += "{" + label.GetValue() + "}"
			}
			switch family.GetType() {
			case dto.MetricType_GAUGE:
				out[name] = m.GetGauge().GetValue()
			case dto.MetricType_COUNTER:
				out[name] = m.GetCounter().GetValue()
			default:
				out[name] = float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return out
}
