package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// workflow is the part of a workflow that the tests read. make check reads all of it with
// actionlint, which knows the schema of workflows.
type workflow struct {
	Permissions map[string]string
	Jobs        map[string]struct {
		TimeoutMinutes int `json:"timeout-minutes"`
		Strategy       struct {
			Matrix map[string][]string
		}
		Steps []struct {
			Uses, Run string
			With      map[string]any
		}
	}
}

var makeTarget = regexp.MustCompile(`(?m)\bmake ([a-z-]+)`)

func TestGitHub_Workflows(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(root, ".github", "workflows", "*.yml"))
	require.NoError(t, err)
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	require.NoError(t, err)
	runs := ""
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var w workflow
		require.NoError(t, yaml.Unmarshal(text, &w))
		assert.Equal(t, map[string]string{"contents": "read"}, w.Permissions, "%s begins with no right to write", file)
		require.NotEmpty(t, w.Jobs)
		for name, job := range w.Jobs {
			assert.Positive(t, job.TimeoutMinutes, "%s %s", file, name)
			for _, target := range job.Strategy.Matrix["target"] {
				stage(t, target)
			}
			for _, step := range job.Steps {
				runs += step.Run + "\n"
				if version, ok := step.With["go-version-file"].(string); ok {
					assert.FileExists(t, filepath.Join(root, version))
				}
			}
		}
	}
	for _, want := range []string{".ci/run", "make vulnerabilities", "make fuzz"} {
		assert.Contains(t, runs, want, "a workflow runs it")
	}
	requireExecutable(t, ".ci/run")
	for _, m := range makeTarget.FindAllStringSubmatch(runs, -1) {
		assert.Regexp(t, `(?m)^`+m[1]+`:`, string(makefile))
	}
}

// form is an issue form, with the fields that GitHub requires of each element.
type form struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Labels      []string `json:"labels"`
	Body        []struct {
		Type        string            `json:"type"`
		ID          string            `json:"id"`
		Attributes  map[string]string `json:"attributes"`
		Validations map[string]bool   `json:"validations"`
	} `json:"body"`
}

func TestGitHub_IssueForms(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"bug.yml", "proposal.yml"} {
		var f form
		readYAML(t, ".github/ISSUE_TEMPLATE/"+name, &f)
		assert.NotEmpty(t, f.Name)
		assert.NotEmpty(t, f.Description)
		ids := make(map[string]bool)
		for _, element := range f.Body {
			if element.Type == "markdown" {
				assert.NotEmpty(t, element.Attributes["value"])
				continue
			}
			assert.Contains(t, []string{"input", "textarea"}, element.Type)
			assert.NotEmpty(t, element.Attributes["label"])
			assert.Regexp(t, "^[a-z]+$", element.ID)
			assert.False(t, ids[element.ID], "%s is unique", element.ID)
			ids[element.ID] = true
		}
		assert.NotEmpty(t, ids)
	}
	var config struct {
		BlankIssues bool `json:"blank_issues_enabled"`
		Links       []struct {
			Name  string `json:"name"`
			URL   string `json:"url"`
			About string `json:"about"`
		} `json:"contact_links"`
	}
	readYAML(t, ".github/ISSUE_TEMPLATE/config.yml", &config)
	require.Len(t, config.Links, 1)
	assert.Contains(t, config.Links[0].URL, "/security/advisories/new")
	assert.FileExists(t, filepath.Join(root, "SECURITY.md"))
}
