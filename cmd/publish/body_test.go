package main

import (
	"bytes"
	"context"
	"io"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRun_CanceledContextEndsRead lets commands read from pipes that stay empty, and
// cancels the context.
func TestRun_CanceledContextEndsRead(t *testing.T) {
	t.Parallel()
	fifo := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, exec.Command("mkfifo", fifo).Run())
	for _, args := range [][]string{
		{"decode"},
		{"decode", fifo},
		{"-f", "-"},
		{"validate", "-f", "-"},
		{"validate", "-f", fifo},
		{"explain", "-f", "-"},
		{"diff", "-f", "-"},
	} {
		silent, writer := io.Pipe()
		defer writer.Close()
		ctx, cancel := context.WithCancel(t.Context())
		var stdout, stderr bytes.Buffer
		ended := make(chan int, 1)
		go func() {
			ended <- run(ctx, args, silent, &stdout, &stderr, func(string) string { return "" })
		}()
		select {
		case <-ended:
			require.Fail(t, "command ended before the context was canceled", "%q: %s", args, stderr.String())
		case <-time.After(20 * time.Millisecond):
		}
		cancel()
		select {
		case code := <-ended:
			assert.Equal(t, failureCode(args), code, "exit code of %q", args)
			assert.Contains(t, stderr.String(), "context canceled", "stderr of %q", args)
			assert.Empty(t, stdout.String(), "stdout of %q", args)
		case <-time.After(10 * time.Second):
			require.Fail(t, "command still reads after the context was canceled", "%q", args)
		}
	}
}

// failureCode returns the exit code of a failed command. For diff, 1 means differences.
func failureCode(args []string) int {
	if args[0] == "diff" {
		return exitDiffFailed
	}
	return exitFailed
}
