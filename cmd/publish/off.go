package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
)

func (a *app) offCommand() *cobra.Command {
	var all bool
	var w writeFlags
	cmd := &cobra.Command{
		Use:   "off ID… | --all",
		Short: "Take directives out",
		Long: "off takes directives out of the fleet's set, together with those that have expired. An id that is not there\n" +
			"is an error, and nothing is written. --all publishes an empty set, whatever is there.",
		Example: `  publish off acme-search` + "\n" + `  publish off --all --reason "incident over"`,
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, ids []string) error {
			switch {
			case all && len(ids) > 0:
				return usagef("off takes ids or --all, not both")
			case !all && len(ids) == 0:
				return usagef("off needs the ids of directives, or --all")
			}
			p, done, err := a.writer(w)
			if err != nil {
				return err
			}
			defer done()
			if err := a.confirmUnsigned(cmd.Context(), p, w); err != nil {
				return err
			}
			if all {
				clearAll := func(ctx context.Context, opts fleetdial.PublishOptions) (fleetdial.Revision, error) {
					return p.Publish(ctx, nil, opts)
				}
				return a.publishUnseen(cmd.Context(), p, w, clearAll, 0)
			}
			return a.off(cmd.Context(), p, ids, w)
		},
		ValidArgsFunction: argumentsFrom(a.completeIDs),
	}
	cmd.Flags().BoolVar(&all, "all", false, "all of them")
	a.registerWrite(cmd, &w)
	return cmd
}

func (a *app) off(ctx context.Context, p *fleetdial.Publisher, ids []string, w writeFlags) error {
	now, err := a.redisTime(ctx, p)
	if err != nil {
		return err
	}
	var expired int
	takeOut := func(ctx context.Context, opts fleetdial.PublishOptions) (fleetdial.Revision, error) {
		return p.Update(ctx, func(current fleetdial.Revision) (*fleetdial.Set, error) {
			set, n, err := without(current.Set, ids, now)
			expired = n
			return set, err
		}, opts)
	}
	if err := a.publishUnseen(ctx, p, w, takeOut, 0); err != nil {
		return err
	}
	a.sayExpired(expired, w.dryRun)
	return nil
}

// without returns the set without the directives of these ids, and without those that have expired, whose number it
// returns.
func without(set *fleetdial.Set, ids []string, now time.Time) (*fleetdial.Set, int, error) {
	all := set.Directives()
	for _, id := range ids {
		if !slices.ContainsFunc(all, func(d fleetdial.Directive) bool { return d.ID == id }) {
			return nil, 0, &refusedError{fmt.Errorf("there is no directive %q; nothing was written", id)}
		}
	}
	kept, expired := unexpired(slices.DeleteFunc(all, func(d fleetdial.Directive) bool {
		return slices.Contains(ids, d.ID)
	}), now)
	rest, err := fleetdial.NewSet(kept)
	return rest, expired, err
}
