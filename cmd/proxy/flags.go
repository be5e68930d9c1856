package main

import (
	"strconv"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial/cmd/internal/strictflag"
)

// wording words the errors of this command line.
var wording = strictflag.Words{Printable: printable}

// printable quotes a text with characters that would break a line of a log.
func printable(text string) string {
	if quoted := strconv.Quote(text); quoted != `"`+text+`"` {
		return quoted
	}
	return text
}

// flagError returns an error of pflag as wrong usage.
func flagError(cmd *cobra.Command, err error) error { return &usageError{wording.Error(cmd, err)} }
