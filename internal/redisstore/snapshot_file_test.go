package redisstore

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/wire"
	"github.com/fleetdial/fleetdial/testutil"
)

// readWhole reads a file that was opened earlier.
func readWhole(t testing.TB, f *os.File) *wire.Snapshot {
	t.Helper()
	b, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<40))
	require.NoError(t, err)
	snap, err := wire.DecodeSnapshot(b)
	require.NoError(t, err)
	return snap
}

func TestASnapshotFileIsReplacedNotOverwritten(t *testing.T) {
	t.Parallel()
	s := newSnapshot(filepath.Join(t.TempDir(), "set"), testKey, quiet)
	var opened []*os.File
	for i := range 3 {
		s.keep(fmt.Append(nil, "value ", i), time.Now())
		require.NoError(t, s.save())
		f, err := os.Open(s.file)
		require.NoError(t, err)
		defer f.Close()
		opened = append(opened, f)
	}
	for i, f := range opened {
		assert.Equal(t, fmt.Sprint("value ", i), string(readWhole(t, f).Value), "who has opened it reads what was there")
	}
	info, err := os.Stat(s.file)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	entries, err := os.ReadDir(filepath.Dir(s.file))
	require.NoError(t, err)
	assert.Len(t, entries, 1)
}

// TestASnapshotFileIsWholeAtEveryMoment is what a process that dies at any moment needs: there is a file, and all of it.
func TestASnapshotFileIsWholeAtEveryMoment(t *testing.T) {
	t.Parallel()
	s := newSnapshot(filepath.Join(t.TempDir(), "set"), testKey, quiet)
	values := [][]byte{bytes.Repeat([]byte("a"), 2<<20), []byte("small")}
	s.keep(values[0], time.Now())
	require.NoError(t, s.save())
	done := make(chan struct{})
	var readers sync.WaitGroup
	for _, look := range []func() error{
		func() error { _, err := os.Stat(s.file); return err },
		func() error { _, err := readSnapshot(s.file); return err },
	} {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if !assert.NoError(t, look()) {
					return
				}
			}
		})
	}
	for i := range 100 {
		s.keep(values[i%2], time.Now())
		assert.NoError(t, s.save())
	}
	close(done)
	readers.Wait()
}

func TestASnapshotFileThatCannotBeReplacedLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "set")
	require.NoError(t, os.MkdirAll(filepath.Join(file, "a folder"), 0o700))
	require.Error(t, writeAtomically(file, []byte("x")))
	entries, err := os.ReadDir(filepath.Dir(file))
	require.NoError(t, err)
	assert.Len(t, entries, 1)
}

// thisBoot is what the machine tells of its uptime; the tests that go by it need one that tells.
func thisBoot(t testing.TB) (boot string, uptime time.Duration) {
	t.Helper()
	boot, uptime = machineUptime()
	require.NotEmpty(t, boot, "needs /proc/sys/kernel/random/boot_id and /proc/uptime, as on Linux")
	return boot, uptime
}

func TestMachineUptimeCounts(t *testing.T) {
	t.Parallel()
	boot, before := thisBoot(t)
	began := time.Now()
	time.Sleep(50 * time.Millisecond)
	again, after := thisBoot(t)
	assert.Equal(t, boot, again)
	assert.InDelta(t, time.Since(began), after-before, float64(30*time.Millisecond), "proc/uptime shows hundredths")
}

func TestASnapshotSaysOfWhichBootItIs(t *testing.T) {
	t.Parallel()
	s := newSnapshot(filepath.Join(t.TempDir(), "set"), testKey, quiet)
	boot, before := thisBoot(t)
	s.keep([]byte("x"), epochOf(time.Now(), time.Now()))
	require.NoError(t, s.save())
	_, after := thisBoot(t)
	snap, err := readSnapshot(s.file)
	require.NoError(t, err)
	assert.Equal(t, boot, snap.Boot)
	assert.GreaterOrEqual(t, snap.Uptime, before.Truncate(time.Millisecond))
	assert.LessOrEqual(t, snap.Uptime, after)
	assert.WithinDuration(t, time.Now(), snap.LocalAt, within)
	assert.WithinDuration(t, time.Now(), snap.TakenAt, within)
}

