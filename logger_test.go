package fleetdial

import (
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/testutil"
)

// TestSubscriber_SetLoggerReachesAllParts replaces the logger before each part of the
// subscriber has something to log.
func TestSubscriber_SetLoggerReachesAllParts(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "snapshots")
	require.NoError(t, os.Mkdir(dir, 0o700))
	f := newFleet(t, func(cfg *SubscriberConfig) {
		cfg.SnapshotFile = filepath.Join(dir, "set")
		cfg.ReportInterval = 10 * time.Millisecond
	})
	f.sub.OnChange(func(Change) { panic("listener") })
	publish(t, f.pub, "a")
	testutil.Eventually(t, within, "the first report and the first file are written", func() bool {
		_, err := os.Stat(filepath.Join(dir, "set"))
		n, _ := f.client.Exists(t.Context(), testKey+":fleet").Result()
		return err == nil && n == 1 && f.log.lines("listener panicked") == 1
	})
	require.NoError(t, f.sub.Refresh(t.Context())) // the loop has logged everything
	before := f.log.text()

	var log logBuffer
	f.sub.SetLogger(log.logger().With("host", "caddy"))
	require.NoError(t, os.RemoveAll(dir))
	require.NoError(t, f.client.Del(t.Context(), testKey+":fleet").Err())
	require.NoError(t, f.client.Set(t.Context(), testKey+":fleet", "not a sorted set", 0).Err())
	publish(t, f.pub, "b")
	for part, text := range map[string]string{
		"loop": "revision applied", "snapshot": "snapshot file cannot be written", "listeners": "listener panicked",
		"report": "report rejected by Redis",
	} {
		testutil.Eventually(t, within, "the "+part+" uses the new logger", func() bool { return log.lines(text) > 0 })
	}
	assert.Equal(t, before, f.log.text(), "the earlier logger got a line")
	for _, line := range []string{"host=caddy", "fleet=default"} {
		assert.Equal(t, log.lines("msg="), log.lines(line), line)
	}
}

// TestSubscriber_SetLoggerNil sets the logger that slog.Default returns.
func TestSubscriber_SetLoggerNil(t *testing.T) {
	t.Parallel()
	f := newFleet(t, nil)
	f.sub.SetLogger(nil)
	assert.Equal(t, slog.Default().Handler(), *f.sub.logs.handler.Load())
	publish(t, f.pub, "a")
	eventually(t, f.sub, "a")
	assert.Zero(t, f.log.lines("revision applied"))
}

func TestSubscriber_SetLoggerConcurrent(t *testing.T) {
	t.Parallel()
	f := newFleet(t, nil)
	logs := make([]logBuffer, 4)
	var wg sync.WaitGroup
	for i := range logs {
		wg.Go(func() {
			for range 100 {
				f.sub.SetLogger(logs[i].logger())
			}
		})
	}
	for range 20 {
		publish(t, f.pub, "a")
	}
	wg.Wait()
	require.NoError(t, f.sub.Refresh(t.Context()))
	require.NoError(t, f.sub.Close())
	f.sub.SetLogger(quiet)
	lines := f.log.lines("revision applied")
	for i := range logs {
		lines += logs[i].lines("revision applied")
	}
	assert.EqualValues(t, f.sub.Status().Counters.Applies, lines, "a line was lost or written twice")
}

func TestLogSwitch_KeepsGroupsAndLevel(t *testing.T) {
	t.Parallel()
	var first, second logBuffer
	logs, log := newLogSwitch(first.logger())
	log = log.With("a", 1).WithGroup("g").With("b", 2)
	logs.set(slog.New(slog.NewTextHandler(&second, &slog.HandlerOptions{Level: slog.LevelWarn})))
	log.Info("dropped")
	log.Warn("kept", "c", 3)
	assert.Empty(t, first.text())
	assert.Contains(t, second.text(), "msg=kept a=1 g.b=2 g.c=3\n")
	assert.NotContains(t, second.text(), "dropped")
}
