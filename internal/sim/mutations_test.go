package sim

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var mutationsFlag = flag.Bool("sim.mutations", false, "remove each rule of the follower once and see whether TestSim finds it")

// mutation removes one rule: in a file of internal, old becomes new.
type mutation struct{ name, file, old, new string }

// TestMutations checks that each rule of the table stands in the source. With -sim.mutations, it
// also shows that TestSim finds a follower without the rule, which takes up to a minute each.
func TestMutations(t *testing.T) {
	all := slices.Concat(mutations, rotationMutations)
	for _, m := range all {
		source, err := os.ReadFile(filepath.Join("..", m.file))
		require.NoError(t, err)
		assert.Equal(t, 1, strings.Count(string(source), m.old), "%s: the text in %s has to be there once", m.name, m.file)
	}
	if !*mutationsFlag || t.Failed() {
		return
	}
	for _, m := range all {
		t.Run(m.name, func(t *testing.T) { m.run(t) })
	}
}

var (
	foundText  = regexp.MustCompile(`seed \d+, at [^:]+: ([^:]+): (.*)`)
	foundAfter = regexp.MustCompile(`--- FAIL: TestSim \(([0-9.]+s)\)`)
)

// run runs TestSim with the mutation in place of the file.
func (m *mutation) run(t *testing.T) {
	t.Helper()
	file, err := filepath.Abs(filepath.Join("..", m.file))
	require.NoError(t, err)
	source, err := os.ReadFile(file)
	require.NoError(t, err)
	mutated := filepath.Join(t.TempDir(), "mutated.go")
	require.NoError(t, os.WriteFile(mutated, []byte(strings.Replace(string(source), m.old, m.new, 1)), 0o600))
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {file: mutated}})
	require.NoError(t, err)
	overlayFile := filepath.Join(t.TempDir(), "overlay.json")
	require.NoError(t, os.WriteFile(overlayFile, overlay, 0o600))

	cmd := exec.Command("go", "test", "-count=1", "-vet=off", "-overlay", overlayFile, "-run", "^TestSim$", ".")
	cmd.Env = append(os.Environ(), "SIM=60s")
	out, err := cmd.CombinedOutput()
	require.NotContains(t, string(out), "build failed", "%s", out)
	require.Error(t, err, "not found")
	found := foundText.FindStringSubmatch(string(out))
	require.NotNil(t, found, "it failed in another way:\n%s", out)
	after := foundAfter.FindStringSubmatch(string(out))
	require.NotNil(t, after, "it failed in another way:\n%s", out)
	t.Logf("found after %s by %q: %s", after[1], found[1], found[2])
}
