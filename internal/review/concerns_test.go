package review

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
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
