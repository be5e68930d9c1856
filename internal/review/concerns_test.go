package review

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/overview"
)

// reporting returns a live instance that reports under its name and has these labels.
func reporting(name string, labels map[string]string) fleetdial.Instance {
	return fleetdial.Instance{
		Name: name, State: fleetdial.InstanceSynced, Report: &fleetdial.Report{Instance: name, Labels: labels},
	}
}

func TestConcernLines(t *testing.T) {
	t.Parallel()
	zone := func(value string) map[string]string { return map[string]string{"zone": value} }
	fleet := func(n int) (all []fleetdial.Instance) {
		for i := range n {
			all = append(all, reporting(fmt.Sprint("web-", i), zone([]string{"eu", "us"}[i%2])))
		}
		return all
	}
	aside := reporting("web-0~123456", zone("eu"))
	aside.Report.Shared = "web-0"
	gone := reporting("gone", zone("ap"))
	gone.State = fleetdial.InstanceGone
	unread := fleetdial.Instance{Name: "unread", State: fleetdial.InstanceStale}
	perMille := 1000
	for name, c := range map[string]struct {
		instances []fleetdial.Instance
		in        *fleetdial.Instances
		want      []string
	}{
		"all":        {fleet(2), nil, nil},
		"one":        {fleet(1), &fleetdial.Instances{Names: []string{"web-0"}}, []string{"d: concerns 1 of 1 live instance: web-0"}},
		"label":      {fleet(4), &fleetdial.Instances{Labels: zone("us")}, []string{"d: concerns 2 of 4 live instances: web-1, web-3"}},
		"many":       {fleet(9), &fleetdial.Instances{PerMille: &perMille}, []string{"d: concerns 9 of 9 live instances: web-0, web-1, web-2, web-3, web-4 and 4 more"}},
		"two of one": {append(fleet(2), aside), &fleetdial.Instances{Names: []string{"web-0"}}, []string{"d: concerns 2 of 3 live instances: web-0, web-0~123456"}},
		"row's name": {append(fleet(1), aside), &fleetdial.Instances{Names: []string{aside.Name}}, []string{
			"warning: d: concerns 0 of 2 live instances", "warning: d: no live instance has the name web-0~123456",
		}},
		"gone": {append(fleet(1), gone), &fleetdial.Instances{Labels: zone("ap")}, []string{
			"warning: d: concerns 0 of 1 live instance", "warning: d: no live instance has zone=ap (zone: eu)",
		}},
		"unread": {append(fleet(1), unread), &fleetdial.Instances{Labels: zone("eu")}, []string{
			"d: concerns 1 of 2 live instances: web-0 (1 instance not known, because no report can be read)",
		}},
		"no instances": {nil, &fleetdial.Instances{Labels: zone("eu")}, []string{"warning: d: concerns 0 of 0 live instances"}},
		"each problem": {fleet(2), &fleetdial.Instances{Names: []string{"web-1", "web-11"}, Labels: map[string]string{"zone": "uss", "rack": "1"}}, []string{
			"warning: d: concerns 0 of 2 live instances",
			"warning: d: no live instance has the name web-11 (did you mean web-1?)",
			"warning: d: no live instance has the label rack",
			"warning: d: no live instance has zone=uss (did you mean us?)",
		}},
	} {
		d := fleetdial.Directive{ID: "d", Instances: c.in}
		roster := fleetdial.Roster{Instances: c.instances}
		assert.Equal(t, c.want, ConcernLines(roster, fleetdial.Diff{Added: []fleetdial.Directive{d}}), name)
		changed := fleetdial.Diff{Changed: []fleetdial.Changed{{After: d}}, Removed: []fleetdial.Directive{{ID: "old", Instances: &fleetdial.Instances{}}}}
		assert.Equal(t, c.want, ConcernLines(roster, changed), name)
	}
}

func TestConcernLines_ManyUnknownNames(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range 8 {
		names = append(names, fmt.Sprint("nobody-", i))
	}
	roster := fleetdial.Roster{Instances: []fleetdial.Instance{reporting("a", nil)}}
	d := fleetdial.Directive{ID: "d", Instances: &fleetdial.Instances{Names: names}}
	lines := ConcernLines(roster, fleetdial.Diff{Added: []fleetdial.Directive{d}})
	require.Len(t, lines, 7)
	assert.Equal(t, "warning: d: no live instance has 3 more of the names", lines[6])
}

func TestFleetView_DirectivesOf(t *testing.T) {
	t.Parallel()
	now := time.Now()
	later, names := now.Add(time.Minute), &fleetdial.Instances{Names: []string{"web"}}
	view := overview.NewView(fleetdial.Roster{Now: now}, []fleetdial.Directive{
		{ID: "general", ExpiresAt: later},
		{ID: "canary", ExpiresAt: later, Instances: names},
		{ID: "expired", ExpiresAt: now, Instances: names},
		{ID: "general-2", ExpiresAt: later},
		{ID: "over", ExpiresAt: now},
	})
	aside := reporting("web~123456", nil)
	aside.Report.Shared = "web"
	for _, in := range []fleetdial.Instance{reporting("web", nil), aside} {
		c, known := view.DirectivesOf(in)
		assert.True(t, known)
		assert.Equal(t, []string{"canary", "general", "general-2"}, c.IDs())
		assert.Equal(t, "canary, general, general-2", c.Text(3))
		assert.Equal(t, "canary, general and 1 more", c.Text(2))
	}
	c, known := view.DirectivesOf(reporting("api", nil))
	assert.True(t, known)
	assert.Equal(t, "general and 1 more", c.Text(1))
	_, known = view.DirectivesOf(fleetdial.Instance{Name: "unread"})
	assert.False(t, known)
	view = overview.View{}
	c, known = view.DirectivesOf(aside)
	assert.False(t, known)
	assert.Equal(t, "-", c.Text(3))
}

// TestExplain_Perspective decides as each of two instances with one configured name, and as
// another one.
func TestExplain_Perspective(t *testing.T) {
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
