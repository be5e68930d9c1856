package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
)

func (a *app) clearCommand() *cobra.Command {
	var w writeFlags
	cmd := &cobra.Command{
		Use:     "clear",
		Short:   "Publish an empty set",
		Long:    "clear publishes an empty set, even if the key holds an invalid value.",
		Example: `  publish clear --reason "incident over"`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withWriter(w, func(p *fleetdial.Publisher) error {
				return a.clear(cmd.Context(), p, w)
			})
		},
	}
	a.registerWrite(cmd, &w)
	return cmd
}

func (a *app) clear(ctx context.Context, p *fleetdial.Publisher, w writeFlags) error {
	empty := func(context.Context, fleetdial.Revision) (*fleetdial.Set, error) { return new(fleetdial.Set), nil }
	return a.publish(ctx, p, w, change{set: empty, replaces: true})
}
