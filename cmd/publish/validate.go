package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/plain"
	"github.com/fleetdial/fleetdial/internal/review"
)

func (a *app) validateCommand() *cobra.Command {
	var file string
	var w writeFlags
	cmd := &cobra.Command{
		Use:   "validate -f FILE",
		Short: "Check a file without Redis",
		Long: `validate checks a file as publish -f does, and shows the set. It does not contact Redis:
a TTL counts from the time of this machine's clock.`,
		Example: `  publish validate -f incident.json`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := w.checkMaxTTL(); err != nil {
				return err
			}
			body, err := a.readBody(cmd.Context(), file)
			if err != nil {
				return err
			}
			now := time.Now()
			set, err := body.parse(now, w.maxTTL)
			if err != nil {
				return err
			}
			a.messagef("valid: %s", plain.Count(set.Len(), "directive"))
			diff := fleetdial.DiffSets(nil, set)
			a.messageLines(review.Notes(diff))
			if a.json() {
				return a.writeBody(set)
			}
			return a.writeTable(set, now, nil, nil)
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "file to check, JSON or YAML; - for stdin")
	w.registerMaxTTL(cmd)
	return cmd
}
