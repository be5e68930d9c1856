package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
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
	flags.BoolVar(&w.yes, "yes", false, "confirmation of broad directives, and of an unsigned set after a signed set")
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

// publishFunc publishes the set of a command.
type publishFunc func(context.Context, fleetdial.PublishOptions) (fleetdial.Revision, error)

// publish shows a preview, asks for confirmation if necessary, and calls publishDirectly.
func (a *app) publish(ctx context.Context, p *fleetdial.Publisher, w writeFlags, write publishFunc) error {
	opts := w.options()
	opts.DryRun = true
	preview, err := a.timedWrite(ctx, write, opts)
	if err != nil {
		return err
	}
	if err := a.preview(ctx, p, w, preview); err != nil {
		return err
	}
	return a.publishDirectly(ctx, p, w, write, preview.Version)
}

// publishDirectly publishes without a preview, shows the revision and, with --wait, waits
// for the instances. previewed is the version that a preview has shown, 0 without a
// preview.
func (a *app) publishDirectly(
	ctx context.Context, p *fleetdial.Publisher, w writeFlags, write publishFunc, previewed int64,
) error {
	roster, err := a.rosterToWaitFor(ctx, p, w.wait)
	if errors.Is(err, fleetdial.ErrNoInstances) {
		return fmt.Errorf("nothing was written: %w", err)
	}
	if err != nil {
		return err
	}
	rev, err := a.timedWrite(ctx, write, w.options())
	if err != nil {
		return err
	}
	done := "published"
	if w.dryRun {
		done = "would publish"
	}
	a.messagef("%s version %d to fleet %q: %s", done, rev.Version, a.fleet, tui.Count(rev.Set.Len(), "directive"))
	if previewed != 0 && rev.Version != previewed {
		a.messagef("version %d was published after the preview, and this revision replaces it", rev.Version-1)
	}
	switch {
	case a.json() && w.wait.wait:
		err = a.writeRevisionLine(rev)
	case a.json():
		err = a.writeRevision(rev)
	case w.dryRun:
		err = a.writeTable(rev.Set, rev.PublishedAt, nil)
	}
	if err != nil || w.dryRun || !w.wait.wait {
		return err
	}
	return a.follow(ctx, p, rev, roster, w.wait)
}

func (a *app) timedWrite(
	ctx context.Context, write publishFunc, opts fleetdial.PublishOptions,
) (fleetdial.Revision, error) {
	ctx, cancel := a.timed(ctx)
	defer cancel()
	rev, err := write(ctx, opts)
	return rev, asRejected(err)
}

// asRejected returns the error of an invalid set as a [rejectedError].
func asRejected(err error) error {
	if isInvalid(err) {
		return &rejectedError{err}
	}
	return err
}
