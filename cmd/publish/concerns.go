package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
)

// liveInstances returns the instances of a roster that are not GONE.
func liveInstances(roster fleetdial.Roster) []fleetdial.Instance {
	return slices.DeleteFunc(slices.Clone(roster.Instances), func(in fleetdial.Instance) bool {
		return in.State == fleetdial.InstanceGone
	})
}

// concerns reports whether a directive is for the instance that wrote the report.
func concerns(d fleetdial.Directive, r *fleetdial.Report) bool {
	return d.Instances.Include(r.ConfiguredName(), r.Labels)
}

// concernLines returns a line for each added or changed directive that has instances: the live
// instances that it concerns, and warnings.
func concernLines(roster fleetdial.Roster, diff fleetdial.Diff) (lines []string) {
	live := liveInstances(roster)
	known := selectorsOf(live)
	for _, d := range publishedDirectives(diff) {
		if d.Instances == nil {
			continue
		}
		lines = append(lines, concernLine(d, live))
		if len(known.names) == 0 {
			continue // every name and label is unknown
		}
		for _, problem := range known.problems(d.Instances) {
			lines = append(lines, fmt.Sprintf("warning: %s: %s", tui.Word(d.ID), problem))
		}
	}
	return lines
}

// concernLine says how many of the live instances a directive concerns, and which.
func concernLine(d fleetdial.Directive, live []fleetdial.Instance) string {
	var names []string
	unknown := 0
	for _, in := range live {
		switch {
		case in.Report == nil:
			unknown++
		case concerns(d, in.Report):
			names = append(names, tui.Word(in.Name))
		}
	}
	line := fmt.Sprintf("%s: concerns %d of %s", tui.Word(d.ID), len(names), tui.Count(len(live), "live instance"))
	if len(names) > 0 {
		line += ": " + some(names)
	} else {
		line = "warning: " + line
	}
	if unknown > 0 {
		line += fmt.Sprintf(" (%s not known, because no report can be read)", tui.Count(unknown, "instance"))
	}
	return line
}

// selectors are the names and labels by which directives can select live instances.
type selectors struct {
	names  []string
	labels map[string][]string // the values of each label
}

func selectorsOf(live []fleetdial.Instance) selectors {
	known := selectors{labels: make(map[string][]string)}
	for _, in := range live {
		if in.Report == nil {
			continue
		}
		known.names = append(known.names, in.Report.ConfiguredName())
		for name, value := range in.Report.Labels {
			known.labels[name] = append(known.labels[name], value)
		}
	}
	slices.Sort(known.names)
	known.names = slices.Compact(known.names)
	for name, values := range known.labels {
		slices.Sort(values)
		known.labels[name] = slices.Compact(values)
	}
	return known
}

// problems describes the names and labels that no live instance has.
func (s selectors) problems(in *fleetdial.Instances) (problems []string) {
	const limit = 5
	for _, name := range in.Names {
		if !slices.Contains(s.names, name) {
			problems = append(problems, "no live instance has the name "+tui.Word(name)+hint(name, s.names))
		}
	}
	if more := len(problems) - limit; more > 0 {
		problems = append(problems[:limit], fmt.Sprintf("no live instance has %d more of the names", more))
	}
	for _, label := range slices.Sorted(maps.Keys(in.Labels)) {
		value := in.Labels[label]
		values, hasLabel := s.labels[label]
		switch {
		case !hasLabel:
			names := slices.Sorted(maps.Keys(s.labels))
			problems = append(problems, "no live instance has the label "+tui.Word(label)+hint(label, names))
		case !slices.Contains(values, value):
			problems = append(problems, "no live instance has "+labelWord(label, value)+labelHint(label, value, values))
		}
	}
	return problems
}

// labelHint names the label with the value that may be meant, or the values that there are.
func labelHint(label, value string, values []string) string {
	if text := hint(value, values); text != "" {
		return text
	}
	return fmt.Sprintf(" (%s: %s)", tui.Word(label), some(words(values)))
}
