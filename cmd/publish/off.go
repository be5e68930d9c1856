package main

import (
	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
)

// offCommand returns the hidden alias of remove and, with --all, of clear.
func (a *app) offCommand() *cobra.Command {
	var all bool
	var w writeFlags
	cmd := &cobra.Command{
		Use:    "off ID… | --all",
		Short:  "Remove directives, as remove and clear do",
		Hidden: true,
		Args:   cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, ids []string) error {
			switch {
			case all && len(ids) > 0:
				return usagef("off: ids and --all are mutually exclusive")
			case !all && len(ids) == 0:
				return usagef("off: no ids of directives and no --all")
			}
			return a.withWriter(w, func(p *fleetdial.Publisher) error {
				if all {
					return a.clear(cmd.Context(), p, w)
				}
				return a.remove(cmd.Context(), p, theseIDs(ids), w)
			})
		},
		ValidArgsFunction: argumentsFrom(a.completeIDs),
	}
	cmd.Flags().BoolVar(&all, "all", false, "all directives")
	a.registerWrite(cmd, &w)
	return cmd
}
