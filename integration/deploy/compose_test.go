package deploy

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
	for profile, more := range map[string][]string{"": nil, "metrics": {"prometheus"}, "tools": {"publish"}} {
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
