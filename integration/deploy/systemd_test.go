package deploy

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-systemd/v22/unit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	unitFile = root + "/deploy/systemd/fleetdial-proxy.service"
	// installed is where the unit expects the proxy.
	installed = "/usr/local/bin/proxy"
)

// service returns the settings of the unit's service.
func service(t *testing.T) map[string][]string {
	t.Helper()
	file, err := os.Open(unitFile)
	require.NoError(t, err)
	defer file.Close()
	options, err := unit.DeserializeOptions(file)
	require.NoError(t, err)
	settings := make(map[string][]string)
	for _, option := range options {
		if option.Section == "Service" {
			settings[option.Name] = append(settings[option.Name], option.Value)
		}
	}
	return settings
}

// TestSystemd_UnitIsValid has systemd read the unit, with the path of a proxy that exists.
// systemd names each setting that it does not know, and how much the sandbox leaves open: 100
// is a service without sandbox.
func TestSystemd_UnitIsValid(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(unitFile)
	require.NoError(t, err)
	require.Contains(t, string(text), "ExecStart="+installed+" ")
	file := filepath.Join(t.TempDir(), filepath.Base(unitFile))
	text = []byte(strings.Replace(string(text), "ExecStart="+installed, "ExecStart="+program(t, "proxy"), 1))
	require.NoError(t, os.WriteFile(file, text, 0o600))
	for _, args := range [][]string{
		{"verify", "--man=no", file},
		{"security", "--offline=true", "--threshold=15", file},
	} {
		out, err := exec.CommandContext(t.Context(), "systemd-analyze", args...).CombinedOutput()
		require.NoError(t, err, "systemd-analyze %q (install the package systemd if it is missing): %s", args, out)
		if args[0] == "verify" {
			assert.Empty(t, string(out))
		}
	}
}

// TestSystemd_Proxy runs the command line of the unit with the settings in proxy.env.
func TestSystemd_Proxy(t *testing.T) {
	t.Parallel()
	settings := service(t)
	require.Equal(t, []string{"/etc/fleetdial/proxy.env"}, settings["EnvironmentFile"])
	file, err := os.Open(filepath.Join(root, "deploy", "systemd", "proxy.env"))
	require.NoError(t, err)
	defer file.Close()
	state := filepath.Join("/var/lib", settings["StateDirectory"][0])
	require.Equal(t, stateDir, state)
	values := []string{"%S/" + settings["StateDirectory"][0], state, "%H", "host"}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), "="); ok && !strings.HasPrefix(name, "#") {
			values = append(values, "${"+name+"}", value)
		}
	}
	require.Len(t, settings["ExecStart"], 1)
	words := strings.Fields(strings.NewReplacer(values...).Replace(settings["ExecStart"][0]))
	require.Equal(t, installed, words[0])
	assert.NotContains(t, strings.Join(words, " "), "$", "proxy.env has each variable")
	assert.NotContains(t, strings.Join(words, " "), "%", "the test knows each specifier")

	stop, err := time.ParseDuration(settings["TimeoutStopSec"][0] + "s")
	require.NoError(t, err)
	assert.Greater(t, stop, graceOf(t, words))
	assert.Equal(t, []string{"SIGTERM"}, settings["KillSignal"])
	assert.NotContains(t, strings.Join(words, " "), "redis-url", "every user of the machine can read the command line")
	startProxy(t, words[1:]).check("/healthz")
}
