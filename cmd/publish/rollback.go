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
one, and nothing if another one came in between (exit code 4). Expired directives are
left out and named, except with --ttl, which sets a new TTL for all directives.`,
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
	older := func(ctx context.Context, current fleetdial.Revision) (*fleetdial.Set, error) {
		opts := fleetdial.RollbackOptions{TTL: ttl}
		opts.DryRun, opts.AnyFormat = true, true // draft checks the format
		to := version
		if to == 0 {
			var err error
			if to, err = previousVersion(ctx, p, current); err != nil {
				return nil, err
			}
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
	// The revision before another current one is not what the operator has asked for.
	return a.publish(ctx, p, w, change{set: older, replaces: true, once: version == 0, written: written})
}

// previousVersion returns the version of the revision before the current one.
func previousVersion(ctx context.Context, p *fleetdial.Publisher, current fleetdial.Revision) (int64, error) {
	entries, err := p.History(ctx)
	if err != nil {
		return 0, err
	}
	version, err := overview.PreviousVersion(entries, current)
	if err != nil {
		return 0, &rejectedError{fmt.Errorf("rollback: %w; nothing was written", err)}
	}
	return version, nil
}
