// Package manual writes the man pages and the shell completions of a command. Only tests
// import it, so that the library that writes man pages is not a part of the commands.
package manual

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"
)

// Write writes DIR/man/NAME.1, a page for each subcommand beside it, and
// DIR/completions/NAME.bash, .zsh, .fish and .ps1. It creates the directories. The date of the
// pages is that of SOURCE_DATE_EPOCH, or today.
func Write(dir string, root *cobra.Command) error {
	man, completions := filepath.Join(dir, "man"), filepath.Join(dir, "completions")
	for _, each := range []string{man, completions} {
		if err := os.MkdirAll(each, 0o755); err != nil {
			return err
		}
	}
	for shell, write := range map[string]func(file string) error{
		"bash": func(file string) error { return root.GenBashCompletionFileV2(file, true) },
		"zsh":  root.GenZshCompletionFile,
		"fish": func(file string) error { return root.GenFishCompletionFile(file, true) },
		"ps1":  root.GenPowerShellCompletionFileWithDesc,
	} {
		if err := write(filepath.Join(completions, root.Name()+"."+shell)); err != nil {
			return fmt.Errorf("completion for %s: %w", shell, err)
		}
	}
	// The help of a command may hide flags so that it fits on a screen.
	root.LocalFlags().VisitAll(func(f *pflag.Flag) { f.Hidden = false })
	root.DisableAutoGenTag = true
	return doc.GenManTreeFromOpts(root, doc.GenManTreeOptions{
		Header: &doc.GenManHeader{Section: "1", Source: "fleetdial", Manual: "fleetdial"},
		Path:   man, CommandSeparator: "-",
	})
}
