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
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, ids []string) error {
			switch {
			case all && len(ids) > 0:
				return usagef("off takes ids or --all, not both")
			case !all && len(ids) == 0:
				return usagef("off needs the ids of directives, or --all")
			}
			return a.withPublisher(cmd.Context(), w.as, func(ctx context.Context, p *fleetdial.Publisher) error {
				if all {
					return a.publish(w, func(opts fleetdial.PublishOptions) (fleetdial.Revision, error) {
						return p.Publish(ctx, nil, opts)
					})
				}
				return a.off(ctx, p, ids, w)
			})
		},
		ValidArgsFunction: func(cmd *cobra.Command, ids []string, _ string) ([]string, cobra.ShellCompDirective) {
			return a.completeIDs(cmd.Context(), ids), cobra.ShellCompDirectiveNoFileComp
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "all of them")
	w.register(cmd)
	return cmd
}

func (a *app) off(ctx context.Context, p *fleetdial.Publisher, ids []string, w writeFlags) error {
	now, err := p.Now(ctx)
	if err != nil {
		return err
	}
	var expired int
	err = a.publish(w, func(opts fleetdial.PublishOptions) (fleetdial.Revision, error) {
		return p.Update(ctx, func(current fleetdial.Revision) (*fleetdial.Set, error) {
			set, n, err := without(current.Set, ids, now)
			expired = n
			return set, err
		}, opts)
	})
	if err == nil {
		a.sayExpired(expired, w.dryRun)
	}
	return err
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

// completeIDs offers the ids of the fleet's directives to the shell, or none if Redis does not answer at once.
func (a *app) completeIDs(ctx context.Context, given []string) (ids []string) {
	a.timeout = time.Second
	_ = a.withPublisher(ctx, "", func(ctx context.Context, p *fleetdial.Publisher) error {
		rev, err := p.Current(ctx)
		if err != nil {
			return err
		}
		for _, d := range rev.Set.Directives() {
			if !slices.Contains(given, d.ID) {
				ids = append(ids, d.ID)
			}
		}
		return nil
	})
	return ids
}
