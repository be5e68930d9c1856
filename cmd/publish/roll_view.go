package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
	"github.com/fleetdial/fleetdial/internal/plain"
	"github.com/fleetdial/fleetdial/internal/review"
)

// rollView shows the progress of a roll: as a text that is redrawn on a terminal, as a line for
// each step, or as JSON.
type rollView struct {
	roll *roll
	pane *tui.Pane
	live bool
	// states says how far each step is.
	states []string
	// planned are the steps as the last roster has them.
	planned []rollStepJSON
	// step is the JSON of the current step.
	step rollStepJSON
}

func newRollView(r *roll) *rollView {
	a := r.app
	pane := tui.NewPane(a.redrawn(a.stderr))
	return &rollView{roll: r, pane: pane, live: !a.json() && !a.quiet && pane.Live, states: make([]string, len(r.steps))}
}

// rollStepJSON is the line of a step with -o json.
type rollStepJSON struct {
	Step  int    `json:"step"`
	Steps int    `json:"steps"`
	Size  string `json:"size"`
	// State is planned, done or failed.
	State   string `json:"state"`
	Version int64  `json:"version,omitempty"`
	ID      string `json:"id,omitempty"`
	// Instances is how many live instances the step concerns, and Of how many the whole roll.
	Instances int       `json:"instances"`
	Of        int       `json:"of"`
	Wait      *waitJSON `json:"wait,omitempty"`
	// Check is passed or failed.
	Check string `json:"check,omitempty"`
	Error string `json:"error,omitempty"`
}

// rollJSON is the last line with -o json.
type rollJSON struct {
	Done bool `json:"done"`
	// Outcome is complete, reverted, left, conflict or unknown.
	Outcome string `json:"outcome"`
	// Version is the version of the last revision that the roll has published.
	Version int64  `json:"version"`
	Error   string `json:"error,omitempty"`
}

// setRoster counts the instances of the steps in a new roster.
func (v *rollView) setRoster() {
	r := v.roll
	fleet := membersOf(r.roster)
	all := len(concernedBy(r.own, fleet))
	v.planned = make([]rollStepJSON, len(r.plan))
	for i := range r.plan {
		step := &r.plan[i]
		v.planned[i] = rollStepJSON{
			Step: step.number, Steps: step.of, Size: step.rollStep.String(), State: "planned",
			Instances: len(concernedBy(step.directives, fleet)), Of: all,
		}
	}
}

// showPlan shows the steps, and what the operator may not expect of them.
func (v *rollView) showPlan(base fleetdial.Revision) {
	r, a := v.roll, v.roll.app
	fleet := membersOf(r.roster)
	v.setRoster()
	a.messagef("%s, with a pause of %v:", plain.Count(len(r.plan), "step"), r.flags.pause)
	for i, step := range v.planned {
		if r.w.dryRun && a.json() {
			_ = a.writeJSONLine(step)
		}
		if i < r.at { // of a roll that is resumed
			a.messagef("  %d/%d  %-5s done before", step.Step, step.Steps, step.Size)
			continue
		}
		names := plain.Words(concernedBy(r.plan[i].directives, fleet))
		a.messagef("  %d/%d  %-5s %s: %s", step.Step, step.Steps, step.Size, ofInstances(step), plain.First(5, names))
	}
	for _, line := range planNotes(r.plan, r.at, r.own, base.Set, fleet) {
		a.messagef("%s", line)
	}
}

func ofInstances(s rollStepJSON) string {
	return fmt.Sprintf("%d of %s", s.Instances, plain.Count(s.Of, "instance"))
}

