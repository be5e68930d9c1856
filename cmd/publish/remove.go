package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/plain"
	"github.com/fleetdial/fleetdial/internal/review"
)

func (a *app) removeCommand() *cobra.Command {
	var w writeFlags
	var names fleetdial.Match
	cmd := &cobra.Command{
		Use:   "remove ID… | --tenant NAME",
		Short: "Remove directives",
		Long: `remove publishes the fleet's set without the directives with these ids, or without
those that name this tenant, index and principal, and without expired directives. If
the set has no such directive, nothing is written.`,
		Example: `  publish remove acme-search` + "\n" + `  publish remove --tenant acme`,
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, ids []string) error {
			byName := names != (fleetdial.Match{})
			switch {
			case byName && len(ids) > 0:
				return usagef("remove: ids and --tenant, --index or --principal are mutually exclusive")
			case !byName && len(ids) == 0:
				return usagef("remove: no ids of directives and no --tenant, --index or --principal " +
					"(publish clear removes all directives)")
			}
			return a.withWriter(w, func(p *fleetdial.Publisher) error {
				selected := theseIDs(ids)
				if byName {
					selected = func(set *fleetdial.Set) ([]string, error) { return idsNaming(set, names) }
				}
				return a.remove(cmd.Context(), p, selected, w)
			})
		},
		ValidArgsFunction: argumentsFrom(a.completeIDs),
	}
	cmd.Flags().StringVar(&names.Tenant, "tenant", "", "tenant that the removed directives name")
	cmd.Flags().StringVar(&names.Index, "index", "", "index that the removed directives name")
	cmd.Flags().StringVar(&names.Principal, "principal", "", "principal that the removed directives name")
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

// remove publishes the set without the directives that selected returns.
func (a *app) remove(
	ctx context.Context, p *fleetdial.Publisher, selected func(*fleetdial.Set) ([]string, error), w writeFlags,
) error {
	now, err := a.redisTime(ctx, p)
	if err != nil {
		return err
	}
	var expired int
	without := func(_ context.Context, current fleetdial.Revision) (set *fleetdial.Set, err error) {
		ids, err := selected(current.Set)
		if err != nil {
			return nil, err
		}
		set, expired, err = review.Remove(current.Set, ids, now)
		return set, err
	}
	return a.publish(ctx, p, w, change{set: without, written: func() { a.reportExpired(expired, w.dryRun) }})
}

// theseIDs selects the directives with these ids.
func theseIDs(ids []string) func(*fleetdial.Set) ([]string, error) {
	return func(*fleetdial.Set) ([]string, error) { return ids, nil }
}

// idsNaming returns the ids of the directives that name the same tenant, index and principal,
// as far as these are given.
func idsNaming(set *fleetdial.Set, names fleetdial.Match) (ids []string, err error) {
	for _, d := range set.Directives() {
		m := d.Match
		if (names.Tenant == "" || m.Tenant == names.Tenant) && (names.Index == "" || m.Index == names.Index) &&
			(names.Principal == "" || m.Principal == names.Principal) {
			ids = append(ids, d.ID)
		}
	}
	if len(ids) == 0 {
		return nil, &rejectedError{fmt.Errorf("remove: no directive names what the flags name%s; nothing was written",
			nameHint(set, names))}
	}
	return ids, nil
}

// nameHint names the tenant, index or principal of the set that may be meant by one that no
// directive names.
func nameHint(set *fleetdial.Set, names fleetdial.Match) string {
	var tenants, indices, principals []string
	for _, d := range set.Directives() {
		tenants = append(tenants, d.Match.Tenant)
		indices = append(indices, d.Match.Index)
		principals = append(principals, d.Match.Principal)
	}
	for _, name := range []struct {
		given string
		known []string
	}{{names.Tenant, tenants}, {names.Index, indices}, {names.Principal, principals}} {
		if name.given != "" && !slices.Contains(name.known, name.given) {
			return plain.Hint(name.given, name.known)
		}
	}
	return ""
}
