package review

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/fleetdial/fleetdial"
)

func TestInstanceWarnings(t *testing.T) {
	t.Parallel()
	none, captures := []fleetdial.Capability{}, []fleetdial.Capability{fleetdial.CapabilityCaptures}
	fleet := func(n int, capabilities []fleetdial.Capability, verifies bool) (all []fleetdial.Instance) {
		for i := range n {
			all = append(all, fleetdial.Instance{
				Name: fmt.Sprint("p", i), State: fleetdial.InstanceSynced,
				Report: &fleetdial.Report{Capabilities: capabilities, Verifies: verifies},
			})
		}
		return all
	}
	gone := fleet(1, none, true)
	gone[0].State = fleetdial.InstanceGone
	missing := []fleetdial.Instance{{Name: "missing", State: fleetdial.InstanceStale}}
	added := func(d fleetdial.Directive) fleetdial.Diff { return fleetdial.Diff{Added: []fleetdial.Directive{d}} }
	capture, ring := added(fleetdial.Directive{Capture: true}), added(fleetdial.Directive{RingBuffer: true})
	changed := fleetdial.Diff{Changed: []fleetdial.Changed{{After: fleetdial.Directive{Capture: true}}}}
	removed := fleetdial.Diff{Removed: []fleetdial.Directive{{Capture: true}}}
	for name, c := range map[string]struct {
		instances []fleetdial.Instance
		diff      fleetdial.Diff
		signed    bool
		want      []string
	}{
		"no instances":   {nil, capture, false, nil},
		"not stated":     {fleet(3, nil, false), capture, false, nil},
		"able":           {fleet(3, captures, false), capture, false, nil},
		"gone, missing":  {append(gone, missing...), capture, false, nil},
		"other level":    {fleet(3, none, false), added(fleetdial.Directive{}), false, nil},
		"removed":        {fleet(3, none, false), removed, false, nil},
		"one of three":   {append(fleet(1, none, false), fleet(2, captures, false)...), capture, false, []string{"1 of 3 instances has no place for captures: p0"}},
		"changed":        {fleet(2, none, false), changed, false, []string{"2 of 2 instances have no place for captures: p0, p1"}},
		"ring buffer":    {fleet(1, captures, false), ring, false, []string{"1 of 1 instance has no ring buffer: p0"}},
		"many":           {fleet(7, none, false), capture, false, []string{"7 of 7 instances have no place for captures: p0, p1, p2, p3, p4 and 2 more"}},
		"signed":         {fleet(2, nil, true), removed, true, nil},
		"one verifies":   {fleet(1, nil, true), removed, false, []string{"1 instance applies signed revisions only, and will reject this one: p0"}},
		"three verify":   {fleet(3, nil, true), removed, false, []string{"3 instances apply signed revisions only, and will reject this one: p0, p1, p2"}},
		"forged name":    {[]fleetdial.Instance{{Name: "\x1b[2J", Report: &fleetdial.Report{Capabilities: none}}}, capture, false, []string{`1 of 1 instance has no place for captures: "\x1b[2J"`}},
		"both are named": {fleet(1, none, true), capture, false, []string{"1 of 1 instance has no place for captures: p0", "1 instance applies signed revisions only, and will reject this one: p0"}},
	} {
		assert.Equal(t, c.want, instanceWarnings(fleetdial.Roster{Instances: c.instances}, c.diff, c.signed), name)
	}
}
