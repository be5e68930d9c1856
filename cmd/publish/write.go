package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/plain"
	"github.com/fleetdial/fleetdial/internal/review"
)

// writeFlags are the flags of every command that publishes.
type writeFlags struct {
	reason    string
	as        string
	ifVersion int64
	hasIf     bool
	dryRun    bool
	yes       bool
	signKey   string
	maxTTL    time.Duration
	wait      waitFlags
}

func (a *app) registerWrite(cmd *cobra.Command, w *writeFlags) {
	flags := cmd.Flags()
	flags.StringVar(&w.reason, "reason", "", "reason for the change, shown in the history")
	flags.StringVar(&w.as, "as", operator(), "author of the revision")
	flags.Lookup("as").DefValue = "user@host"
	flags.Var(&expectedVersion{w}, "if-version",
		"required current version; 0 requires no current revision (default no check)")
	flags.BoolVar(&w.dryRun, "dry-run", false, "preview of the change, without writing")
	flags.BoolVar(&w.yes, "yes", false, "confirmation of what the command asks about: a new fleet, broad directives, an end of "+
		"directives of others, an unsigned set after a signed set, a format that live instances do not read")
	flags.StringVar(&w.signKey, "sign-key", a.defaultSignKey, "private key that signs the set, a PEM file; also FLEETDIAL_SIGN_KEY")
	flags.Lookup("sign-key").DefValue = ""
	flags.BoolVar(&w.wait.wait, "wait", false, "wait until the fleet has applied the revision; see publish wait --help")
	w.wait.register(cmd)
}

func (w *writeFlags) registerMaxTTL(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&w.maxTTL, "max-ttl", fleetdial.DefaultMaxTTL, "maximum TTL of a directive")
}

func (w *writeFlags) checkMaxTTL() error {
	if w.maxTTL < time.Second {
		return usagef("--max-ttl: must be at least 1s")
	}
	return nil
}

// checkFileMaxTTL is checkMaxTTL for a command with an optional file.
func (w *writeFlags) checkFileMaxTTL(cmd *cobra.Command) error {
	if cmd.Flags().Changed("max-ttl") && !cmd.Flags().Changed("file") {
		return usagef("--max-ttl: requires -f FILE")
	}
	return w.checkMaxTTL()
}

// expectedVersion is the value of --if-version. It distinguishes an absent flag from 0.
type expectedVersion struct{ flags *writeFlags }

func (v *expectedVersion) String() string { return "" }
func (v *expectedVersion) Type() string   { return "version" }

func (v *expectedVersion) Set(s string) error {
	var n int64
	if _, err := fmt.Sscanf(s, "%d", &n); err != nil || fmt.Sprint(n) != s || n < 0 {
		return errors.New("must be a non-negative integer")
	}
	v.flags.ifVersion, v.flags.hasIf = n, true
	return nil
}

func (w *writeFlags) options() fleetdial.PublishOptions {
	opts := fleetdial.PublishOptions{Reason: w.reason, DryRun: w.dryRun}
	switch {
	case w.hasIf && w.ifVersion == 0:
		opts.IfVersion = fleetdial.IfAbsent
	case w.hasIf:
		opts.IfVersion = w.ifVersion
	}
	return opts
}

// change is what a command does to the fleet's set.
type change struct {
	// set returns the new set. It may be called again for another current revision.
	set func(ctx context.Context, current fleetdial.Revision) (*fleetdial.Set, error)
	// replaces says that the new set does not contain the directives of the current set, so that
	// it can replace an unreadable value, but no revision that the operator has not seen.
	replaces bool
	// creates says that the change may be the first publish to a fleet.
	creates bool
	// once says that the change is made over one revision only: a conflict ends the command.
	once bool
	// warnings returns what the operator has to confirm, apart from broad directives. It may
	// be nil.
	warnings func(ctx context.Context, from fleetdial.Revision, diff fleetdial.Diff) []string
	// written tells what the command knows of the written revision, or of a dry run. It may be nil.
	written func()
}

// draft is a draft with what the operator has to confirm because of the current revision.
type draft struct {
	review.Draft
	warnings []string
}

// publish makes the change to the fleet's set: it shows the difference from the current revision,
// asks for confirmation if necessary, publishes exactly what it has shown over exactly that
// revision and, with --wait, waits for the instances. If another revision came in between,
// publish starts again or returns the conflict.
func (a *app) publish(ctx context.Context, p *fleetdial.Publisher, w writeFlags, c change) error {
	var asked bool
	var roster *fleetdial.Roster
	var conflicts conflicts
	for {
		d, err := a.draft(ctx, p, w, c)
		if err == nil {
			asked, err = a.preview(ctx, p, w, c, d, asked)
		}
		if err == nil && roster == nil {
			var taken fleetdial.Roster
			taken, err = a.rosterToWaitFor(ctx, p, w.wait)
			roster = &taken
			if errors.Is(err, fleetdial.ErrNoInstances) {
				err = fmt.Errorf("nothing was written: %w", err)
			}
		}
		rev := d.To
		if err == nil && !w.dryRun {
			rev, err = a.write(ctx, p, &d, w.options())
		}
		if err == nil {
			return a.report(ctx, p, w, c, d.From, rev, *roster)
		}
		if isUnwritten(err) {
			err = fmt.Errorf("nothing was written: %w", err)
		}
		again := !w.hasIf && !c.once && (!c.replaces || a.isInteractive())
		if !again || !conflicts.wait(ctx, err, a.timeout, asked) {
			return err
		}
		a.messagef("%s", review.Overtaken(err))
	}
}

