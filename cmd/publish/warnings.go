package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
)

// warnOfInstances shows which instances the changes concern, and names those on which a publish
// has not the effect that it asks for. If the roster cannot be read, warnOfInstances is silent,
// because the publish does not need it.
func (a *app) warnOfInstances(
	ctx context.Context, p *fleetdial.Publisher, diff fleetdial.Diff, to fleetdial.Revision,
) {
	roster, err := a.rosterNow(ctx, p)
	if err != nil {
		return
	}
	a.messageLines(concernLines(roster, diff))
	for _, line := range instanceWarnings(roster, diff, to.SignedBy != "") {
		a.messagef("warning: %s", line)
	}
}

// instanceWarnings returns what the reports of the live instances say against a publish.
func instanceWarnings(roster fleetdial.Roster, diff fleetdial.Diff, signed bool) (lines []string) {
	live := slices.DeleteFunc(slices.Clone(roster.Instances), func(in fleetdial.Instance) bool {
		return in.State == fleetdial.InstanceGone || in.Report == nil
	})
	changed := publishedDirectives(diff)
	lacks := func(c fleetdial.Capability) []string {
		return namesOf(live, func(r *fleetdial.Report) bool {
			return r.Capabilities != nil && !slices.Contains(r.Capabilities, c)
		})
	}
	for _, need := range []struct {
		capability fleetdial.Capability
		asked      func(fleetdial.Directive) bool
		place      string
	}{
		{fleetdial.CapabilityCaptures, func(d fleetdial.Directive) bool { return d.Capture }, "no place for captures"},
		{fleetdial.CapabilityRingBuffer, func(d fleetdial.Directive) bool { return d.RingBuffer }, "no ring buffer"},
	} {
		if !slices.ContainsFunc(changed, need.asked) {
			continue
		}
		if names := lacks(need.capability); len(names) > 0 {
			verb := "have"
			if len(names) == 1 {
				verb = "has"
			}
			lines = append(lines, fmt.Sprintf("%d of %s %s %s: %s",
				len(names), tui.Count(len(live), "instance"), verb, need.place, some(names)))
		}
	}
	if signed {
		return lines
	}
	if names := namesOf(live, func(r *fleetdial.Report) bool { return r.Verifies }); len(names) == 1 {
		lines = append(lines, "1 instance applies signed revisions only, and will reject this one: "+some(names))
	} else if len(names) > 1 {
		lines = append(lines, fmt.Sprintf("%d instances apply signed revisions only, and will reject this one: %s",
			len(names), some(names)))
	}
	return lines
}

// namesOf returns the names of the instances whose reports have a property.
func namesOf(instances []fleetdial.Instance, has func(*fleetdial.Report) bool) (names []string) {
	for _, in := range instances {
		if has(in.Report) {
			names = append(names, tui.Printable(in.Name))
		}
	}
	return names
}

// some returns the first names, and how many others there are.
func some(names []string) string {
	const limit = 5
	if more := len(names) - limit; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:limit], ", "), more)
	}
	return strings.Join(names, ", ")
}
