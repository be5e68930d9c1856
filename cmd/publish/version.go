package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial/cmd/internal/buildversion"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Show the version of this command",
		Example: `  publish version -o json`,
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return a.version() },
	}
}

// version writes the version of this command.
func (a *app) version() error {
	if a.json() {
		return a.writeJSONLine(map[string]string{"version": buildversion.Command(), "go": runtime.Version()})
	}
	_, err := fmt.Fprintf(a.stdout, "publish %s\n", buildversion.Text())
	return err
}
