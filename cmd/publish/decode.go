package main

import (
	"bytes"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
)

func (a *app) decodeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "decode [FILE|-]",
		Short: "Show the value of a fleet's key as JSON",
		Long: `decode reads the value of a fleet's key, as redis-cli --raw writes it, from a file or
from stdin, and shows the revision as JSON. decode rejects a value that a proxy would
reject, and nothing at all, which redis-cli writes if there is no key. A value does not
hold the name of its fleet: the fleet in the JSON is that of --fleet. decode checks no
signature: publish get --verify-key does.`,
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
			if len(bytes.TrimSpace(value)) == 0 {
				// redis-cli writes only a newline if there is no key.
				return &rejectedError{fmt.Errorf(
					"%s: no value (the key is missing, or it holds the empty value, which clears a fleet)", inputName(file))}
			}
			rev, err := fleetdial.DecodeRevision(value)
			if err != nil {
				// redis-cli appends a newline that is not part of the value.
				trimmed, hasNewline := bytes.CutSuffix(value, []byte("\n"))
				if again, retryErr := fleetdial.DecodeRevision(trimmed); hasNewline && retryErr == nil {
					rev, err = again, nil
				} else if hasNewline {
					err = retryErr
				}
			}
			if err != nil {
				return &rejectedError{err}
			}
			return a.writeRevision(rev)
		},
	}
}
