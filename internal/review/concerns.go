package review

import (
	"fmt"
	"maps"
	"slices"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/overview"
	"github.com/fleetdial/fleetdial/internal/plain"
)

// ConcernLines returns a line for each added or changed directive that has instances: the live
// instances that it concerns, and warnings.
func ConcernLines(roster fleetdial.Roster, diff fleetdial.Diff) (lines []string) {
	live := overview.LiveInstances(roster)
	known := SelectorsOf(live)
	for _, d := range published(diff) {
		if d.Instances == nil {
			continue
		}
		lines = append(lines, concernLine(d, live))
		if len(known.Names) == 0 {
			continue // every name and label is unknown
		}
		for _, problem := range known.problems(d.Instances) {
			lines = append(lines, fmt.Sprintf("warning: %s: %s", plain.Word(d.ID), problem))
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
		case overview.Concerns(d, in.Report):
			names = append(names, plain.Word(in.Name))
		}
	}
	line := fmt.Sprintf("%s: concerns %d of %s", plain.Word(d.ID), len(names), plain.Count(len(live), "live instance"))
	if len(names) > 0 {
		line += ": " + plain.First(5, names)
	} else {
		line = "warning: " + line
	}
	if unknown > 0 {
		line += fmt.Sprintf(" (%s not known, because no report can be read)", plain.Count(unknown, "instance"))
	}
	return line
}

// Selectors are the names and labels by which directives can select live instances.
type Selectors struct {
	// Names are in order, each once.
	Names  []string
	Labels map[string][]string // the values of each label
}

// SelectorsOf returns the names and labels of instances.
func SelectorsOf(live []fleetdial.Instance) Selectors {
	known := Selectors{Labels: make(map[string][]string)}
	for _, in := range live {
		if in.Report == nil {
			continue
		}
		known.Names = append(known.Names, in.Report.ConfiguredName())
		for name, value := range in.Report.Labels {
			known.Labels[name] = append(known.Labels[name], value)
		}
	}
	slices.Sort(known.Names)
	known.Names = slices.Compact(known.Names)
	for name, values := range known.Labels {
		slices.Sort(values)
		known.Labels[name] = slices.Compact(values)
	}
	return known
}

// problems describes the names and labels that no live instance has.
func (s Selectors) problems(in *fleetdial.Instances) (problems []string) {
	const limit = 5
	for _, name := range in.Names {
		if !slices.Contains(s.Names, name) {
			problems = append(problems, "no live instance has the name "+plain.Word(name)+plain.Hint(name, s.Names))
		}
	}
	if more := len(problems) - limit; more > 0 {
		problems = append(problems[:limit], fmt.Sprintf("no live instance has %d more of the names", more))
	}
	for _, label := range slices.Sorted(maps.Keys(in.Labels)) {
		value := in.Labels[label]
		values, hasLabel := s.Labels[label]
		switch {
		case !hasLabel:
			names := slices.Sorted(maps.Keys(s.Labels))
			problems = append(problems, "no live instance has the label "+plain.Word(label)+plain.Hint(label, names))
		case !slices.Contains(values, value):
			problems = append(problems, "no live instance has "+labelWord(label, value)+labelHint(label, value, values))
		}
	}
	return problems
}

// labelHint names the label with the value that may be meant, or the values that there are.
func labelHint(label, value string, values []string) string {
	if text := plain.Hint(value, values); text != "" {
		return text
	}
	return fmt.Sprintf(" (%s: %s)", plain.Word(label), plain.First(5, plain.Words(values)))
}
