package examples_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
)

// TestExamples_SetsAreValid parses the publish bodies of this directory.
func TestExamples_SetsAreValid(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("*.[jy]*")
	require.NoError(t, err)
	for path, want := range map[string]int{"canary.yaml": 1, "incident.json": 3, "incident.yaml": 3} {
		require.Contains(t, paths, path)
		body, err := os.ReadFile(path)
		require.NoError(t, err)
		set, err := fleetdial.ParseSetWith(body, time.Now(), fleetdial.ParseOptions{YAML: filepath.Ext(path) == ".yaml"})
		require.NoError(t, err, path)
		assert.Equal(t, want, set.Len(), path)
		assert.Equal(t, path == "canary.yaml", set.IsDetailed(), path)
	}
	require.Len(t, paths, 3, "another example set")
}
