package vectors

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const folder = "../../spec/vectors"

// files returns the files of the generator.
var files = sync.OnceValue(Files)

func TestFiles_AreThoseOfSpec(t *testing.T) {
	t.Parallel()
	want := files()
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
		got, err := os.ReadFile(filepath.Join(folder, e.Name()))
		require.NoError(t, err)
		// assert.Equal would print megabytes.
		assert.True(t, bytes.Equal(want[e.Name()], got), "%s differs from what the generator writes (go generate ./spec/generate)", e.Name())
	}
	for name := range want {
		assert.Contains(t, names, name)
	}
}

func TestFiles_NamesAndRules(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/protocol.md")
	require.NoError(t, err)
	known := make(map[string]bool)
	for _, m := range regexp.MustCompile(`(?m)^\*\*([A-Z][0-9]+)\.\*\*`).FindAllSubmatch(page, -1) {
		known[string(m[1])] = true
	}
	require.Greater(t, len(known), 60)
	tested := make(map[string]bool)
	for name, text := range files() {
		seen := make(map[string]bool)
		for line := range bytes.Lines(text) {
			var v vector
			require.NoError(t, json.Unmarshal(line, &v), name)
			assert.NotEmpty(t, v.Name, name)
			assert.False(t, seen[v.Name], "%s: %q is repeated", name, v.Name)
			seen[v.Name] = true
			assert.NotEmpty(t, v.Rules, "%s: %q", name, v.Name)
			for _, rule := range v.Rules {
				assert.True(t, known[rule], "%s: %q has the rule %s", name, v.Name, rule)
				tested[rule] = true
			}
		}
	}
	// The decisions test M4, which combines rules. Nothing of the other rules can be seen in a
	// set, a state or a decision, or a publisher keeps them.
	untestable := strings.Fields("M4 C2 C3 F3 F4 F11 T2 T3 T5 T6 K5 P1 P2 P3 P4 P5 P6 R1 R6")
	for rule := range known {
		assert.NotEqual(t, slices.Contains(untestable, rule), tested[rule], "lines that test %s", rule)
	}
}

func TestFiles_AreLarge(t *testing.T) {
	t.Parallel()
	total := 0
	for name, least := range map[string]int{
		"values.jsonl": 300, "samples.jsonl": 50, "decisions.jsonl": 1000, "limits.jsonl": 50, "announcements.jsonl": 40,
		"tokens.jsonl": 80, "reports.jsonl": 150, "bodies.jsonl": 300, "scenarios.jsonl": 20,
	} {
		text := files()[name]
		assert.GreaterOrEqual(t, bytes.Count(text, []byte("\n")), least, name)
		total += len(text)
	}
	assert.Less(t, total, 6<<20)
}

// fuzzedInputs returns the inputs that a fuzz target of package wire has found, by their files.
func fuzzedInputs(t *testing.T, target string) map[string][]byte {
	t.Helper()
	all := make(map[string][]byte)
	root := filepath.Join("../wire/testdata/fuzz", target)
	require.NoError(t, filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		all[e.Name()] = unquoted(t, string(text))
		return nil
	}))
	require.NotEmpty(t, all)
	return all
}

// TestValues_HoldCorpora checks that no input that a fuzzer has found is missing in the vectors.
func TestValues_HoldCorpora(t *testing.T) {
	t.Parallel()
	held := make(map[string]bool)
	for _, v := range values() {
		held[v.Level+string(v.Value)] = true
	}
	for target, level := range map[string]string{"FuzzDecode": "L1", "FuzzDecodeHeader": "L1", "FuzzVerify": "L3"} {
		for file, b := range fuzzedInputs(t, target) {
			assert.True(t, held[level+string(b)], "corpus.txt has no input %s of %s", file, target)
		}
	}
}
