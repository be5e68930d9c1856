package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/internal/labelflag"
	"github.com/fleetdial/fleetdial/internal/overview"
	"github.com/fleetdial/fleetdial/internal/plain"
	"github.com/fleetdial/fleetdial/internal/review"
)

// instanceFlags are the flags that describe on which instances, and on how many of their
// requests, a directive applies.
type instanceFlags struct {
	names, labels          []string
	perMille, maxPerSecond int
}

func (a *app) registerInstances(cmd *cobra.Command, f *instanceFlags) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.names, "on-instance", nil, "name `NAME` of an instance that evaluates the directive; repeatable (default all)")
	flags.StringArrayVar(&f.labels, "on", nil,
		"label `LABEL=VALUE` that the instances must have; repeatable, and all must hold (default any)")
	flags.Var(perMille{&f.perMille}, "on-per-mille",
		"instances, chosen by a hash of their names: per 1000 (100), in percent (10%) or as a fraction (0.1) (default all)")
	flags.Lookup("on-per-mille").DefValue = ""
	flags.IntVar(&f.maxPerSecond, "max-per-second", 0, "requests per second and instance that the directive applies to (default no limit)")
	completeFrom(cmd, "on-instance", a.completeConfiguredNames)
	completeFrom(cmd, "on", a.completeLabels)
}

// apply sets the instances and the limit of a directive. A wrong flag is a usage error, and a
// value that is beyond a limit is not.
func (f *instanceFlags) apply(d *fleetdial.Directive, changed func(flag string) bool) error {
	labels, err := labelflag.Parse("on", f.labels, plain.Printable)
	if err != nil {
		return &usageError{err}
	}
	for i, name := range f.names {
		if slices.Contains(f.names[:i], name) {
			return usagef("--on-instance %s: is given twice", plain.Printable(name))
		}
	}
	instances := fleetdial.Instances{Names: f.names, Labels: labels}
	if changed("on-per-mille") {
		instances.PerMille = &f.perMille
	}
	if len(f.names) > 0 || len(labels) > 0 || instances.PerMille != nil {
		d.Instances = instances.Clone()
	}
	if changed("max-per-second") {
		if d.MaxPerSecond = f.maxPerSecond; d.MaxPerSecond == 0 {
			return errors.New("--max-per-second 0: must be at least 1 (leave out the flag for no limit)")
		}
	}
	return f.checkLimits(*d)
}

// checkLimits checks the instances and the limit of a directive. Its error names the flag.
func (f *instanceFlags) checkLimits(d fleetdial.Directive) error {
	probe := fleetdial.Directive{
		ID: "id", ExpiresAt: time.Now(), Instances: d.Instances, MaxPerSecond: d.MaxPerSecond,
	}
	invalid, ok := errors.AsType[*fleetdial.ValidationError](probe.Validate())
	if !ok {
		return nil
	}
	var i int
	switch n, _ := fmt.Sscanf(invalid.Path, "instances.names[%d]", &i); {
	case n == 1:
		return fmt.Errorf("--on-instance %s: %s", plain.Printable(f.names[i]), invalid.Reason)
	case invalid.Path == "instances.names":
		return fmt.Errorf("--on-instance: %s", invalid.Reason)
	case invalid.Path == "instances.labels":
		return fmt.Errorf("--on: %s", invalid.Reason)
	}
	return fmt.Errorf("--max-per-second %d: %s", d.MaxPerSecond, invalid.Reason)
}

// completeConfiguredNames returns the names that directives select the live instances by.
func (a *app) completeConfiguredNames(ctx context.Context) []string {
	return a.fetchWords(ctx, func(ctx context.Context, p *fleetdial.Publisher) []string {
		roster, _ := p.Roster(ctx)
		return review.SelectorsOf(overview.LiveInstances(roster)).Names
	})
}

// completeLabels returns the labels of the live instances, as --on takes them.
func (a *app) completeLabels(ctx context.Context) (words []string) {
	return a.fetchWords(ctx, func(ctx context.Context, p *fleetdial.Publisher) []string {
		roster, _ := p.Roster(ctx)
		labels := review.SelectorsOf(overview.LiveInstances(roster)).Labels
		for _, name := range slices.Sorted(maps.Keys(labels)) {
			for _, value := range labels[name] {
				words = append(words, name+"="+value)
			}
		}
		return words
	})
}

// plainLabel matches the labels that every shell takes literally, see [plain.IsShellWord].
var plainLabel = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:@%+,/-]*=[A-Za-z0-9._:@%+,/-]+$`)
