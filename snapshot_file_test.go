package fleetdial

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/wire"
	"github.com/fleetdial/fleetdial/testutil"
)

// thisBoot returns what the machine tells of its uptime, which the test needs.
func thisBoot(t testing.TB) (boot string, uptime time.Duration) {
	t.Helper()
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	require.NoError(t, err, "needs /proc/sys/kernel/random/boot_id and /proc/uptime, as on Linux")
	text, err := os.ReadFile("/proc/uptime")
	require.NoError(t, err)
	seconds, err := strconv.ParseFloat(strings.Fields(string(text))[0], 64)
	require.NoError(t, err)
	return strings.TrimSpace(string(id)), time.Duration(seconds * float64(time.Second))
}

func TestSnapshot_UptimeEndsDirectives(t *testing.T) {
	t.Parallel()
	boot, uptime := thisBoot(t)
	for name, c := range map[string]struct {
		boot string
		want Level
	}{
		"the same boot": {boot, Off},
		"another boot":  {"another", Shape}, // the machine cannot tell how long ago that was
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// By the uptime, the file was written when the machine began. By the clock, just now.
			taken := time.Now()
			d := setOf(t, "a").Directives()[0]
			d.ExpiresAt = taken.Add(uptime / 2)
			set, err := NewSet([]Directive{d})
			require.NoError(t, err)
			cfg := testConfig()
			cfg.Startup, cfg.SnapshotFile = UseSnapshot, filepath.Join(t.TempDir(), "set")
			require.NoError(t, os.WriteFile(cfg.SnapshotFile, wire.EncodeSnapshot(&wire.Snapshot{
				Name: testKey, TakenAt: taken, LocalAt: taken, Boot: c.boot, Value: value(t, 1, set),
			}), 0o600))
			s := subscribe(t, impatient(t, "127.0.0.1:1"), cfg)
			require.Equal(t, SourceSnapshot, s.Status().Source)
			assert.Equal(t, c.want, s.Decide(Request{}).Level)
		})
	}
}

// filled returns a value with a second map that makes it so many bytes long.
func filled(t testing.TB, value []byte, length int) []byte {
	t.Helper()
	n := length - len(value) - 8
	out := append(bytes.Clone(value), 0x81, 0xa1, 'a', 0xdb, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	out = append(out, make([]byte, n)...)
	require.Len(t, out, length)
	return out
}

func TestSnapshot_LargestValue(t *testing.T) {
	t.Parallel()
	f, file := withSnapshot(t)
	largest := filled(t, value(t, 1, limitSet(t, 5000, 0)), wire.MaxValueBytes)
	f.set(t, largest)
	require.NoError(t, f.sub.Refresh(t.Context()))
	require.Equal(t, 5000, f.sub.Load().Len())
	f.server.Kill()
	f.restart(t)
	assert.Equal(t, SourceSnapshot, f.sub.Status().Source)
	assert.Equal(t, 5000, f.sub.Load().Len())
	assert.True(t, bytes.Equal(largest, readSnapshot(t, file).Value))
}

func TestSnapshot_WrittenWithoutClose(t *testing.T) {
	t.Parallel()
	f, file := withSnapshot(t)
	publish(t, f.pub, "a")
	eventually(t, f.sub, "a")
	// A process that is killed has the file too.
	testutil.Eventually(t, within, "the value is in the file", func() bool {
		b, err := os.ReadFile(file)
		if err != nil {
			return false
		}
		snap, err := wire.DecodeSnapshot(b)
		return err == nil && bytes.Equal(snap.Value, f.holds(t))
	})
}

// TestSnapshot_TooLargeFile checks that a file beyond the limit is rejected, however large.
func TestSnapshot_TooLargeFile(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{wire.MaxSnapshotBytes + 1, 1 << 30} {
		log := &logBuffer{}
		cfg := testConfig()
		cfg.Logger = log.logger()
		cfg.Startup, cfg.SnapshotFile = UseSnapshot, filepath.Join(t.TempDir(), "set")
		s := &wire.Snapshot{Name: testKey, TakenAt: time.Now(), LocalAt: time.Now(), Value: value(t, 1, setOf(t, "a"))}
		require.NoError(t, os.WriteFile(cfg.SnapshotFile, wire.EncodeSnapshot(s), 0o600))
		require.NoError(t, os.Truncate(cfg.SnapshotFile, size))
		sub := subscribe(t, impatient(t, "127.0.0.1:1"), cfg)
		assert.Equal(t, SourceStart, sub.Status().Source)
		assert.Equal(t, 1, log.lines("more than 4195328 bytes"))
	}
}

// TestSnapshot_TemporaryFilesAreRemoved starts after a process was killed while it wrote.
func TestSnapshot_TemporaryFilesAreRemoved(t *testing.T) {
	t.Parallel()
	for _, startup := range []Startup{StartEmpty, UseSnapshot} {
		dir := t.TempDir()
		for _, name := range []string{".set.tmp-123", ".set.tmp-456", ".other.tmp-123"} {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("half"), 0o600))
		}
		cfg := testConfig()
		cfg.Startup, cfg.SnapshotFile = startup, filepath.Join(dir, "set")
		subscribe(t, impatient(t, "127.0.0.1:1"), cfg)
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, entries, 1)
		assert.Equal(t, ".other.tmp-123", entries[0].Name())
	}
}
