package snapshot

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fleetdial/fleetdial/internal/clock"
	"github.com/fleetdial/fleetdial/internal/host"
	"github.com/fleetdial/fleetdial/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testKey = "fleetdial:{default}"

// thisEpoch returns the epoch of a clock that shows the local time.
func thisEpoch() time.Time { return clock.EpochOf(time.Now(), time.Now()) }

// names returns the names of the files in the folder of a file.
func names(t testing.TB, file string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(file))
	require.NoError(t, err)
	for _, entry := range entries {
		all = append(all, entry.Name())
	}
	return all
}

func TestFile_IsReplacedNotOverwritten(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "set")
	var opened []*os.File
	for i := range 3 {
		require.NoError(t, write(file, testKey, fmt.Append(nil, "value ", i), thisEpoch()))
		f, err := os.Open(file)
		require.NoError(t, err)
		defer f.Close()
		opened = append(opened, f)
	}
	for i, f := range opened {
		b, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<40))
		require.NoError(t, err)
		snap, err := wire.DecodeSnapshot(b)
		require.NoError(t, err)
		assert.Equal(t, fmt.Sprint("value ", i), string(snap.Value), "an open file keeps its content")
	}
	info, err := os.Stat(file)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	assert.Equal(t, []string{"set"}, names(t, file))
}

// TestFile_IsWholeAtEveryMoment checks what a process needs that dies at any moment: there is a
// file, and it is whole.
func TestFile_IsWholeAtEveryMoment(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "set")
	values := [][]byte{bytes.Repeat([]byte("a"), 2<<20), []byte("small")}
	require.NoError(t, write(file, testKey, values[0], thisEpoch()))
	done := make(chan struct{})
	var readers sync.WaitGroup
	for _, check := range []func() error{
		func() error { _, err := os.Stat(file); return err },
		func() error { _, err := read(file); return err },
	} {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if !assert.NoError(t, check()) {
					return
				}
			}
		})
	}
	for i := range 100 {
		assert.NoError(t, write(file, testKey, values[i%2], thisEpoch()))
	}
	close(done)
	readers.Wait()
}

func TestFile_FailedWriteLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "set")
	require.NoError(t, os.MkdirAll(filepath.Join(file, "a folder"), 0o700))
	require.Error(t, writeAtomically(file, []byte("x")))
	assert.Equal(t, []string{"set"}, names(t, file))
}

// TestRead_RemovesTemporaryFiles checks that a start removes what a process left behind that
// was killed while it wrote the same file, and nothing else.
func TestRead_RemovesTemporaryFiles(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "set")
	require.NoError(t, write(file, testKey, []byte("x"), thisEpoch()))
	var temporary []string
	for range 2 {
		f, err := os.CreateTemp(filepath.Dir(file), temporaryPrefix(file)+"*")
		require.NoError(t, err)
		require.NoError(t, f.Close())
		temporary = append(temporary, filepath.Base(f.Name()))
	}
	kept := []string{".other.tmp-1", ".set.tmp-1.tmp-1", ".set2.tmp-1", "set.tmp-1", "set2"}
	for _, name := range kept {
		require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(file), name), nil, 0o600))
	}
	require.Subset(t, names(t, file), temporary)
	value, _, err := Read(file, testKey)
	require.NoError(t, err)
	assert.Equal(t, "x", string(value))
	assert.ElementsMatch(t, append(kept, "set"), names(t, file))
}

// thisBoot returns what the machine tells of its uptime. The tests that use it need a machine
// that tells.
func thisBoot(t testing.TB) (boot string, uptime time.Duration) {
	t.Helper()
	boot, uptime = host.Uptime()
	require.NotEmpty(t, boot, "needs /proc/sys/kernel/random/boot_id and /proc/uptime, as on Linux")
	return boot, uptime
}

func TestFile_NamesTheBoot(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "set")
	boot, before := thisBoot(t)
	require.NoError(t, write(file, testKey, []byte("x"), thisEpoch()))
	_, after := thisBoot(t)
	snap, err := read(file)
	require.NoError(t, err)
	assert.Equal(t, boot, snap.Boot)
	assert.GreaterOrEqual(t, snap.Uptime, before.Truncate(time.Millisecond))
	assert.LessOrEqual(t, snap.Uptime, after)
	assert.WithinDuration(t, time.Now(), snap.LocalAt, 10*time.Second)
	assert.WithinDuration(t, time.Now(), snap.TakenAt, 10*time.Second)
}

