package fleetdial

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/testutil"
)

// TestAPI_ProgramInAnotherModule builds and runs testdata/program, which uses the API
// from another module and publishes to a real Redis. The build needs no network, because
// it uses the versions in go.mod.
func TestAPI_ProgramInAnotherModule(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	root, err := filepath.Abs(".")
	require.NoError(t, err)
	dir := t.TempDir()
	for _, name := range []string{"main.go", "signatures.go"} {
		copyFile(t, filepath.Join("testdata", "program", name), filepath.Join(dir, name))
	}
	copyFile(t, "go.sum", filepath.Join(dir, "go.sum"))
	mod, err := os.ReadFile("go.mod")
	require.NoError(t, err)
	own := strings.Replace(string(mod), "module "+module+"\n", "module example.com/program\n", 1)
	require.NotEqual(t, string(mod), own)
	own += "\nrequire " + module + " v0.0.0\nreplace " + module + " => " + strconv.Quote(root) + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte(own), 0o600))

	program := filepath.Join(dir, "program")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	build.Dir = dir
	build.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off", "GOTOOLCHAIN=local")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "go build: %s", out)
	out, err = exec.CommandContext(t.Context(), program, server.URL()).CombinedOutput()
	require.NoError(t, err, "the program failed: %s", out)
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, text, 0o600))
}
