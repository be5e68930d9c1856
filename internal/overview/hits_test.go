package overview

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
)

// hitsFleet returns a revision that was published 30 s ago, and its roster of two instances,
// which both reported a second ago that the directive busy was hit.
func hitsFleet(t *testing.T) (fleetdial.Revision, fleetdial.Roster) {
	t.Helper()
	now := time.UnixMilli(1_790_000_000_000)
	directive := func(id string, change func(*fleetdial.Directive)) fleetdial.Directive {
		d := fleetdial.Directive{
			ID: id, Level: fleetdial.Shape, SamplePerMille: 1000, ExpiresAt: now.Add(time.Minute), Match: fleetdial.Match{Tenant: "t"},
		}
		if change != nil {
			change(&d)
		}
		return d
	}
	on := func(names ...string) func(*fleetdial.Directive) {
		return func(d *fleetdial.Directive) { d.Instances = &fleetdial.Instances{Names: names} }
	}
	set, err := fleetdial.NewSet([]fleetdial.Directive{
		directive("idle", nil), directive("busy", nil),
		directive("off", func(d *fleetdial.Directive) { d.Level = fleetdial.Off }),
		directive("none", func(d *fleetdial.Directive) { d.SamplePerMille = 0 }),
		directive("expired", func(d *fleetdial.Directive) { d.ExpiresAt = now }),
		directive("on b", on("b")), directive("nowhere", on("c")),
	})
	require.NoError(t, err)
	rev := fleetdial.Revision{Version: 4, ID: strings.Repeat("a1", 16), PublishedAt: now.Add(-30 * time.Second), Set: set}
	roster := fleetdial.Roster{Now: now, Published: true, Version: 4, ID: rev.ID, PublishedAt: rev.PublishedAt}
	for i, name := range []string{"a", "b", "gone"} {
		busy := fleetdial.ReportedHits{DirectiveHits: fleetdial.DirectiveHits{ID: "busy", Hits: fleetdial.Hits{Applied: 40, Capped: 2}}, Recent: 5}
		roster.Instances = append(roster.Instances, fleetdial.Instance{
			Name: name, State: fleetdial.InstanceSynced, Report: &fleetdial.Report{
				Instance: name, WrittenAt: now.Add(-time.Second), Applied: &fleetdial.Applied{Version: 4, ID: rev.ID},
				Hits: &fleetdial.ReportHits{
					Directives: []fleetdial.ReportedHits{busy}, Window: 10 * time.Second, Total: busy.Hits,
				},
			},
		})
		if name == "gone" {
			roster.Instances[i].State = fleetdial.InstanceGone
		}
	}
	return rev, roster
}

func TestHits_WithoutHits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*fleetdial.Revision, *fleetdial.Roster)
		want   []string
	}{
		"ten seconds later": {func(*fleetdial.Revision, *fleetdial.Roster) {}, []string{"idle", "on b"}},
		"too early": {func(rev *fleetdial.Revision, _ *fleetdial.Roster) {
			rev.PublishedAt = rev.PublishedAt.Add(20*time.Second + time.Millisecond)
		}, nil},
		"one report is too early": {func(_ *fleetdial.Revision, r *fleetdial.Roster) {
			r.Instances[1].Report.WrittenAt = r.PublishedAt.Add(9 * time.Second)
		}, nil},
		"the report of an instance that does not matter is too early": {func(_ *fleetdial.Revision, r *fleetdial.Roster) {
			r.Instances[0].Report.WrittenAt = r.PublishedAt
		}, []string{"on b"}},
		"an instance does not count": {func(_ *fleetdial.Revision, r *fleetdial.Roster) { r.Instances[0].Report.Hits = nil }, []string{"on b"}},
		"an instance has no report":  {func(_ *fleetdial.Revision, r *fleetdial.Roster) { r.Instances[0].Report = nil }, []string{"on b"}},
		"an instance names 32": {func(_ *fleetdial.Revision, r *fleetdial.Roster) {
			for i := range fleetdial.MaxReportedHits - 1 {
				r.Instances[0].Report.Hits.Directives = append(r.Instances[0].Report.Hits.Directives,
					fleetdial.ReportedHits{DirectiveHits: fleetdial.DirectiveHits{ID: fmt.Sprint(i)}})
			}
		}, []string{"on b"}},
		"no instance":    {func(_ *fleetdial.Revision, r *fleetdial.Roster) { r.Instances = nil }, nil},
		"another one":    {func(rev *fleetdial.Revision, _ *fleetdial.Roster) { rev.ID = strings.Repeat("b2", 16) }, nil},
		"an empty value": {func(rev *fleetdial.Revision, _ *fleetdial.Roster) { rev.Version = 0 }, nil},
		"a shared name": {func(_ *fleetdial.Revision, r *fleetdial.Roster) {
			r.Instances[1].Name, r.Instances[1].Report.Shared = "b~0a1b2c", "b"
		}, []string{"idle", "on b"}},
	} {
		rev, roster := hitsFleet(t)
		c.change(&rev, &roster)
		v := NewHits(rev, roster)
		assert.Equal(t, c.want, v.WithoutHits(), name)
	}
}
