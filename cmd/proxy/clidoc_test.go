package main

import (
	"flag"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/cmd/internal/clidoc"
)

var update = flag.Bool("update", false, "write the section of proxy into docs/cli.md")

const cliPage = "../../docs/cli.md"

// TestCommand_Documented holds docs/cli.md. With the flag -update, it writes the page.
func TestCommand_Documented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(cliPage)
	require.NoError(t, err)
	cmd := command(io.Discard, io.Discard, func(string) string { return "" })
	want, err := clidoc.Replace(string(page), "proxy", clidoc.Markdown(cmd))
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile(cliPage, []byte(want), 0o644))
		return
	}
	assert.Equal(t, want, string(page), "run: go test ./cmd/publish ./cmd/proxy -run TestCommand_Documented -update -p 1")
}
