package main

import (
	"flag"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/cmd/internal/clidoc"
)

var update = flag.Bool("update", false, "write the section of publish into docs/cli.md")

const cliPage = "../../docs/cli.md"

// TestCommand_Documented holds docs/cli.md. With the flag -update, it writes the page.
func TestCommand_Documented(t *testing.T) {
	t.Parallel()
	a := &app{stdin: strings.NewReader(""), stdout: &dataWriter{Writer: io.Discard}, stderr: io.Discard}
	page, err := os.ReadFile(cliPage)
	require.NoError(t, err)
	want, err := clidoc.Replace(string(page), "publish", clidoc.Markdown(a.command(noEnv)))
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile(cliPage, []byte(want), 0o644))
		return
	}
	assert.Equal(t, want, string(page), "run: go test ./cmd/publish ./cmd/proxy -run TestCommand_Documented -update -p 1")
}
