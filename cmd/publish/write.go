package main

import (
	"bufio"
	"fmt"
	"strings"
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
	maxTTL    time.Duration
}

func (w *writeFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&w.reason, "reason", "", "why, for all who look at the revision")
	flags.StringVar(&w.as, "as", operator(), "who publishes")
	flags.Lookup("as").DefValue = "user@host"
	flags.Var(&expectedVersion{w}, "if-version", "publish only over this version; 0: only where nothing is published")
	flags.BoolVar(&w.dryRun, "dry-run", false, "do everything but the write")
	flags.BoolVar(&w.yes, "yes", false, "do not ask before a directive that matches every request")
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
		opts.IfVersion = fleetdial.IfNothing
	case w.hasIf:
		opts.IfVersion = w.ifVersion
	}
	return opts
}

// publish writes with the options of the flags, and tells of it.
func (a *app) publish(
	w writeFlags, write func(fleetdial.PublishOptions) (fleetdial.Revision, error),
) error {
	rev, err := write(w.options())
	if err != nil {
		return refused(err)
	}
	done := "published"
	if w.dryRun {
		done = "would publish"
	}
	a.say("%s version %d to fleet %q: %s", done, rev.Version, a.fleet, count(rev.Set.Len(), "directive"))
	switch {
	case a.json():
		return a.writeRevision(rev)
	case w.dryRun:
		return a.writeTable(rev.Set, rev.PublishedAt)
	}
	return nil
}

// refused marks an error of a set as one after which nothing was written.
func refused(err error) error {
	if isInvalid(err) {
		return &refusedError{err}
	}
	return err
}

// confirm asks before directives that match every request, if there is somebody to ask.
func (a *app) confirm(w writeFlags, directives []fleetdial.Directive) error {
	var broad []string
	for _, d := range directives {
		if d.Match == (fleetdial.Match{}) {
			broad = append(broad, printable(d.ID))
		}
	}
	if len(broad) == 0 || w.yes || w.dryRun || !isTerminal(a.stdin) || !isTerminal(a.stderr) {
		return nil
	}
	fmt.Fprintf(a.stderr, "%s every request of fleet %q: %s\nPublish? [y/N] ",
		plural(len(broad), "This directive matches", "These directives match"), a.fleet, strings.Join(broad, ", "))
	answer, _ := bufio.NewReader(a.stdin).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return fmt.Errorf("nothing was published: not confirmed")
}
