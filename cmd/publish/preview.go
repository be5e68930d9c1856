package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
)

// preview shows the changes of a publish. It asks for confirmation if the changes are
// broader than an operator may intend.
func (a *app) preview(ctx context.Context, p *fleetdial.Publisher, w writeFlags, to fleetdial.Revision) error {
	timed, cancel := a.timed(ctx)
	defer cancel()
	from, err := p.Current(timed)
	if errors.Is(err, fleetdial.ErrNoRevision) || isInvalid(err) {
		from, err = fleetdial.Revision{Set: new(fleetdial.Set)}, nil // an invalid value is overwritten
	}
	if err != nil {
		return err
	}
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
		a.messageLines(append(literalNotes(diff), inertNotes(diff)...))
	}
	broad := broadDirectives(diff)
	if from.SignedBy != "" && to.SignedBy == "" {
		broad = append(broad, fmt.Sprintf(unsignedOverSigned, from.Version))
	}
	return a.confirm(ctx, w, broad)
}

// unsignedOverSigned formats the current version.
const unsignedOverSigned = "version %d is signed and the new revision is not; " +
	"proxies that verify signatures will reject the new revision"

// confirmUnsigned asks for confirmation before an unsigned set replaces a signed set. It
// does not ask if the current revision cannot be read.
func (a *app) confirmUnsigned(ctx context.Context, p *fleetdial.Publisher, w writeFlags) error {
	if w.signKey != "" {
		return nil
	}
	timed, cancel := a.timed(ctx)
	defer cancel()
	from, err := p.Current(timed)
	if err != nil || from.SignedBy == "" {
		return nil
	}
	return a.confirm(ctx, w, []string{fmt.Sprintf(unsignedOverSigned, from.Version)})
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
	if !tui.IsTerminal(a.stdin) || !tui.IsTerminal(a.stderr) {
		return &rejectedError{fmt.Errorf("%s; nothing was written (--yes confirms)", text)}
	}
	if w.dryRun {
		a.messagef("would ask for confirmation: %s", text)
		return nil
	}
	fmt.Fprintf(a.stderr, "%s\nPublish? [y/N] ", text)
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(a.stdin).ReadString('\n')
		answer <- line
	}()
	select {
	case line := <-answer:
		switch strings.ToLower(strings.TrimSpace(line)) {
		case "y", "yes":
			return nil
		}
	case <-ctx.Done():
		fmt.Fprintln(a.stderr)
	}
	return errors.New("not confirmed; nothing was written")
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
