package faulttest

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// promises is the number of promises in the table of doc.go.
const promises = 10

var (
	promiseLine = regexp.MustCompile(`^//\tP(\d+) +\S`)
	testName    = regexp.MustCompile(`\bTest\w+`)
	testFunc    = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
)

// promiseTests returns the tests of each promise in the table of doc.go. promiseTests[0]
// belongs to P1.
func promiseTests(t *testing.T) [][]string {
	t.Helper()
	source, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	var tests [][]string
	for line := range strings.Lines(string(source)) {
		if m := promiseLine.FindStringSubmatch(line); m != nil {
			require.Equal(t, fmt.Sprint(len(tests)+1), m[1], "the promises must be in order")
			tests = append(tests, nil)
		}
		if len(tests) > 0 && strings.HasPrefix(line, "//\t") {
			last := len(tests) - 1
			tests[last] = append(tests[last], testName.FindAllString(line, -1)...)
		}
	}
	return tests
}

// repositoryTests returns the names of all test functions in the repository.
func repositoryTests(t *testing.T) map[string]bool {
	t.Helper()
	names := make(map[string]bool)
	err := filepath.WalkDir(repositoryRoot(t), func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == ".git":
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range testFunc.FindAllStringSubmatch(string(source), -1) {
			names[m[1]] = true
		}
		return nil
	})
	require.NoError(t, err)
	return names
}

// repositoryRoot returns the directory of go.mod, the working directory or one above it.
func repositoryRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		require.NotEqual(t, dir, parent, "no go.mod above the working directory")
		dir = parent
	}
}

// TestPromises_TestsExist checks that each promise in the table of doc.go lists tests,
// and that the repository has each of them.
func TestPromises_TestsExist(t *testing.T) {
	t.Parallel()
	table, existing := promiseTests(t), repositoryTests(t)
	require.Len(t, table, promises)
	for i, tests := range table {
		assert.NotEmpty(t, tests, "P%d lists no tests", i+1)
		for _, name := range tests {
			assert.True(t, existing[name], "P%d lists %s, which the repository does not have", i+1, name)
		}
	}
}
