package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
)

// writeFlags are those of every command that publishes.
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
	flags.StringVar(&w.reason, "reason", "", "why, for all who look at the revision")
	flags.StringVar(&w.as, "as", operator(), "who publishes")
	flags.Lookup("as").DefValue = "user@host"
	flags.Var(&expectedVersion{w}, "if-version", "publish only over this version; 0: only where nothing is published")
	flags.BoolVar(&w.dryRun, "dry-run", false, "do everything but the write")
	flags.BoolVar(&w.yes, "yes", false, "confirm what matches every request, or captures without a target")
	flags.StringVar(&w.signKey, "sign-key", a.defaultSignKey, "sign the set with this private key; also FLEETDIAL_SIGN_KEY")
	flags.Lookup("sign-key").DefValue = ""
	flags.BoolVar(&w.wait.wait, "wait", false, "wait until the fleet has it; publish wait --help tells more")
	w.wait.register(cmd)
}

func (w *writeFlags) registerMaxTTL(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&w.maxTTL, "max-ttl", fleetdial.DefaultMaxTTL, "how long a directive may live")
}

func (w *writeFlags) checkMaxTTL() error {
	if w.maxTTL < time.Second {
		return usagef("--max-ttl has to be at least a second")
	}
	return nil
}

// checkFileMaxTTL is checkMaxTTL for a command that need not have a file.
func (w *writeFlags) checkFileMaxTTL(cmd *cobra.Command) error {
	if cmd.Flags().Changed("max-ttl") && !cmd.Flags().Changed("file") {
		return usagef("--max-ttl is about the file that -f names")
	}
	return w.checkMaxTTL()
}

// expectedVersion is the value of --if-version, which unlike its zero may be absent.
type expectedVersion struct{ flags *writeFlags }

func (v *expectedVersion) String() string { return "" }
func (v *expectedVersion) Type() string   { return "version" }

func (v *expectedVersion) Set(s string) error {
	var n int64
	if _, err := fmt.Sscanf(s, "%d", &n); err != nil || fmt.Sprint(n) != s || n < 0 {
		return fmt.Errorf("a version is a whole number from 0")
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

// write is how a command publishes.
type write func(context.Context, fleetdial.PublishOptions) (fleetdial.Revision, error)

// publish shows what is going to change, writes, tells of it and, with --wait, follows it to the fleet.
func (a *app) publish(ctx context.Context, p *fleetdial.Publisher, w writeFlags, write write) error {
	opts := w.options()
	opts.DryRun = true
	would, err := a.timedWrite(ctx, write, opts)
	if err != nil {
		return err
	}
	if err := a.preview(ctx, p, w, would); err != nil {
		return err
	}
	return a.publishUnseen(ctx, p, w, write, would.Version)
}

// publishUnseen is publish without the look at what is going to change, which supposed that version; 0 if there was none.
func (a *app) publishUnseen(
	ctx context.Context, p *fleetdial.Publisher, w writeFlags, write write, supposed int64,
) error {
	roster, err := a.rosterBefore(ctx, p, w.wait)
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
	a.say("%s version %d to fleet %q: %s", done, rev.Version, a.fleet, count(rev.Set.Len(), "directive"))
	if supposed != 0 && rev.Version != supposed {
		a.say("version %d was published in between, and what changed is relative to that", rev.Version-1)
	}
	switch {
	case a.json() && w.wait.wait:
		err = a.writeRevisionLine(rev)
	case a.json():
		err = a.writeRevision(rev)
	case w.dryRun:
		err = a.writeTable(rev.Set, rev.PublishedAt)
	}
	if err != nil || w.dryRun || !w.wait.wait {
		return err
	}
	return a.follow(ctx, p, rev, roster, w.wait)
}

func (a *app) timedWrite(
	ctx context.Context, write write, opts fleetdial.PublishOptions,
) (fleetdial.Revision, error) {
	ctx, cancel := a.timed(ctx)
	defer cancel()
	rev, err := write(ctx, opts)
	return rev, refused(err)
}

// refused marks an error of a set as one after which nothing was written.
func refused(err error) error {
	if isInvalid(err) {
		return &refusedError{err}
	}
	return err
}
