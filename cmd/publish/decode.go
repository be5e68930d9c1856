package main

import (
	"bytes"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
)

func (a *app) decodeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "decode [FILE|-]",
		Short: "Show the bytes of the fleet's key as JSON",
		Long: "decode reads the bytes of a fleet's key from a file or from stdin, as redis-cli writes them, and shows them\n" +
			"as JSON. It refuses what a proxy would refuse.",
		Example: `  redis-cli --raw GET 'fleetdial:{default}' | publish decode`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			file := "-"
			if len(args) == 1 {
				file = args[0]
			}
			value, err := a.readFile(cmd.Context(), file, fleetdial.MaxValueBytes+1)
			if err != nil {
				return err
			}
			rev, err := fleetdial.DecodeRevision(value)
			if err != nil {
				// redis-cli ends what it writes with a newline that is not part of the value.
				trimmed, cut := bytes.CutSuffix(value, []byte("\n"))
				if again, retryErr := fleetdial.DecodeRevision(trimmed); cut && retryErr == nil {
					rev, err = again, nil
				} else if cut {
					err = retryErr
				}
			}
			if err != nil {
				return &refusedError{err}
			}
			return a.writeRevision(rev)
		},
	}
}
