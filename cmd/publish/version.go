package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
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
	version := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		version = info.Main.Version
	}
	if a.json() {
		return a.writeJSONLine(map[string]string{"version": version, "go": runtime.Version()})
	}
	_, err := fmt.Fprintf(a.stdout, "publish %s, %s\n", version, runtime.Version())
	return err
}