// planNotes returns what the operator may not expect of a plan. at is the index of the step that
// the fleet has, or 0.
func planNotes(plan []plannedStep, at int, own []fleetdial.Directive, base *fleetdial.Set, fleet []member) (notes []string) {
	for i := range plan {
		step := &plan[i]
		for _, id := range step.raised {
			notes = append(notes, fmt.Sprintf("  %s: %s of the instances of %s are none, so the step concerns the first one",
				step.label(), step.rollStep, plain.Word(id)))
		}
		if i > at && len(concernedBy(step.directives, fleet)) == len(concernedBy(plan[i-1].directives, fleet)) {
			notes = append(notes, fmt.Sprintf("  %s concerns the same instances as %s", step.label(), plan[i-1].label()))
		}
	}
	had := make(map[string]bool)
	for _, id := range review.IDs(base) {
		had[id] = true
	}
	for _, d := range own {
		if len(concernedBy([]fleetdial.Directive{d}, fleet)) == 0 {
			notes = append(notes, fmt.Sprintf("warning: directive %s concerns no live instance", plain.Word(d.ID)))
		}
		if had[d.ID] && len(plan) > 1 {
			notes = append(notes, fmt.Sprintf("warning: directive %s is replaced, and until the last step it applies only on the "+
				"instances of the step", plain.Word(d.ID)))
		}
	}
	return notes
}

// show sets how far the current step is, and redraws the text on a terminal.
func (v *rollView) show(format string, args ...any) {
	r := v.roll
	v.states[r.at] = fmt.Sprintf("version %d", r.last.Version) + fmt.Sprintf(format, args...)
	if !v.live {
		return
	}
	width := tui.Width(r.app.stderr)
	var text strings.Builder
	for i, step := range v.planned {
		line := fmt.Sprintf("  %d/%d  %-5s %s  %s", step.Step, step.Steps, step.Size, ofInstances(step), v.states[i])
		if i < r.at && v.states[i] == "" {
			line += "done before"
		}
		text.WriteString(line[:min(len(line), width-1)] + "\n")
	}
	v.pane.Draw(text.String())
}

// waiting shows how many instances have the step.
func (v *rollView) waiting(s fleetdial.WaitStatus) {
	v.show(", %d/%d applied, %d rejected, %d pending", s.Applied, s.Expected, len(s.Rejected), len(s.Pending))
}

// waited shows the result of the wait.
func (v *rollView) waited(s fleetdial.WaitStatus, err error) {
	r := v.roll
	v.waiting(s)
	if len(s.Left)+len(s.Gone)+len(s.Rejected) > 0 || err != nil {
		v.pane.Keep()
	}
	v.step = v.planned[r.at]
	v.step.Version, v.step.ID = r.last.Version, r.last.ID
	wait := newWaitJSON(s, err, true)
	v.step.Wait = &wait
	if !v.live {
		r.app.messagef("%s: %s, %s, %s", r.plan[r.at].label(), ofInstances(v.step), waitLine(s), s.Elapsed.Round(time.Millisecond))
	}
	r.app.showLacking(s, err)
}

// holding shows the time until the check, or the next step.
func (v *rollView) holding(left time.Duration) {
	next := "next step"
	if v.roll.flags.check != "" {
		next = "check"
	}
	v.show(", %s in %v", next, (left + time.Second - 1).Truncate(time.Second))
}

// checking shows that the check runs. Its output stands below.
func (v *rollView) checking() {
	v.show(", check runs")
	v.pane.Keep()
}

func (v *rollView) checked(result string) {
	v.step.Check = result
	v.show(", check %s", result)
}

// done ends the current step.
func (v *rollView) done() {
	v.show(", done")
	v.step.State = "done"
	if v.roll.app.json() {
		_ = v.roll.app.writeJSONLine(v.step)
	}
}

// failed marks the current step as failed, unless it is done.
func (v *rollView) failed(cause error) {
	if v.step.State == "planned" {
		v.step.State, v.step.Error = "failed", cause.Error()
	}
}

// end shows the result of the roll, and returns err.
func (v *rollView) end(outcome string, err error) error {
	r, a := v.roll, v.roll.app
	v.pane.Keep()
	result := rollJSON{Done: true, Outcome: outcome, Version: r.last.Version}
	if err != nil {
		result.Error = err.Error()
	}
	if !a.json() {
		if err == nil {
			a.messagef("rolled out: version %d on %s", r.last.Version, plain.Count(v.step.Instances, "instance"))
		}
		return err
	}
	if v.step.State == "failed" {
		_ = a.writeJSONLine(v.step)
	}
	_ = a.writeJSONLine(result)
	return err
}
