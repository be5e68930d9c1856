package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
)

func (a *app) removeCommand() *cobra.Command {
	var w writeFlags
	cmd := &cobra.Command{
		Use:   "remove ID…",
		Short: "Take directives out",
		Long: "remove takes directives out of the fleet's set, together with those that have expired. An id that is not there\n" +
			"is an error, and nothing is written.",
		Example: `  publish remove acme-search`,
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, ids []string) error {
			if len(ids) == 0 {
				return usagef("remove needs the ids of directives; publish clear takes out all of them")
			}
			return a.withWriter(cmd.Context(), w, func(p *fleetdial.Publisher) error {
				return a.remove(cmd.Context(), p, ids, w)
			})
		},
		ValidArgsFunction: argumentsFrom(a.completeIDs),
	}
	a.registerWrite(cmd, &w)
	return cmd
}

// offCommand returns the command that was there before remove and clear, and does what they do.
func (a *app) offCommand() *cobra.Command {
	var all bool
	var w writeFlags
	cmd := &cobra.Command{
		Use:    "off ID… | --all",
		Short:  "Take directives out, as remove and clear do",
		Hidden: true,
		Args:   cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, ids []string) error {
			switch {
			case all && len(ids) > 0:
				return usagef("off takes ids or --all, not both")
			case !all && len(ids) == 0:
				return usagef("off needs the ids of directives, or --all")
			}
			return a.withWriter(cmd.Context(), w, func(p *fleetdial.Publisher) error {
				if all {
					return a.clear(cmd.Context(), p, w)
				}
				return a.remove(cmd.Context(), p, ids, w)
			})
		},
		ValidArgsFunction: argumentsFrom(a.completeIDs),
	}
	cmd.Flags().BoolVar(&all, "all", false, "all of them")
	a.registerWrite(cmd, &w)
	return cmd
}

// withWriter calls f with a publisher, once it is confirmed that an unsigned set may take the place of a signed one.
func (a *app) withWriter(ctx context.Context, w writeFlags, f func(*fleetdial.Publisher) error) error {
	p, done, err := a.writer(w)
	if err != nil {
		return err
	}
	defer done()
	if err := a.confirmUnsigned(ctx, p, w); err != nil {
		return err
	}
	return f(p)
}

func (a *app) remove(ctx context.Context, p *fleetdial.Publisher, ids []string, w writeFlags) error {
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
