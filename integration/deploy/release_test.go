package deploy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// release is the part of the configuration of goreleaser that .goreleaser.yaml uses. The
// package of goreleaser that reads it brings 50 modules, so the workflow ci checks the file
// with goreleaser itself.
type release struct {
	Version     int    `json:"version"`
	ProjectName string `json:"project_name"`
	Before      struct {
		Hooks []string `json:"hooks"`
	} `json:"before"`
	Builds []struct {
		ID           string   `json:"id"`
		Main         string   `json:"main"`
		Binary       string   `json:"binary"`
		Env          []string `json:"env"`
		Flags        []string `json:"flags"`
		Ldflags      []string `json:"ldflags"`
		ModTimestamp string   `json:"mod_timestamp"`
		Goos         []string `json:"goos"`
		Goarch       []string `json:"goarch"`
	} `json:"builds"`
	Archives []struct {
		Formats      []string `json:"formats"`
		NameTemplate string   `json:"name_template"`
		Files        []struct {
			Src string `json:"src"`
			Dst string `json:"dst"`
		} `json:"files"`
	} `json:"archives"`
	Checksum struct {
		NameTemplate string `json:"name_template"`
	} `json:"checksum"`
	Snapshot struct {
		VersionTemplate string `json:"version_template"`
	} `json:"snapshot"`
	Changelog struct {
		Disable bool `json:"disable"`
	} `json:"changelog"`
	Release struct {
		Draft      bool   `json:"draft"`
		Prerelease string `json:"prerelease"`
	} `json:"release"`
}

func TestRelease_Configuration(t *testing.T) {
	t.Parallel()
	var r release
	readYAML(t, ".goreleaser.yaml", &r)
	assert.Equal(t, 2, r.Version)
	for _, hook := range r.Before.Hooks {
		requireExecutable(t, strings.Fields(hook)[0])
	}
	var names []string
	for _, build := range r.Builds {
		names = append(names, build.Binary)
		assert.DirExists(t, filepath.Join(root, build.Main))
		assert.Equal(t, []string{"CGO_ENABLED=0"}, build.Env)
		assert.Equal(t, []string{"-s -w -X " + stampOf(t) + "=v{{ .Version }}"}, build.Ldflags)
		assert.NotEmpty(t, build.Goos)
	}
	assert.Equal(t, []string{"publish", "proxy"}, names)
	require.Len(t, r.Archives, 1)
	for _, file := range r.Archives[0].Files {
		if strings.HasPrefix(file.Src, "dist-manual/") {
			continue // the hook writes these
		}
		found, err := filepath.Glob(filepath.Join(root, file.Src))
		require.NoError(t, err)
		assert.NotEmpty(t, found, file.Src)
	}
}

// stampOf returns the variable that the Dockerfile sets to the version. TestImage_VersionIsStamped
// shows that it has an effect.
func stampOf(t *testing.T) string {
	t.Helper()
	for _, command := range stage(t, "build").Commands {
		if run, ok := command.(*instructions.RunCommand); ok {
			if _, flag, ok := strings.Cut(run.CmdLine[0], "-X "); ok {
				name, _, _ := strings.Cut(flag, "=")
				return name
			}
		}
	}
	require.Fail(t, "the Dockerfile sets no version")
	return ""
}

// readYAML reads a file strictly.
func readYAML(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	require.NoError(t, yaml.UnmarshalStrict(text, into), name)
}

func requireExecutable(t *testing.T, name string) {
	t.Helper()
	info, err := os.Stat(filepath.Join(root, name))
	require.NoError(t, err)
	require.NotZero(t, info.Mode()&0o111, "%s is executable", name)
}