func TestP4TheLongerOfTwoTimesHasPassedSinceASnapshot(t *testing.T) {
	t.Parallel()
	boot, uptime := thisBoot(t)
	for name, c := range map[string]struct {
		boot string
		// by the machine's clock, and by its uptime
		wall, up time.Duration
		want     time.Duration
		refused  bool
	}{
		"the same":                              {boot: boot, wall: uptime / 2, up: uptime / 2, want: uptime / 2},
		"the uptime says more":                  {boot: boot, wall: time.Second, up: uptime, want: uptime},
		"the uptime says less":                  {boot: boot, wall: 2 * uptime, up: uptime, want: 2 * uptime},
		"the clock was set back":                {boot: boot, wall: -time.Hour, up: uptime, want: uptime},
		"the clock was set back, another boot":  {boot: "another", wall: -time.Hour, up: uptime, refused: true},
		"the clock was set back, of no boot":    {boot: "", wall: -time.Hour, up: uptime, refused: true},
		"both were":                             {boot: boot, wall: -time.Hour, up: -time.Minute, refused: true},
		"another boot, whose uptime is another": {boot: "another", wall: time.Second, up: uptime, want: time.Second},
		"of no boot":                            {boot: "", wall: time.Second, up: uptime, want: time.Second},
	} {
		now, taken := time.Now(), time.UnixMilli(1_790_000_000_000)
		_, uptime := machineUptime()
		epoch, err := snapshotEpoch(&wire.Snapshot{
			TakenAt: taken, LocalAt: now.Add(-c.wall), Boot: c.boot, Uptime: uptime - c.up,
		})
		if c.refused {
			require.ErrorIs(t, err, errClockWentBack, name)
			continue
		}
		require.NoError(t, err, name)
		shown := time.Unix(0, int64(now.Sub(epoch)))
		assert.InDelta(t, c.want, shown.Sub(taken), float64(500*time.Millisecond), name)
	}
}

func TestP4TheUptimeEndsWhatASnapshotHolds(t *testing.T) {
	t.Parallel()
	boot, uptime := thisBoot(t)
	for name, c := range map[string]struct {
		boot string
		has  directive.Level
	}{
		"the same boot": {boot, directive.Off},
		"another boot":  {"another", directive.Shape}, // of which the machine cannot tell how long ago it was
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// Written when the machine began, as its uptime says, or just now, as its clock does.
			taken := time.Now()
			d := setOf(t, "a").Directives()[0]
			d.ExpiresAt = taken.Add(uptime / 2)
			set, err := directive.NewSet([]directive.Directive{d})
			require.NoError(t, err)
			cfg := testConfig()
			cfg.Startup, cfg.SnapshotFile = UseSnapshot, filepath.Join(t.TempDir(), "set")
			require.NoError(t, os.WriteFile(cfg.SnapshotFile, wire.EncodeSnapshot(&wire.Snapshot{
				Name: testKey, TakenAt: taken, LocalAt: taken, Boot: c.boot, Value: value(t, 1, set),
			}), 0o600))
			s := subscribe(t, impatient(t, "127.0.0.1:1"), cfg)
			require.Equal(t, SourceSnapshot, s.Status().Source)
			assert.Equal(t, c.has, s.Decide(directive.Request{}).Level)
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

func TestASnapshotOfTheLargestValue(t *testing.T) {
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
	snap, err := readSnapshot(file)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(largest, snap.Value))
}

func TestTheSnapshotFileToTheByte(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "set")
	write := func(length int) {
		s := &wire.Snapshot{Name: testKey, TakenAt: time.Now(), LocalAt: time.Now()}
		s.Value = filled(t, value(t, 1, setOf(t, "a")), length-len(wire.EncodeSnapshot(s)))
		b := wire.EncodeSnapshot(s)
		require.Len(t, b, length)
		require.NoError(t, os.WriteFile(file, b, 0o600))
	}
	start := func() (*Subscriber, *logBuffer) {
		log := &logBuffer{}
		cfg := testConfig()
		cfg.Logger = slog.New(slog.NewTextHandler(log, nil))
		cfg.Startup, cfg.SnapshotFile = UseSnapshot, file
		return subscribe(t, impatient(t, "127.0.0.1:1"), cfg), log
	}
	const limit = 4<<20 + 1<<10
	write(limit)
	_, err := readSnapshot(file)
	require.NoError(t, err)
	write(limit + 1)
	s, log := start()
	assert.Equal(t, SourceStart, s.Status().Source)
	assert.Equal(t, 1, log.lines("more than 4195328 bytes"))
	// However large it is, no more of it is read.
	require.NoError(t, os.Truncate(file, 1<<30))
	s, log = start()
	assert.Equal(t, SourceStart, s.Status().Source)
	assert.Equal(t, 1, log.lines("more than 4195328 bytes"))
}

func TestASnapshotFileIsWrittenSoonAndWhole(t *testing.T) {
	t.Parallel()
	f, file := withSnapshot(t)
	publish(t, f.pub, "a")
	eventually(t, f.sub, "a")
	// Without Close: a process that is killed has it too.
	testutil.Eventually(t, within, "it is in the file", func() bool {
		snap, err := readSnapshot(file)
		return err == nil && bytes.Equal(snap.Value, f.holds(t))
	})
}
