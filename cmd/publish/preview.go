package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
)

// preview shows the changes of a publish. It asks for confirmation if the changes have effects
// that an operator may not intend, or again if another revision came in after it had asked.
func (a *app) preview(
	ctx context.Context, p *fleetdial.Publisher, w writeFlags, c change, d draft, again bool,
) (asked bool, err error) {
	from, to := d.from, d.to
	diff := fleetdial.DiffSets(from.Set, to.Set)
	dryRun := ""
	if w.dryRun {
		dryRun = "dry run, "
	}
	if diff.Len() == 0 {
		a.messagef("%schanges from version %d: none", dryRun, from.Version)
	} else {
		a.messagef("%schanges from version %d:", dryRun, from.Version)
		a.messageLines(changeLines(diff, a.palette(a.stderr)))
		a.messageLines(effects(diff))
		a.messageLines(slices.Concat(literalNotes(diff), inertNotes(diff), capNotes(diff)))
	}
	a.warnOfInstances(ctx, p, diff, to)
	warnings := d.warnings
	if c.warnings != nil {
		warnings = append(warnings, c.warnings(ctx, from, diff)...)
	}
	warnings = append(warnings, broadDirectives(diff)...)
	if from.SignedBy != "" && to.SignedBy == "" {
		warnings = append(warnings, fmt.Sprintf(unsignedOverSigned, from.Version))
	}
	if d.format != nil {
		warnings = append(warnings, formatWarning(d.format))
		if w.yes {
			a.messagef("warning: %s", formatWarning(d.format))
		}
	}
	if again {
		warnings = append(warnings, fmt.Sprintf("version %d came in after the confirmation", from.Version))
	}
	return len(warnings) > 0 && !w.yes && !w.dryRun, a.confirm(ctx, w, warnings)
}

// unsignedOverSigned formats the current version.
const unsignedOverSigned = "version %d is signed and the new revision is not; " +
	"proxies that verify signatures will reject the new revision"

// formatWarning names the instances that do not read the format of the new revision.
func formatWarning(e *fleetdial.FormatError) string {
	if e.Err != nil {
		return fmt.Sprintf("the set needs format %d, and the roster cannot be read, so that instances may reject the revision: %v",
			e.Format, e.Err)
	}
	names := make([]string, len(e.Instances))
	for i, in := range e.Instances {
		names[i] = tui.Word(in.Name)
		if in.MaxFormat == 0 {
			names[i] += " (not known)"
		}
	}
	who := fmt.Sprintf("%d live instances do", len(names))
	if len(names) == 1 {
		who = "1 live instance does"
	}
	return fmt.Sprintf("the set needs format %d, which %s not read: %s (such an instance rejects the revision and keeps its set; "+
		"upgrade it first, or leave out instances and max_per_second)", e.Format, who, some(names))
}

// messageLines writes up to 20 lines and the number of the others.
func (a *app) messageLines(lines []string) {
	const limit = 20
	for i, line := range lines {
		if i == limit {
			a.messagef("  and %d more", len(lines)-limit)
			return
		}
		a.messagef("  %s", line)
	}
}

// broadDirectives describes the added and changed directives that match every request, or
// that capture traffic without a tenant, index or principal.
func broadDirectives(diff fleetdial.Diff) (broad []string) {
	for _, d := range diff.Added {
		broad = appendBroad(broad, d)
	}
	for _, c := range diff.Changed {
		broad = appendBroad(broad, c.After)
	}
	return broad
}

// confirm asks the operator to confirm the warnings. Without a terminal, confirm requires
// --yes.
func (a *app) confirm(ctx context.Context, w writeFlags, warnings []string) error {
	if len(warnings) == 0 || w.yes {
		return nil
	}
	text := fmt.Sprintf("fleet %q: %s", a.fleet, strings.Join(warnings, "; "))
	if !a.isInteractive() {
		return &rejectedError{fmt.Errorf("%s; nothing was written (--yes confirms)", text)}
	}
	if w.dryRun {
		a.messagef("would ask for confirmation: %s", text)
		return nil
	}
	if !a.asksYes(ctx, text+"\nPublish?") {
		return errNotConfirmed
	}
	return nil
}

// appendBroad appends a description of the directive if the directive is broad.
func appendBroad(broad []string, d fleetdial.Directive) []string {
	switch m := d.Match; {
	case m == (fleetdial.Match{}):
		return append(broad, "directive "+tui.Printable(d.ID)+" matches every request")
	case d.Capture && m.Tenant == "" && m.Index == "" && m.Principal == "":
		return append(broad,
			"directive "+tui.Printable(d.ID)+" captures traffic without a tenant, index or principal")
	}
	return broad
}
