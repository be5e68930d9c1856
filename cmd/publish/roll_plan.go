package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/plain"
)

// rollStep is the size of one step of a roll: a number of instances, or a share of the instances
// that a directive concerns. The step of all instances has a share of 1000.
type rollStep struct{ count, perMille int }

func (s rollStep) isLast() bool { return s.perMille == 1000 }

func (s rollStep) String() string {
	if s.perMille > 0 {
		return strconv.FormatFloat(float64(s.perMille)/10, 'g', -1, 64) + "%"
	}
	return strconv.Itoa(s.count)
}

// maxRollSteps bounds the steps of a roll, so that the default history holds all of them and the
// revision before.
const maxRollSteps = 15

// maxRollCount is how many instances a step can name.
const maxRollCount = 100

// parseRollSteps returns the steps of --steps.
func parseRollSteps(text string) ([]rollStep, error) {
	var steps []rollStep
	for word := range strings.SplitSeq(text, ",") {
		step, err := parseRollStep(strings.TrimSpace(word))
		if err != nil {
			return nil, fmt.Errorf("step %s: %w", plain.Quoted(word), err)
		}
		if len(steps) > 0 {
			last := steps[len(steps)-1]
			switch {
			case step.count > 0 && last.perMille > 0:
				return nil, fmt.Errorf("step %s: a number of instances must not follow a percentage, "+
					"because the percentage may concern more instances", step)
			case step.count > 0 && step.count <= last.count, step.perMille > 0 && step.perMille <= last.perMille:
				return nil, fmt.Errorf("step %s: must be more than the step before, %s", step, last)
			}
		}
		steps = append(steps, step)
	}
	switch {
	case !steps[len(steps)-1].isLast():
		return nil, errors.New("the last step must be 100%, because a roll ends on all instances that its directives concern")
	case len(steps) > maxRollSteps:
		return nil, fmt.Errorf("must be at most %d steps", maxRollSteps)
	}
	return steps, nil
}

func parseRollStep(word string) (step rollStep, err error) {
	if strings.HasSuffix(word, "%") {
		if err := (perMille{&step.perMille}).Set(word); err != nil || step.perMille == 0 {
			return step, errors.New("must be 0.1% to 100%, in tenths of a percent")
		}
		return step, nil
	}
	step.count, err = strconv.Atoi(word)
	if err != nil || step.count < 1 || step.count > maxRollCount || strconv.Itoa(step.count) != word {
		return step, fmt.Errorf("must be a number of instances, 1 to %d, or a percentage, such as 10%%", maxRollCount)
	}
	return step, nil
}

// member is an instance that evaluates directives: its name, the bucket of its name, and its
// labels.
type member struct {
	name   string
	bucket int
	labels map[string]string
}

// newFleet returns the instances with these names and labels, those with the lowest buckets first.
func newFleet(fleet ...member) []member {
	for i := range fleet {
		fleet[i].bucket = bucketOf(fleet[i].name)
	}
	slices.SortFunc(fleet, func(a, b member) int {
		return cmp.Or(cmp.Compare(a.bucket, b.bucket), cmp.Compare(a.name, b.name))
	})
	return fleet
}

// membersOf returns the instances of a roster that are not GONE.
func membersOf(roster fleetdial.Roster) []member {
	var fleet []member
	for _, in := range roster.Instances {
		if in.State == fleetdial.InstanceGone {
			continue
		}
		m := member{name: in.Name}
		if in.Report != nil {
			// An instance that moved aside evaluates directives under its configured name.
			m = member{name: in.Report.ConfiguredName(), labels: in.Report.Labels}
		}
		fleet = append(fleet, m)
	}
	return newFleet(fleet...)
}

