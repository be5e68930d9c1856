package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/overview"
	"github.com/fleetdial/fleetdial/internal/plain"
)

func (a *app) rollbackCommand() *cobra.Command {
	var w writeFlags
	var ttl time.Duration
	cmd := &cobra.Command{
		Use:   "rollback [VERSION]",
		Short: "Publish the directives of an older version again",
		Long: `rollback publishes the directives of a version in the history as a new version. Without
a VERSION, it undoes the last publish: it publishes the revision before the current
one, and nothing if another one came in between (exit code 4). If that revision is a
step of a roll that was not complete, or that was reverted, rollback asks for
confirmation, and needs --yes in scripts. Expired directives are left out and named,
except with --ttl, which sets a new TTL for all directives.`,
		Example: `  publish rollback 41 --reason "42 was too much"` + "\n" + `  publish rollback`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var version int64 // the revision before the current one
			if len(args) > 0 {
				var err error
				if version, err = strconv.ParseInt(args[0], 10, 64); err != nil || version < 1 {
					return usagef("version %q: must be a positive integer", args[0])
				}
			}
			if err := w.checkMaxTTL(); err != nil {
				return err
			}
			if cmd.Flags().Changed("ttl") && (ttl < time.Second || ttl > w.maxTTL) {
				return &rejectedError{errors.New("--ttl: must be 1s to " + w.maxTTL.String())}
			}
			return a.rollback(cmd.Context(), version, ttl, w)
		},
		ValidArgsFunction: argumentsFrom(a.completeVersions),
	}
	cmd.Flags().DurationVar(&ttl, "ttl", 0, "new TTL of all directives (default their expiries)")
	a.registerWrite(cmd, &w)
	w.registerMaxTTL(cmd)
	return cmd
}

// rollback publishes the directives of a version again, or those of the revision before the
// current one if version is 0.
func (a *app) rollback(ctx context.Context, version int64, ttl time.Duration, w writeFlags) error {
	p, done, err := a.writer(w)
	if err != nil {
		return err
	}
	defer done()
	var expired []fleetdial.Directive
	var warnings []string
	older := func(ctx context.Context, current fleetdial.Revision) (*fleetdial.Set, error) {
		opts := fleetdial.RollbackOptions{TTL: ttl}
		opts.DryRun, opts.AnyFormat = true, true // draft checks the format
		to := version
		if to == 0 {
			earlier, err := earlierThan(ctx, p, current)
			if err != nil {
				return nil, err
			}
			to, warnings = earlier[0].Revision.Version, a.stepWarnings(current, earlier)
		}
		rev, gone, err := p.Rollback(ctx, to, opts)
		expired = gone
		return rev.Set, a.noVersionError(ctx, p, err)
	}
	written := func() {
		var ids []string
		for _, d := range expired {
			ids = append(ids, d.ID)
		}
		if len(ids) > 0 {
			a.messagef("left out expired directives: %s", strings.Join(plain.Words(ids), ", "))
		}
	}
	return a.publish(ctx, p, w, change{
		set: older, replaces: true, written: written,
		// The revision before another current one is not what the operator has asked for.
		once:     version == 0,
		warnings: func(context.Context, fleetdial.Revision, fleetdial.Diff) []string { return warnings },
	})
}

// earlierThan returns the revisions before the current one, newest first, and at least one.
func earlierThan(ctx context.Context, p *fleetdial.Publisher, current fleetdial.Revision) ([]fleetdial.HistoryEntry, error) {
	entries, err := p.History(ctx)
	if err != nil {
		return nil, err
	}
	if entries = overview.Earlier(entries, current); len(entries) == 0 {
		return nil, &rejectedError{errors.New("rollback: the history holds no earlier revision; nothing was written")}
	}
	return entries, nil
}

// stepWarnings returns a warning if the revision before the current one is a step of a roll that
// was not complete, or that the current revision reverted. An operator who undoes a roll, or who
// does not know that it was reverted, means the revision from before the roll.
func (a *app) stepWarnings(current fleetdial.Revision, earlier []fleetdial.HistoryEntry) []string {
	step := earlier[0].Revision
	number, of, why, ok := parseRollReason(step.Reason)
	if !ok || strings.HasPrefix(why, revertedReason) {
		return nil
	}
	text := fmt.Sprintf("version %d is step %d/%d of a roll", step.Version, number, of)
	if _, _, ended, ok := parseRollReason(current.Reason); ok && strings.HasPrefix(ended, revertedReason) {
		return []string{fmt.Sprintf("%s that version %d reverted (the current set is the one from before the roll)", text, current.Version)}
	}
	if number == of {
		return nil
	}
	if base, err := beforeRoll(earlier, step, number); err == nil {
		text += fmt.Sprintf(" (%s publishes the set from before the roll)", a.undo(base))
	}
	return []string{text}
}
