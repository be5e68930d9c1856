package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/testutil"
)

const composeFile = root + "/docker-compose.yml"

// compose returns the project with these profiles, as docker compose reads it.
func compose(t *testing.T, profiles ...string) *types.Project {
	t.Helper()
	opts, err := cli.NewProjectOptions([]string{composeFile}, cli.WithName("fleetdial"), cli.WithProfiles(profiles))
	require.NoError(t, err)
	project, err := opts.LoadProject(t.Context())
	require.NoError(t, err)
	return project
}

func TestCompose_Profiles(t *testing.T) {
	t.Parallel()
	fleet := []string{"proxy-1", "proxy-2", "proxy-3", "redis", "upstream"}
	for profile, more := range map[string][]string{"": nil, "metrics": {"prometheus"}, "tools": {"publish"}, "ui": {"ui"}} {
		want := slices.Sorted(slices.Values(append(slices.Clone(fleet), more...)))
		assert.Equal(t, want, compose(t, profile).ServiceNames(), profile)
	}
}

func TestCompose_Services(t *testing.T) {
	t.Parallel()
	project := compose(t, "*")
	volumes := make(map[string]bool)
	for name, service := range project.Services {
		for _, port := range service.Ports {
			assert.Equal(t, "127.0.0.1", port.HostIP, "%s is not reachable from elsewhere", name)
		}
		if service.Build == nil {
			continue
		}
		stage(t, service.Build.Target)
		assert.Equal(t, "fleetdial-"+service.Build.Target, service.Image)
		assert.Contains(t, service.Build.Args, "VERSION", name)
		assert.True(t, service.ReadOnly, name)
		assert.Equal(t, []string{"ALL"}, service.CapDrop, name)
		assert.Equal(t, []string{"no-new-privileges:true"}, service.SecurityOpt, name)
		for _, volume := range service.Volumes {
			assert.Equal(t, stateDir, volume.Target)
			assert.False(t, volumes[volume.Source], "%s has a state directory of its own", name)
			volumes[volume.Source] = true
		}
	}
	assert.Len(t, volumes, 3)
}

// TestCompose_Proxy runs the command line of the proxies, and the commands in the comment at
// the head of the file.
func TestCompose_Proxy(t *testing.T) {
	t.Parallel()
	project := compose(t)
	first := project.Services["proxy-1"]
	for _, name := range []string{"proxy-2", "proxy-3"} {
		assert.Equal(t, first.Command, project.Services[name].Command)
	}
	args := []string(first.Command)
	require.NotNil(t, first.StopGracePeriod)
	assert.Greater(t, time.Duration(*first.StopGracePeriod), graceOf(t, args))
	assert.Equal(t, "http://upstream:9200", flagValue(t, args, "upstream"))
	for _, port := range first.Ports {
		assert.Contains(t, []string{portOf(t, flagValue(t, args, "listen")), portOf(t, flagValue(t, args, "admin-listen"))},
			portOf(t, ":"+port.Published))
	}
	require.NotNil(t, first.Environment["FLEETDIAL_REDIS_URL"])
	assert.Equal(t, "redis://redis:6379", *first.Environment["FLEETDIAL_REDIS_URL"])

	p := startProxy(t, args)
	text, err := os.ReadFile(composeFile)
	require.NoError(t, err)
	commands := 0
	for line := range strings.Lines(string(text)) {
		if _, command, ok := strings.Cut(line, "docker compose run --rm publish "); ok {
			p.publish(strings.Fields(command)...)
			commands++
		}
	}
	assert.Positive(t, commands)
	p.check("/healthz", "/metrics")
}

// TestCompose_Prometheus checks that Prometheus scrapes each proxy, at its admin listener.
func TestCompose_Prometheus(t *testing.T) {
	t.Parallel()
	project := compose(t, "metrics")
	text, err := os.ReadFile(filepath.Join(root, "deploy", "prometheus.yml"))
	require.NoError(t, err)
	proxies := 0
	for name, service := range project.Services {
		if strings.HasPrefix(name, "proxy-") {
			proxies++
			assert.Contains(t, string(text), `"`+name+":"+portOf(t, flagValue(t, service.Command, "admin-listen"))+`"`)
		}
	}
	assert.Equal(t, 3, proxies)
	for _, volume := range project.Services["prometheus"].Volumes {
		assert.FileExists(t, volume.Source)
	}
}

// TestCompose_Console runs the command line of the console, and opens its link.
func TestCompose_Console(t *testing.T) {
	t.Parallel()
	service := compose(t, "ui").Services["ui"]
	assert.Equal(t, "host", service.NetworkMode, "a port of a bridge does not reach a loopback address")
	assert.Equal(t, "redis://127.0.0.1:6379", *service.Environment["FLEETDIAL_REDIS_URL"])
	require.Equal(t, "127.0.0.1:8400", flagValue(t, service.Command, "listen"))
	server := testutil.StartRedis(t)
	args := strings.Split(strings.Replace(strings.Join(service.Command, "\n"), ":8400", ":0", 1), "\n")
	command := exec.Command(program(t, "publish"), args...)
	command.Env = []string{"FLEETDIAL_REDIS_URL=" + server.URL(), "FLEETDIAL_FLEET=default"}
	var stdout testutil.Buffer
	command.Stdout = &stdout
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill() // it has ended if the test succeeded
		_ = command.Wait()
	})
	link := regexp.MustCompile(`http://127\.0\.0\.1:\d+/\S*`)
	testutil.Eventually(t, within, "the link", func() bool { return link.MatchString(stdout.String()) })
	assert.Contains(t, get(t, link.FindString(stdout.String())), "<html")
	require.NoError(t, command.Process.Signal(syscall.SIGTERM))
	assert.NoError(t, command.Wait())
}
