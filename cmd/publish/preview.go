package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/fleetdial/fleetdial"
)

// preview shows what a publish is going to change, and sees that it is confirmed where it asks for more than one would
// mean to.
func (a *app) preview(ctx context.Context, p *fleetdial.Publisher, w writeFlags, to fleetdial.Revision) error {
	timed, cancel := a.timed(ctx)
	defer cancel()
	from, err := p.Current(timed)
	if errors.Is(err, fleetdial.ErrNoRevision) || isInvalid(err) {
		from, err = fleetdial.Revision{Set: new(fleetdial.Set)}, nil // whatever is there is written over
	}
	if err != nil {
		return err
	}
	diff := fleetdial.DiffSets(from.Set, to.Set)
	would := ""
	if w.dryRun {
		would = "would change, "
	}
	if diff.Len() == 0 {
		a.say("%sfrom version %d: nothing", would, from.Version)
	} else {
		a.say("%sfrom version %d:", would, from.Version)
		a.sayLines(changeLines(diff, paletteFor(a.stderr)))
		a.sayLines(effects(diff))
	}
	broad := broadDirectives(diff)
	if from.SignedBy != "" && to.SignedBy == "" {
		broad = append(broad, fmt.Sprintf(unsignedOverSigned, from.Version))
	}
	return a.confirm(ctx, w, broad)
}

const unsignedOverSigned = "version %d is signed and this one is not, so proxies that verify signatures will refuse it"

// confirmUnsigned asks before an unsigned set takes the place of a signed one. Where what is there cannot be told, it
// does not ask.
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

// sayLines writes lines, but not endlessly many.
func (a *app) sayLines(lines []string) {
	const most = 20
	for i, line := range lines {
		if i == most {
			a.say("  and %d more", len(lines)-most)
			return
		}
		a.say("  %s", line)
	}
}

// broadDirectives names what matches every request, or captures traffic without a target.
func broadDirectives(diff fleetdial.Diff) (broad []string) {
	for _, d := range diff.Added {
		broad = appendBroad(broad, d)
	}
	for _, c := range diff.Changed {
		broad = appendBroad(broad, c.After)
	}
	return broad
}

// confirm asks whether that is meant; where there is nobody to ask, it takes --yes.
func (a *app) confirm(ctx context.Context, w writeFlags, doubts []string) error {
	if len(doubts) == 0 || w.yes {
		return nil
	}
	question := fmt.Sprintf("in fleet %q: %s", a.fleet, strings.Join(doubts, "; "))
	if !isTerminal(a.stdin) || !isTerminal(a.stderr) {
		return &refusedError{fmt.Errorf("%s: nothing was written; --yes confirms it", question)}
	}
	if w.dryRun {
		a.say("would ask: %s", question)
		return nil
	}
	fmt.Fprintf(a.stderr, "%s\nPublish? [y/N] ", question)
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
	return errors.New("nothing was published: not confirmed")
}

func appendBroad(broad []string, d fleetdial.Directive) []string {
	switch m := d.Match; {
	case m == (fleetdial.Match{}):
		return append(broad, printable(d.ID)+" matches every request")
	case d.Capture && m.Tenant == "" && m.Index == "" && m.Principal == "":
		return append(broad, printable(d.ID)+" captures traffic without a tenant, index or principal")
	}
	return broad
}
