package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
)

func (a *app) removeCommand() *cobra.Command {
	var w writeFlags
	cmd := &cobra.Command{
		Use:   "remove ID…",
		Short: "Remove directives",
		Long: `remove publishes the fleet's set without the directives with these ids, and without
expired directives. If the set has no directive with an id, nothing is written.`,
		Example: `  publish remove acme-search`,
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, ids []string) error {
			if len(ids) == 0 {
				return usagef("remove: no ids of directives (publish clear removes all directives)")
			}
			return a.withWriter(w, func(p *fleetdial.Publisher) error {
				return a.remove(cmd.Context(), p, ids, w)
			})
		},
		ValidArgsFunction: argumentsFrom(a.completeIDs),
	}
	a.registerWrite(cmd, &w)
	return cmd
}

// withWriter calls f with a publisher that writes.
func (a *app) withWriter(w writeFlags, f func(*fleetdial.Publisher) error) error {
	p, done, err := a.writer(w)
	if err != nil {
		return err
	}
	defer done()
	return f(p)
}

func (a *app) remove(ctx context.Context, p *fleetdial.Publisher, ids []string, w writeFlags) error {
	now, err := a.redisTime(ctx, p)
	if err != nil {
		return err
	}
	var expired int
	without := func(_ context.Context, current fleetdial.Revision) (set *fleetdial.Set, err error) {
		set, expired, err = removeIDs(current.Set, ids, now)
		return set, err
	}
	return a.publish(ctx, p, w, change{set: without, written: func() { a.reportExpired(expired, w.dryRun) }})
}

// notInSet returns the error for an id that no directive of the set has.
func notInSet(id string, set *fleetdial.Set) error {
	return &rejectedError{fmt.Errorf("directive %s: not in the set%s; nothing was written",
		tui.Quoted(id), hint(id, idsOf(set)))}
}

// removeIDs returns the set without the directives with these ids and without expired
// directives, and the number of the expired directives.
func removeIDs(set *fleetdial.Set, ids []string, now time.Time) (*fleetdial.Set, int, error) {
	all := set.Directives()
	for _, id := range ids {
		if !slices.ContainsFunc(all, func(d fleetdial.Directive) bool { return d.ID == id }) {
			return nil, 0, notInSet(id, set)
		}
	}
	kept, expired := unexpired(slices.DeleteFunc(all, func(d fleetdial.Directive) bool {
		return slices.Contains(ids, d.ID)
	}), now)
	rest, err := fleetdial.NewSet(kept)
	return rest, expired, err
}