// bucketOf returns the bucket of an instance's name, 0 to 999. A share above the bucket selects
// the instance.
func bucketOf(name string) int {
	low, high := 0, 999
	for low < high {
		middle := (low + high) / 2
		share := middle + 1
		if (&fleetdial.Instances{PerMille: &share}).Include(name, nil) {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low
}

// candidates returns the instances of a fleet that a directive concerns.
func candidates(own *fleetdial.Instances, fleet []member) (out []member) {
	for _, m := range fleet {
		if own.Include(m.name, m.labels) {
			out = append(out, m)
		}
	}
	return out
}

// narrow returns the instances of a directive in the step. own are the instances that the
// directive was asked for, nil for all. before are the instances of the step before, nil if there
// is none: narrow keeps them. raised reports that the share was raised, because it would concern
// no instance.
func (s rollStep) narrow(own, before *fleetdial.Instances, fleet []member) (out *fleetdial.Instances, raised bool) {
	if s.isLast() {
		return own.Clone(), false
	}
	open := candidates(own, fleet)
	if s.perMille > 0 {
		return s.narrowByShare(own, before, open)
	}
	out = &fleetdial.Instances{}
	if own != nil {
		out.Labels = maps.Clone(own.Labels)
	}
	if before != nil {
		out.Names = slices.Clone(before.Names)
	}
	for _, m := range open {
		if len(out.Names) < s.count && !slices.Contains(out.Names, m.name) {
			out.Names = append(out.Names, m.name)
		}
	}
	if out.Names == nil {
		none := 0
		out.PerMille = &none
	}
	return out, false
}

// narrowByShare selects the share s of the instances in own, and at least one candidate.
func (s rollStep) narrowByShare(own, before *fleetdial.Instances, open []member) (out *fleetdial.Instances, raised bool) {
	if out = own.Clone(); out == nil {
		out = &fleetdial.Instances{}
	}
	all := 1000
	if out.PerMille != nil {
		all = *out.PerMille
	}
	share := (all*s.perMille + 999) / 1000
	if before != nil && before.PerMille != nil {
		share = max(share, *before.PerMille)
	} else if before != nil {
		for _, name := range before.Names {
			share = max(share, min(bucketOf(name)+1, all))
		}
	}
	if len(open) > 0 && open[0].bucket >= share {
		share, raised = open[0].bucket+1, true
	}
	out.PerMille = &share
	return out, raised
}

// plannedStep is one step of a roll with the directives that it publishes.
type plannedStep struct {
	rollStep
	// number counts from 1 to of.
	number, of int
	directives []fleetdial.Directive
	// raised are the ids of the directives whose share was raised, so that it concerns an
	// instance.
	raised []string
}

// planRoll returns the steps of a roll. before are the directives of the step with the number
// done, which the fleet already has. They are nil if done is 0.
func planRoll(
	own []fleetdial.Directive, steps []rollStep, fleet []member, done int, before []fleetdial.Directive,
) []plannedStep {
	plan := make([]plannedStep, len(steps))
	for i, step := range steps {
		plan[i] = plannedStep{rollStep: step, number: i + 1, of: len(steps)}
		if i+1 <= done {
			plan[i].directives = before
			continue
		}
		plan[i].directives = slices.Clone(own)
		for j := range own {
			var kept *fleetdial.Instances
			if i > 0 {
				kept = plan[i-1].directives[j].Instances
			}
			var raised bool
			plan[i].directives[j].Instances, raised = step.narrow(own[j].Instances, kept, fleet)
			if raised {
				plan[i].raised = append(plan[i].raised, own[j].ID)
			}
		}
	}
	return plan
}

// concernedBy returns the names of the instances that evaluate at least one of the directives, in
// their order.
func concernedBy(directives []fleetdial.Directive, fleet []member) (names []string) {
	for _, m := range fleet {
		if slices.ContainsFunc(directives, func(d fleetdial.Directive) bool { return d.Instances.Include(m.name, m.labels) }) {
			names = append(names, m.name)
		}
	}
	slices.Sort(names)
	return names
}

// label names the step, such as "step 2/3".
func (s *plannedStep) label() string { return fmt.Sprintf("step %d/%d", s.number, s.of) }
