package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
)

// perspective is the instance whose decision explain shows. The zero perspective is that of no
// instance.
type perspective struct {
	// instance is its row in the roster, empty for none.
	instance string
	// name and labels are what directives select it by.
	name   string
	labels map[string]string
}

// perspectiveOf returns the perspective of an instance in the roster, that of no instance for an
// empty name.
func (a *app) perspectiveOf(ctx context.Context, p *fleetdial.Publisher, name string) (perspective, error) {
	if name == "" {
		return perspective{}, nil
	}
	roster, err := p.Roster(ctx)
	if err != nil {
		return perspective{}, err
	}
	i := slices.IndexFunc(roster.Instances, func(in fleetdial.Instance) bool { return in.Name == name })
	if i < 0 {
		return perspective{}, fmt.Errorf("--instance %s: not in the roster of fleet %q%s",
			tui.Printable(name), a.fleet, hint(name, instanceNames(roster.Instances)))
	}
	r := roster.Instances[i].Report
	if r == nil {
		return perspective{}, fmt.Errorf("--instance %s: its labels are not known: %v", tui.Printable(name), roster.Instances[i].Err)
	}
	return perspective{name, r.ConfiguredName(), r.Labels}, nil
}

// text describes the instance in one line.
func (v perspective) text() string {
	line := "instance: " + tui.Word(v.instance)
	if v.name != v.instance {
		line += " (configured as " + tui.Word(v.name) + ")"
	}
	if len(v.labels) > 0 {
		line += " " + tui.Printable(labelText(v.labels))
	}
	return line
}

// explain returns the decision of the instance, with a ground for each directive of the set,
// also for those of other instances.
func (v perspective) explain(set *fleetdial.Set, req fleetdial.Request, now time.Time) fleetdial.Explanation {
	all := set.Explain(req, now)
	if v.instance == "" {
		return all
	}
	own := set.ForInstance(v.name, v.labels).Explain(req, now)
	grounds := make(map[string]fleetdial.Ground, len(own.Directives))
	for _, g := range own.Directives {
		grounds[g.Directive.ID] = g
	}
	for i, g := range all.Directives {
		if ground, ok := grounds[g.Directive.ID]; ok {
			all.Directives[i] = ground
		}
	}
	all.Decision = own.Decision
	return all
}
