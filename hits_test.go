package fleetdial

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/wire"
	"github.com/fleetdial/fleetdial/testutil"
)

// counted returns hits.
func counted(applied, capped int64) Hits { return Hits{Applied: applied, Capped: capped} }

// reportedHits returns the hits of a report, for directives named by their ids.
func reportedHits(window time.Duration, total Hits, recent map[string]int64, hits ...DirectiveHits) *ReportHits {
	out := &ReportHits{Window: window, Total: total}
	for _, h := range hits {
		out.Directives = append(out.Directives, ReportedHits{DirectiveHits: h, Recent: recent[h.ID]})
	}
	return out
}

func TestRosterHits_AddsUp(t *testing.T) {
	t.Parallel()
	roster, a := judged()
	instance := func(name string, age time.Duration, hits *ReportHits, change func(*Instance)) {
		rep, applied := *a.Report, *a.Report.Applied
		rep.Applied, rep.WrittenAt, rep.Hits = &applied, roster.Now.Add(-age), hits
		in := Instance{Name: name, State: InstanceSynced, Report: &rep}
		if change != nil {
			change(&in)
		}
		roster.Instances = append(roster.Instances, in)
	}
	x := func(applied, capped int64) DirectiveHits {
		return DirectiveHits{ID: "x", Hits: counted(applied, capped)}
	}
	y := DirectiveHits{ID: "y", Hits: Hits{Applied: 5}}
	some := reportedHits(10*time.Second, counted(1000, 10), nil, x(1000, 10))
	assert.Equal(t, RosterHits{}, roster.Hits(), "an empty roster")

	instance("a", 3*time.Second, reportedHits(10*time.Second, counted(105, 7), map[string]int64{"x": 50, "y": 5}, x(100, 7), y), nil)
	instance("b", 9*time.Second, reportedHits(5*time.Second, counted(30, 1), map[string]int64{"x": 10}, x(20, 1)), nil)
	instance("just begun", time.Second, reportedHits(0, counted(1, 0), map[string]int64{"x": 1}, x(1, 0)), nil)
	instance("gone", time.Minute, some, func(in *Instance) { in.State = InstanceGone })
	instance("behind", time.Minute, some, func(in *Instance) { in.Report.Applied.ID = wire.NewID() })
	instance("altered", time.Minute, some, func(in *Instance) { in.Report.Applied.Digest = "f" })
	instance("older build", time.Minute, nil, nil)
	instance("nothing applied", time.Minute, some, func(in *Instance) { in.Report.Applied = nil })
	instance("no report", time.Minute, some, func(in *Instance) { in.Report = nil })
	instance("stale", 2*time.Second, reportedHits(time.Second, Hits{}, nil), func(in *Instance) { in.State = InstanceStale })

	got := roster.Hits()
	assert.Equal(t, []RosterDirectiveHits{
		{DirectiveHits: x(121, 8), Rate: 7, Instances: 3},
		{DirectiveHits: y, Rate: 0.5, Instances: 1},
	}, got.Directives)
	assert.Equal(t, Hits{Applied: 136, Capped: 8}, got.Hits)
	assert.InDelta(t, 7.5, got.Rate, 1e-9)
	assert.Equal(t, 4, got.Instances)
	assert.Equal(t, 1, got.Truncated, "b has counted 10 more than it names")
	assert.Equal(t, roster.Now.Add(-9*time.Second), got.Oldest)
}

// TestRosterHits_TruncatedByCaps has an instance leave out directives that only limits concerned.
func TestRosterHits_TruncatedByCaps(t *testing.T) {
	t.Parallel()
	roster, a := judged()
	named := DirectiveHits{ID: "x", Hits: counted(5, 2)}
	a.Report.Hits = reportedHits(10*time.Second, counted(5, 3), nil, named)
	roster.Instances = []Instance{a}
	assert.Equal(t, 1, roster.Hits().Truncated)
	a.Report.Hits.Total = named.Hits
	assert.Zero(t, roster.Hits().Truncated)
}

// publishTenants publishes a directive for each tenant, with its name as the id.
func publishTenants(t *testing.T, p *Publisher, tenants ...string) {
	t.Helper()
	var all []Directive
	for _, tenant := range tenants {
		all = append(all, Directive{
			ID: tenant, Level: Shape, SamplePerMille: 1000, ExpiresAt: time.Now().Add(time.Hour), Match: Match{Tenant: tenant},
		})
	}
	set, err := NewSet(all)
	require.NoError(t, err)
	_, err = p.Publish(t.Context(), set, PublishOptions{})
	require.NoError(t, err)
}

// TestRosterHits_OfSubscribers counts the requests of two subscribers, of which one has more
// directives with hits than it names.
func TestRosterHits_OfSubscribers(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports)
	subs := []*Subscriber{f.join(t, "a", nil), f.join(t, "b", nil)}
	ids := make([]string, MaxReportedHits+4)
	for i := range ids {
		ids[i] = fmt.Sprintf("d%02d", i)
	}
	publishTenants(t, f.pub, ids...)
	f.waitForRows(t, map[string]InstanceState{"a": InstanceSynced, "b": InstanceSynced})
	decide := func(sub *Subscriber, id string, n int) {
		for range n {
			sub.Decide(Request{Tenant: id, ID: "r"})
		}
	}
	for _, id := range ids {
		decide(subs[0], id, 2)
	}
	decide(subs[1], ids[0], 5)
	var hits RosterHits
	total := int64(2*len(ids) + 5)
	testutil.Eventually(t, within, "the reports hold all hits", func() bool {
		roster, err := f.pub.Roster(t.Context())
		require.NoError(t, err)
		hits = roster.Hits()
		return hits.Applied == total
	})
	assert.Equal(t, 2, hits.Instances)
	assert.Equal(t, 1, hits.Truncated)
	require.Len(t, hits.Directives, MaxReportedHits)
	assert.Equal(t, DirectiveHits{ID: ids[0], Hits: Hits{Applied: 7}}, hits.Directives[0].DirectiveHits)
	assert.Equal(t, 2, hits.Directives[0].Instances)

	publishTenants(t, f.pub, ids[0])
	testutil.Eventually(t, within, "the counts go on, and those of ended directives are left out", func() bool {
		roster, err := f.pub.Roster(t.Context())
		require.NoError(t, err)
		hits = roster.Hits()
		return hits.Instances == 2
	})
	assert.EqualValues(t, 7, hits.Applied)
	assert.Zero(t, hits.Truncated)
}