// isUnwritten reports whether the cause of an error came before anything was written, and the
// error does not say so.
func isUnwritten(err error) bool {
	_, isConflict := errors.AsType[*fleetdial.ConflictError](err)
	before := isConflict || errors.Is(err, fleetdial.ErrUnavailable) || errors.Is(err, fleetdial.ErrNotInHistory) ||
		errors.Is(err, fleetdial.ErrUnverified)
	_, isFormat := errors.AsType[*fleetdial.FormatError](err)
	before = before || isFormat
	return before && !errors.Is(err, fleetdial.ErrOutcomeUnknown) &&
		!strings.Contains(err.Error(), "nothing was written") && !strings.Contains(err.Error(), "is published")
}

// draft reads the current revision, and computes the new one.
func (a *app) draft(ctx context.Context, p *fleetdial.Publisher, w writeFlags, c change) (d draft, err error) {
	ctx, cancel := a.timed(ctx)
	defer cancel()
	d.Draft, err = review.NewDraft(ctx, p, review.Change{
		Set: c.set, Replaces: c.replaces,
		OnMissing: func(ctx context.Context) (err error) {
			d.warnings, err = a.checkFleet(ctx, p, c.creates)
			return err
		},
	}, w.options())
	if d.Unreadable != nil {
		a.messagef("the key holds an unreadable value, which is replaced: %v", d.Unreadable)
	}
	if unreadable, ok := errors.AsType[*review.UnreadableError](err); ok {
		return d, &rejectedError{fmt.Errorf(
			"%w (publish -f, publish rollback and publish clear replace the value)", unreadable)}
	}
	return d, asRejected(withMaxTTLHint(err))
}

// write publishes a draft.
func (a *app) write(
	ctx context.Context, p *fleetdial.Publisher, d *draft, opts fleetdial.PublishOptions,
) (fleetdial.Revision, error) {
	ctx, cancel := a.timed(ctx)
	defer cancel()
	rev, err := d.Publish(ctx, p, opts)
	return rev, asRejected(withMaxTTLHint(err))
}

// update publishes a set that keeps directives of the current one.
func (a *app) update(
	ctx context.Context, p *fleetdial.Publisher, set *fleetdial.Set, opts fleetdial.PublishOptions,
) (fleetdial.Revision, error) {
	ctx, cancel := a.timed(ctx)
	defer cancel()
	rev, err := p.Update(ctx, func(fleetdial.Revision) (*fleetdial.Set, error) { return set, nil }, opts)
	return rev, asRejected(withMaxTTLHint(err))
}

// withMaxTTLHint names the flag that sets the MaxTTL of the publisher.
func withMaxTTLHint(err error) error {
	if dependsOnTime(err) {
		return fmt.Errorf("%w; --max-ttl sets MaxTTL", err)
	}
	return err
}

// report shows the revision that replaced another one and, with --wait, waits for the instances.
func (a *app) report(
	ctx context.Context, p *fleetdial.Publisher, w writeFlags, c change, from, rev fleetdial.Revision, roster fleetdial.Roster,
) (err error) {
	done := "published"
	if w.dryRun {
		done = "would publish"
	}
	a.messagef("%s version %d to fleet %q: %s", done, rev.Version, a.fleet, plain.Count(rev.Set.Len(), "directive"))
	if rev.Version <= from.Version {
		a.messagef("the versions begin again after version %d", from.Version)
	}
	if c.written != nil {
		c.written()
	}
	if !w.dryRun {
		a.messagef("undo: %s", a.undo(from))
	}
	if !w.dryRun && !w.wait.wait {
		a.followers(ctx, p)
	}
	switch {
	case a.json() && w.wait.wait:
		err = a.writeRevisionLine(rev)
	case a.json():
		err = a.writeRevision(rev)
	case w.dryRun:
		err = a.writeTable(rev.Set, rev.PublishedAt, nil, nil)
	}
	if err != nil || w.dryRun || !w.wait.wait {
		return err
	}
	return a.follow(ctx, p, rev, roster, w.wait)
}

// undo returns the command that brings back the set of the revision that was replaced, in the
// same fleet.
func (a *app) undo(replaced fleetdial.Revision) string {
	command := "publish clear"
	if replaced.Version > 0 && replaced.Set.Len() > 0 {
		command = fmt.Sprintf("publish rollback %d", replaced.Version)
	}
	return command + a.target.writes
}

// asRejected returns the error of an invalid set as a [rejectedError].
func asRejected(err error) error {
	if review.IsInvalid(err) {
		return &rejectedError{err}
	}
	return err
}
