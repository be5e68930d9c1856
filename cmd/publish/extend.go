package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/plain"
	"github.com/fleetdial/fleetdial/internal/review"
)

func (a *app) extendCommand() *cobra.Command {
	var w writeFlags
	var ttl time.Duration
	cmd := &cobra.Command{
		Use:   "extend ID… --ttl DURATION",
		Short: "Give directives a new end",
		Long: `extend publishes the fleet's set with a new end for the directives with these ids: now
plus --ttl. A directive that has expired and is still in the set begins again. Other
expired directives are removed. If a directive would end earlier than before, extend
asks for confirmation, and needs --yes in scripts. If the set has no directive with an
id, nothing is written.`,
		Example: `  publish extend acme-search --ttl 20m`,
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, ids []string) error {
			if len(ids) == 0 || !cmd.Flags().Changed("ttl") {
				return usagef("extend: ids of directives and --ttl are required")
			}
			if err := w.checkMaxTTL(); err != nil {
				return err
			}
			if ttl < time.Second || ttl > w.maxTTL {
				return &rejectedError{errors.New("--ttl: must be 1s to " + w.maxTTL.String())}
			}
			return a.extend(cmd.Context(), ids, ttl, w)
		},
		ValidArgsFunction: argumentsFrom(a.completeIDs),
	}
	cmd.Flags().DurationVar(&ttl, "ttl", 0, "new TTL of the directives, such as 20m (required)")
	a.registerWrite(cmd, &w)
	w.registerMaxTTL(cmd)
	return cmd
}

func (a *app) extend(ctx context.Context, ids []string, ttl time.Duration, w writeFlags) error {
	p, done, err := a.writer(w)
	if err != nil {
		return err
	}
	defer done()
	now, err := a.redisTime(ctx, p)
	if err != nil {
		return err
	}
	var expired int
	extended := func(_ context.Context, current fleetdial.Revision) (set *fleetdial.Set, err error) {
		set, expired, err = review.Extend(current.Set, ids, now, now.Add(ttl))
		return set, err
	}
	return a.publish(ctx, p, w, change{
		set: extended, warnings: shortened, written: func() { a.reportExpired(expired, w.dryRun) },
	})
}

// shortened describes the directives that end earlier than before.
func shortened(_ context.Context, _ fleetdial.Revision, diff fleetdial.Diff) (warnings []string) {
	for _, c := range diff.Changed {
		if c.After.ExpiresAt.Before(c.Before.ExpiresAt) {
			warnings = append(warnings, fmt.Sprintf("directive %s would end at %s, before its current end %s",
				plain.Printable(c.After.ID), plain.Time(c.After.ExpiresAt), plain.Time(c.Before.ExpiresAt)))
		}
	}
	return warnings
}