// TestFile_TakenAtIsNeverEarly checks that the millisecond to which the time is rounded gives no
// directive more time.
func TestFile_TakenAtIsNeverEarly(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "set")
	least := time.Hour // by how much an epoch is early; a busy machine stops this process now and then
	for i := range 10 {
		epoch := thisEpoch().Add(time.Duration(i) * 100 * time.Microsecond)
		require.NoError(t, write(file, testKey, nil, epoch))
		_, got, err := Read(file, testKey)
		require.NoError(t, err)
		assert.False(t, got.After(epoch), "by %v", got.Sub(epoch))
		least = min(least, epoch.Sub(got))
	}
	assert.Less(t, least, 20*time.Millisecond)
}

func TestEpochOf_TheClockByWhichMoreTimePassed(t *testing.T) {
	t.Parallel()
	boot, uptime := thisBoot(t)
	for name, c := range map[string]struct {
		boot string
		// wall and up are how much time passed by the machine's clock, and by its uptime.
		wall, up   time.Duration
		want       time.Duration
		isRejected bool
	}{
		"the same":                              {boot: boot, wall: uptime / 2, up: uptime / 2, want: uptime / 2},
		"the uptime shows more":                 {boot: boot, wall: time.Second, up: uptime, want: uptime},
		"the uptime shows less":                 {boot: boot, wall: 2 * uptime, up: uptime, want: 2 * uptime},
		"the clock was set back":                {boot: boot, wall: -time.Hour, up: uptime, want: uptime},
		"the clock was set back, another boot":  {boot: "another", wall: -time.Hour, up: uptime, isRejected: true},
		"the clock was set back, of no boot":    {boot: "", wall: -time.Hour, up: uptime, isRejected: true},
		"both were":                             {boot: boot, wall: -time.Hour, up: -time.Minute, isRejected: true},
		"another boot, whose uptime is another": {boot: "another", wall: time.Second, up: uptime, want: time.Second},
		"of no boot":                            {boot: "", wall: time.Second, up: uptime, want: time.Second},
	} {
		now, taken := time.Now(), time.UnixMilli(1_790_000_000_000)
		_, uptime := host.Uptime()
		epoch, err := epochOf(&wire.Snapshot{
			TakenAt: taken, LocalAt: now.Add(-c.wall), Boot: c.boot, Uptime: uptime - c.up,
		}, now)
		if c.isRejected {
			require.ErrorIs(t, err, errClockWentBack, name)
			continue
		}
		require.NoError(t, err, name)
		shown := time.Unix(0, int64(now.Sub(epoch)))
		assert.InDelta(t, c.want, shown.Sub(taken), float64(500*time.Millisecond), name)
	}
}

func TestRead_Rejects(t *testing.T) {
	t.Parallel()
	_, _, err := Read(filepath.Join(t.TempDir(), "set"), testKey)
	require.ErrorIs(t, err, os.ErrNotExist)
	for want, s := range map[string]wire.Snapshot{
		`of the key "fleetdial:{test}"`: {Name: "fleetdial:{test}", TakenAt: time.Now(), LocalAt: time.Now()},
		"before the file was written":   {Name: testKey, TakenAt: time.Now(), LocalAt: time.Now().Add(time.Hour)},
		"the year 1970":                 {Name: testKey, TakenAt: time.UnixMilli(1), LocalAt: time.Now()},
	} {
		file := filepath.Join(t.TempDir(), "set")
		require.NoError(t, os.WriteFile(file, wire.EncodeSnapshot(&s), 0o600))
		value, _, err := Read(file, testKey)
		assert.ErrorContains(t, err, want)
		assert.Equal(t, s.Name == testKey, value != nil, "the value of the fleet, whatever the clocks show: %s", want)
	}
}

func TestRead_LimitToTheByte(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "set")
	fill := func(length int) {
		s := &wire.Snapshot{Name: testKey, TakenAt: time.Now(), LocalAt: time.Now()}
		s.Value = make([]byte, length-len(wire.EncodeSnapshot(s)))
		b := wire.EncodeSnapshot(s)
		require.Len(t, b, length)
		require.NoError(t, os.WriteFile(file, b, 0o600))
	}
	const limit = 4<<20 + 1<<10
	fill(limit)
	_, _, err := Read(file, testKey)
	require.NoError(t, err)
	fill(limit + 1)
	_, _, err = Read(file, testKey)
	require.ErrorContains(t, err, "more than 4195328 bytes")
	// However large the file is, no more of it is read.
	require.NoError(t, os.Truncate(file, 1<<30))
	_, _, err = Read(file, testKey)
	require.ErrorContains(t, err, "more than 4195328 bytes")
}

func TestCheckFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, CheckFolder(filepath.Join(dir, "set")))
	require.ErrorContains(t, CheckFolder(filepath.Join(dir, "none", "set")), "folder of the snapshot file")
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.ErrorContains(t, CheckFolder(filepath.Join(file, "set")), "folder of the snapshot file")
}
