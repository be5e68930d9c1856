package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/testutil"
)

func newTestCapturer(t *testing.T, cfg captureConfig) (*capturer, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	c, err := newCapturer(cfg, slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	return c, &log
}

// TestCapturer_TotalSizeBounded writes ten times the maximum size of all captures.
func TestCapturer_TotalSizeBounded(t *testing.T) {
	t.Parallel()
	cfg := captureConfig{dir: t.TempDir(), maxFile: 4 << 10, maxTotal: 16 << 10, maxAge: time.Hour, maxBody: 1 << 10}
	foreign := filepath.Join(cfg.dir, "notes.ndjson")
	require.NoError(t, os.WriteFile(foreign, make([]byte, 1<<20), 0o600))
	c, _ := newTestCapturer(t, cfg)
	for i := range 160 {
		c.add(capture{Path: strings.Repeat("x", 1000)})
		testutil.Eventually(t, 5*time.Second, "the capture is written", func() bool { return c.written.Load() == int64(i+1) })
	}
	c.close()
	files, err := filepath.Glob(filepath.Join(cfg.dir, "capture-*"))
	require.NoError(t, err)
	assert.Len(t, files, 4)
	for _, file := range files {
		info, err := os.Stat(file)
		require.NoError(t, err)
		assert.LessOrEqual(t, info.Size(), cfg.maxFile)
	}
	assert.FileExists(t, foreign)
}

func TestCapturer_RemovesOldFiles(t *testing.T) {
	t.Parallel()
	cfg := captureConfig{dir: t.TempDir(), maxFile: 4 << 10, maxTotal: 16 << 10, maxAge: time.Second, maxBody: 1 << 10}
	c, _ := newTestCapturer(t, cfg)
	defer c.close()
	c.add(capture{})
	testutil.Eventually(t, 10*time.Second, "the file is removed", func() bool {
		files, err := filepath.Glob(filepath.Join(cfg.dir, "*"))
		require.NoError(t, err)
		return c.written.Load() == 1 && len(files) == 0
	})
}

// TestCapturer_WriteFails removes the directory. The capturer must not block, must count
// every capture as dropped, and must log one line.
func TestCapturer_WriteFails(t *testing.T) {
	t.Parallel()
	cfg := captureConfig{dir: filepath.Join(t.TempDir(), "captures"), maxFile: 1 << 10, maxTotal: 16 << 10, maxAge: time.Hour}
	c, log := newTestCapturer(t, cfg)
	require.NoError(t, os.Remove(cfg.dir))
	for range 3 * captureQueue {
		c.add(capture{})
	}
	c.close()
	assert.EqualValues(t, 3*captureQueue, c.dropped.Load())
	assert.Equal(t, 1, strings.Count(log.String(), "capture write failed"))
}

// TestCapturer_OversizedCaptureDropped adds captures that fit into a file, and captures
// that do not. The capturer must count the oversized ones as dropped, and must log
// nothing.
func TestCapturer_OversizedCaptureDropped(t *testing.T) {
	t.Parallel()
	cfg := captureConfig{dir: t.TempDir(), maxFile: 1 << 10, maxTotal: 16 << 10, maxAge: time.Hour}
	c, log := newTestCapturer(t, cfg)
	fixed, err := json.Marshal(capture{})
	require.NoError(t, err)
	fits := int(cfg.maxFile) - len(fixed) - len("\n")
	for _, long := range []int{fits, fits + 1, 10, 64 << 10, fits} {
		c.add(capture{Path: strings.Repeat("x", long)})
	}
	c.close()
	assert.EqualValues(t, 3, c.written.Load())
	assert.EqualValues(t, 2, c.dropped.Load())
	assert.Empty(t, log.String())
	files, err := filepath.Glob(filepath.Join(cfg.dir, "*"))
	require.NoError(t, err)
	assert.Len(t, files, 3)
	for _, file := range files {
		info, err := os.Stat(file)
		require.NoError(t, err)
		assert.LessOrEqual(t, info.Size(), cfg.maxFile)
	}
}

// TestCapturer_DirectoryUsedTwice starts a second capturer in a directory. It must be
// rejected, and the files of the first one must stay. After the first one has closed, the
// directory can be used again.
func TestCapturer_DirectoryUsedTwice(t *testing.T) {
	t.Parallel()
	cfg := captureConfig{dir: t.TempDir(), maxFile: 1 << 10, maxTotal: 1 << 10, maxAge: time.Hour}
	first, _ := newTestCapturer(t, cfg)
	first.add(capture{})
	_, err := newCapturer(cfg, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "--capture-dir: "+cfg.dir+": another process uses this directory")
	first.close()
	files, err := filepath.Glob(filepath.Join(cfg.dir, "*"))
	require.NoError(t, err)
	assert.Len(t, files, 1)
	second, _ := newTestCapturer(t, cfg)
	second.close()
}
