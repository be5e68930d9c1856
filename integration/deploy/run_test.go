package deploy

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/testutil"
)

// within is how long the tests wait for what takes less than a second.
const within = 30 * time.Second

// stateDir is where the command lines keep their files.
const stateDir = "/var/lib/fleetdial"

// proxyRun is a proxy that runs with the command line of a file.
type proxyRun struct {
	t              *testing.T
	server         *testutil.Redis
	traffic, admin string
	state          string // in place of stateDir
	process        *exec.Cmd
	log            testutil.Buffer
}

// flagValue returns the value of a flag in a command line of the form --name=value.
func flagValue(t *testing.T, args []string, name string) string {
	t.Helper()
	for _, arg := range args {
		if value, ok := strings.CutPrefix(arg, "--"+name+"="); ok {
			return value
		}
	}
	require.Fail(t, "no --"+name, "in %q", args)
	return ""
}

// startProxy runs the proxy of the image with these arguments, except that it listens on ports
// of the kernel, has an upstream and a Redis of the test, and a directory in place of stateDir.
func startProxy(t *testing.T, args []string) *proxyRun {
	t.Helper()
	p := &proxyRun{t: t, server: testutil.StartRedis(t), state: t.TempDir()}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "from the upstream")
	}))
	t.Cleanup(upstream.Close)
	var own []string
	for _, arg := range args {
		name, _, _ := strings.Cut(arg, "=")
		switch name {
		case "--listen", "--admin-listen":
			arg = name + "=127.0.0.1:0"
		case "--upstream":
			arg = name + "=" + upstream.URL
		}
		own = append(own, strings.ReplaceAll(arg, stateDir, p.state))
	}
	p.process = exec.Command(program(t, "proxy"), own...)
	p.process.Env = []string{"FLEETDIAL_REDIS_URL=" + p.server.URL(), "FLEETDIAL_FLEET=default"}
	p.process.Stderr = &p.log
	require.NoError(t, p.process.Start())
	t.Cleanup(func() {
		_ = p.process.Process.Kill() // it has ended if the test succeeded
		_ = p.process.Wait()
	})
	started := regexp.MustCompile(`"listener":"(\w+)","addr":"([^"]+)"`)
	testutil.Eventually(t, within, "both listeners are started", func() bool {
		for _, m := range started.FindAllStringSubmatch(p.log.String(), -1) {
			if m[1] == "traffic" {
				p.traffic = "http://" + m[2]
			} else {
				p.admin = "http://" + m[2]
			}
		}
		return p.traffic != "" && p.admin != ""
	})
	return p
}

// check checks that the proxy answers requests and the health check of the image, that its
// snapshot is in place of stateDir, and that SIGTERM ends it.
func (p *proxyRun) check(probes ...string) {
	p.t.Helper()
	assert.Equal(p.t, "from the upstream", get(p.t, p.traffic+"/orders/_search"))
	for _, path := range probes {
		get(p.t, p.admin+path)
	}
	health, ok := find[*instructions.HealthCheckCommand](stage(p.t, "proxy"))
	require.True(p.t, ok)
	test := health.Health.Test
	require.Equal(p.t, []string{"CMD", "/usr/local/bin/proxy"}, test[:2])
	command := append([]string(nil), test[2:]...)
	for i := range command {
		command[i] = strings.Replace(command[i], "http://127.0.0.1:8081", p.admin, 1)
	}
	assert.Empty(p.t, output(p.t, program(p.t, "proxy"), nil, command...))

	p.publish("add", "--level", "Shape", "--tenant", "acme", "--ttl", "1m", "--wait")
	testutil.Eventually(p.t, within, "the snapshot", func() bool {
		files, err := os.ReadDir(p.state)
		require.NoError(p.t, err)
		return len(files) == 1
	})
	require.NoError(p.t, p.process.Process.Signal(syscall.SIGTERM))
	assert.NoError(p.t, p.process.Wait(), "%s", &p.log)
}

// publish runs publish for the fleet of the proxy.
func (p *proxyRun) publish(args ...string) string {
	p.t.Helper()
	return output(p.t, program(p.t, "publish"), []string{"FLEETDIAL_REDIS_URL=" + p.server.URL(), "FLEETDIAL_FLEET=default"}, args...)
}

func get(t *testing.T, url string) string {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	jar, err := cookiejar.New(nil) // the link of the console sets a cookie, and redirects
	require.NoError(t, err)
	response, err := (&http.Client{Transport: transport, Timeout: within, Jar: jar}).Get(url)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, "%s: %s", url, body)
	return string(body)
}

// output runs a command that has to succeed, with these variables besides those of the test,
// and returns its stdout.
func output(t *testing.T, name string, env []string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	command := exec.CommandContext(ctx, name, args...)
	command.Env = append(os.Environ(), env...)
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	require.NoError(t, err, "%s %q: %s%s", filepath.Base(name), args, out, &stderr)
	return string(out)
}

// portOf returns the port of an address.
func portOf(t *testing.T, addr string) string {
	t.Helper()
	require.Contains(t, addr, ":")
	return addr[strings.LastIndex(addr, ":")+1:]
}

// graceOf returns the value of --grace.
func graceOf(t *testing.T, args []string) time.Duration {
	t.Helper()
	grace, err := time.ParseDuration(flagValue(t, args, "grace"))
	require.NoError(t, err)
	return grace
}
