package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/review"
)

// preview shows the changes of a publish. It asks for confirmation if the changes have effects
// that an operator may not intend, or again if another revision came in after it had asked.
func (a *app) preview(
	ctx context.Context, p *fleetdial.Publisher, w writeFlags, c change, d draft, again bool,
) (asked bool, err error) {
	var roster *fleetdial.Roster
	if taken, err := a.rosterNow(ctx, p); err == nil {
		roster = &taken
	}
	r := review.Of(d.From, d.To, roster, d.Format)
	a.showReview(r, w.dryRun)
	warnings := d.warnings
	if c.warnings != nil {
		warnings = append(warnings, c.warnings(ctx, d.From, r.Diff)...)
	}
	for _, q := range r.Questions {
		warnings = append(warnings, q.Text)
	}
	if d.Format != nil && w.yes {
		a.messagef("warning: %s", review.FormatWarning(d.Format))
	}
	if again {
		warnings = append(warnings, fmt.Sprintf("version %d came in after the confirmation", d.From.Version))
	}
	return len(warnings) > 0 && !w.yes && !w.dryRun, a.confirm(ctx, w, warnings)
}

// showReview writes what a change does, apart from its questions.
func (a *app) showReview(r review.Review, isDryRun bool) {
	dryRun := ""
	if isDryRun {
		dryRun = "dry run, "
	}
	if r.Diff.Len() == 0 {
		a.messagef("%schanges from version %d: none", dryRun, r.From.Version)
	} else {
		a.messagef("%schanges from version %d:", dryRun, r.From.Version)
		a.messageLines(changeLines(r.Diff, a.palette(a.stderr)))
		a.messageLines(r.Effects)
		a.messageLines(r.Notes)
	}
	a.messageLines(r.Concerns)
	for _, line := range r.Warnings {
		a.messagef("warning: %s", line)
	}
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
