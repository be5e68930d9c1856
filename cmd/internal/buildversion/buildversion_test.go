package buildversion_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/testutil"
)

// The Dockerfiles and .goreleaser.yaml have the same flag.
const (
	stamped = "v9.8.7-test"
	flag    = "-X github.com/fleetdial/fleetdial/internal/host.stamp=" + stamped
)

// TestVersion_Stamped builds both commands as a container image does, from files without
// history, and reads the version from the commands and from the roster.
func TestVersion_Stamped(t *testing.T) {
	t.Parallel()
	publish, proxy := build(t, "publish"), build(t, "proxy")
	server := testutil.StartRedis(t)

	assert.Regexp(t, "^publish "+stamped+", go1", output(t, publish, "version"))
	assert.Regexp(t, "^proxy "+stamped+", go1", output(t, proxy, "--version"))

	running := exec.Command(proxy, "--upstream", "http://127.0.0.1:9", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
		"--redis-url", server.URL(), "--instance", "web")
	require.NoError(t, running.Start())
	t.Cleanup(func() {
		assert.NoError(t, running.Process.Signal(os.Interrupt))
		assert.NoError(t, running.Wait())
	})
	testutil.Eventually(t, 20*time.Second, "the row of the proxy", func() bool {
		var status struct {
			Instances []struct{ Fleetdial string }
		}
		require.NoError(t, json.Unmarshal([]byte(output(t, publish, "status", "-o", "json", "--redis-url", server.URL())), &status))
		return len(status.Instances) == 1 && status.Instances[0].Fleetdial == stamped
	})
}

func build(t *testing.T, command string) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), command)
	out, err := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-ldflags", flag, "-o", program, "../../"+command).CombinedOutput()
	require.NoError(t, err, "go build: %s", out)
	return program
}

func output(t *testing.T, program string, args ...string) string {
	t.Helper()
	var stderr strings.Builder
	command := exec.CommandContext(t.Context(), program, args...)
	command.Stderr = &stderr
	out, err := command.Output()
	require.NoError(t, err, "%s %v: %s", program, args, &stderr)
	return string(out)
}
