package main

import (
	"context"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/cmd/internal/manual"
)

var manualDir = flag.String("manual.dir", "", "directory to which TestManual writes the man pages and the completions")

// TestManual writes the man pages and the completions, and checks that they have each
// command and each flag. deploy/manual runs it with -manual.dir.
func TestManual(t *testing.T) {
	t.Parallel()
	dir := *manualDir
	if dir == "" {
		dir = t.TempDir()
	}
	a := &app{stdin: strings.NewReader(""), stdout: &dataWriter{Writer: io.Discard, end: func() {}}, stderr: io.Discard}
	root := a.command(func(string) string { return "" })
	root.SetContext(context.WithoutCancel(t.Context()))
	require.NoError(t, manual.Write(dir, root))

	text := page(t, dir, "publish.1")
	for _, flag := range []string{"file", "redis-url", "tls-ca", "if-version", "quiet"} {
		assert.Contains(t, text, `\fB--`+flag+`\fP`, "the page has the flags that the help hides, too")
	}
	pages := 0
	forEach(root, func(cmd *cobra.Command) {
		if cmd.HasParent() && cmd.IsAvailableCommand() && cmd.Name() != "help" {
			pages++
			name := strings.ReplaceAll(cmd.CommandPath(), " ", "-")
			assert.Contains(t, page(t, dir, name+".1"), cmd.Short)
		}
	})
	assert.Greater(t, pages, 20)
	out, err := exec.CommandContext(t.Context(), "bash", "-n", filepath.Join(dir, "completions", "publish.bash")).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func page(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "man", name))
	require.NoError(t, err)
	return strings.ReplaceAll(string(text), `\-`, "-")
}
