package main

import (
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/cmd/internal/manual"
)

var manualDir = flag.String("manual.dir", "", "directory to which TestManual writes the man page and the completions")

// TestManual writes the man page and the completions, and checks that they have each flag.
// deploy/manual runs it with -manual.dir.
func TestManual(t *testing.T) {
	t.Parallel()
	dir := *manualDir
	if dir == "" {
		dir = t.TempDir()
	}
	cmd := command(io.Discard, io.Discard, func(string) string { return "" })
	require.NoError(t, manual.Write(dir, cmd))

	text, err := os.ReadFile(filepath.Join(dir, "man", "proxy.1"))
	require.NoError(t, err)
	page := strings.ReplaceAll(string(text), `\-`, "-")
	flags := 0
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		flags++
		assert.Contains(t, page, `\fB--`+f.Name+`\fP`)
	})
	assert.Greater(t, flags, 20)
	out, err := exec.CommandContext(t.Context(), "bash", "-n", filepath.Join(dir, "completions", "proxy.bash")).CombinedOutput()
	require.NoError(t, err, "%s", out)
}
