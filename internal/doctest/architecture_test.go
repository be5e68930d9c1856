package doctest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// packages returns the folders of the packages that the picture of ARCHITECTURE.md must name.
// It names folders within folders, such as cmd/internal/connection, without a test.
func packages(t *testing.T) []string {
	t.Helper()
	seen := make(map[string]bool)
	var all []string
	require.NoError(t, filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "testdata") {
			return filepath.SkipDir
		}
		if entry.IsDir() || filepath.Ext(file) != ".go" {
			return nil
		}
		path, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		parts := strings.SplitN(path, string(filepath.Separator), 4)
		if len(parts) == 1 || parts[0] == "examples" {
			return nil
		}
		folder := parts[0]
		if folder == "cmd" || folder == "internal" {
			folder += "/" + parts[1]
		}
		if !seen[folder] {
			seen[folder] = true
			all = append(all, folder)
		}
		return nil
	}))
	return all
}

func TestArchitecture_NamesPackages(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(root, "ARCHITECTURE.md"))
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(page), "\n## Packages\n")
	require.True(t, found)
	picture, _, _ := strings.Cut(rest, "\n## ")
	all := packages(t)
	assert.Greater(t, len(all), 20)
	for _, folder := range append(all, "fleetdial") {
		name := regexp.MustCompile(`(?m)^    (fleet\w+ )*` + regexp.QuoteMeta(folder) + `\b`)
		assert.Regexp(t, name, picture, "%s is not in the picture", folder)
	}
}

// TestArchitecture_NamesDependencies checks that the table of dependencies has each direct
// dependency, and nothing else.
func TestArchitecture_NamesDependencies(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(root, "ARCHITECTURE.md"))
	require.NoError(t, err)
	_, table, found := strings.Cut(string(page), "\n## Dependencies\n")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n## ")
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	var direct, named []string
	for _, line := range regexp.MustCompile(`(?m)^\t(\S+) v\S+$`).FindAllStringSubmatch(string(mod), -1) {
		direct = append(direct, line[1])
	}
	for _, row := range regexp.MustCompile(`(?m)^\| (\S+\.\S+(?:, \S+)*) \|`).FindAllStringSubmatch(table, -1) {
		named = append(named, strings.Split(row[1], ", ")...)
	}
	assert.NotEmpty(t, direct)
	assert.ElementsMatch(t, direct, named)
}
