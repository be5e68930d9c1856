package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEmbeddingGuide_ProgramCompiles builds the program at the end of docs/embedding.md.
func TestEmbeddingGuide_ProgramCompiles(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../docs/embedding.md")
	require.NoError(t, err)
	programs := regexp.MustCompile("(?s)```go\n(package main\n.*?)```").FindAllSubmatch(guide, -1)
	require.Len(t, programs, 1)
	dir := t.TempDir()
	file := filepath.Join(dir, "main.go")
	require.NoError(t, os.WriteFile(file, programs[0][1], 0o600))
	out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "proxy"), file).CombinedOutput()
	require.NoError(t, err, string(out))
}
