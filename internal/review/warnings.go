package review

import (
	"fmt"
	"slices"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/plain"
)

// UnsignedOverSigned is the question before an unsigned revision replaces a signed one.
func UnsignedOverSigned(signed fleetdial.Revision) string {
	return fmt.Sprintf("version %d is signed and the new revision is not; "+
		"proxies that verify signatures will reject the new revision", signed.Version)
}

// FormatWarning names the instances that do not read the format of the new revision.
func FormatWarning(e *fleetdial.FormatError) string {
	if e.Err != nil {
		return fmt.Sprintf("the set needs format %d, and the roster cannot be read, so that instances may reject the revision: %v",
			e.Format, e.Err)
	}
	names := make([]string, len(e.Instances))
	for i, in := range e.Instances {
		names[i] = plain.Word(in.Name)
		if in.MaxFormat == 0 {
			names[i] += " (not known)"
		}
	}
	who := fmt.Sprintf("%d live instances do", len(names))
	if len(names) == 1 {
		who = "1 live instance does"
	}
	return fmt.Sprintf("the set needs format %d, which %s not read: %s (such an instance rejects the revision and keeps its set; "+
		"upgrade it first, or leave out instances and max_per_second)", e.Format, who, plain.First(5, names))
}

// instanceWarnings returns what the reports of the live instances say against a publish.
func instanceWarnings(roster fleetdial.Roster, diff fleetdial.Diff, signed bool) (lines []string) {
	live := slices.DeleteFunc(slices.Clone(roster.Instances), func(in fleetdial.Instance) bool {
		return in.State == fleetdial.InstanceGone || in.Report == nil
	})
	changed := published(diff)
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
				len(names), plain.Count(len(live), "instance"), verb, need.place, plain.First(5, names)))
		}
	}
	if signed {
		return lines
	}
	if names := namesOf(live, func(r *fleetdial.Report) bool { return r.Verifies }); len(names) == 1 {
		lines = append(lines, "1 instance applies signed revisions only, and will reject this one: "+plain.First(5, names))
	} else if len(names) > 1 {
		lines = append(lines, fmt.Sprintf("%d instances apply signed revisions only, and will reject this one: %s",
			len(names), plain.First(5, names)))
	}
	return lines
}

// namesOf returns the names of the instances whose reports have a property.
func namesOf(instances []fleetdial.Instance, has func(*fleetdial.Report) bool) (names []string) {
	for _, in := range instances {
		if has(in.Report) {
			names = append(names, plain.Printable(in.Name))
		}
	}
	return names
}
