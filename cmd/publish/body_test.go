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

// TestReadingEndsWithTheContext has commands read what never comes, and interrupts them.
func TestReadingEndsWithTheContext(t *testing.T) {
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
			require.Fail(t, "ended before it was interrupted", "%q: %s", args, stderr.String())
		case <-time.After(20 * time.Millisecond):
		}
		cancel()
		select {
		case code := <-ended:
			assert.Equal(t, exitFailedOf(args), code, "%q", args)
			assert.Contains(t, stderr.String(), "context canceled", "%q", args)
			assert.Empty(t, stdout.String(), "%q", args)
		case <-time.After(10 * time.Second):
			require.Fail(t, "still reads", "%q", args)
		}
	}
}

// exitFailedOf is the code for what failed otherwise; diff says with 1 that something differs.
func exitFailedOf(args []string) int {
	if args[0] == "diff" {
		return exitTrouble
	}
	return exitFailed
}
