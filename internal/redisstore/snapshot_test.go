package redisstore

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/wire"
	"github.com/fleetdial/fleetdial/testutil"
)

// withSnapshot starts a fleet whose subscriber keeps a file.
func withSnapshot(t *testing.T) (f *fleet, file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "set")
	return newFleet(t, func(cfg *SubscriberConfig) { cfg.Startup, cfg.SnapshotFile = UseSnapshot, file }), file
}

// restart closes the fleet's subscriber and begins another with its file.
func (f *fleet) restart(t *testing.T) {
	t.Helper()
	require.NoError(t, f.sub.Close())
	f.sub = subscribe(t, f.client, f.sub.cfg)
}

func TestASnapshotServesWhileRedisIsDown(t *testing.T) {
	t.Parallel()
	f, file := withSnapshot(t)
	f.state(t, StateMissing)
	assert.Equal(t, SourceStart, f.sub.Status().Source)
	publish(t, f.pub, "a", "b")
	eventually(t, f.sub, "a", "b")
	f.server.Kill()
	f.restart(t)
	info, err := os.Stat(file)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	assert.Equal(t, []string{"a", "b"}, idsOf(f.sub))
	assert.Equal(t, directive.Shape, f.sub.Decide(directive.Request{}).Level)
	status := f.sub.Status()
	assert.Equal(t, StateStale, status.State)
	assert.Equal(t, SourceSnapshot, status.Source)
	assert.EqualValues(t, 1, status.Revision.Version)
	require.Error(t, status.Err)

	// Redis comes back with nothing: that is no order to drop anything.
	f.server.RestartEmpty()
	f.state(t, StateMissing)
	assert.Equal(t, []string{"a", "b"}, idsOf(f.sub))
	assert.Equal(t, SourceSnapshot, f.sub.Status().Source)
	publish(t, f.pub, "c")
	eventually(t, f.sub, "c")
	assert.Equal(t, SourceLive, f.sub.Status().Source)
	// What clears the fleet is kept as well.
	f.set(t, nil)
	require.NoError(t, f.sub.Refresh(t.Context()))
	f.server.Kill()
	f.restart(t)
	assert.Empty(t, idsOf(f.sub))
	assert.Equal(t, SourceSnapshot, f.sub.Status().Source)
	entries, err := os.ReadDir(filepath.Dir(file))
	require.NoError(t, err)
	assert.Len(t, entries, 1, "nothing is left lying around")
}

func TestASnapshotThatRedisConfirms(t *testing.T) {
	t.Parallel()
	f, _ := withSnapshot(t)
	publish(t, f.pub, "a")
	eventually(t, f.sub, "a")
	f.restart(t)
	f.state(t, StateLive)
	status := f.sub.Status()
	assert.Equal(t, SourceLive, status.Source)
	assert.Zero(t, status.Counters.Applies, "it had it already")
}

func TestSnapshotsThatAreRefused(t *testing.T) {
	t.Parallel()
	_, public := newKey(t)
	for name, c := range map[string]struct {
		change func(s *wire.Snapshot)
		raw    []byte
		signed bool
		want   string
	}{
		"junk":            {raw: []byte("junk"), want: "of type map"},
		"empty":           {raw: []byte{}, want: "too early"},
		"of another key":  {change: func(s *wire.Snapshot) { s.Name = "fleetdial:{test}" }, want: `of the key \"fleetdial:{test}\"`},
		"of the future":   {change: func(s *wire.Snapshot) { s.LocalAt = s.LocalAt.Add(time.Hour) }, want: "before the file was written"},
		"of no time":      {change: func(s *wire.Snapshot) { s.TakenAt = time.UnixMilli(1) }, want: "the year 1970"},
		"of no value":     {change: func(s *wire.Snapshot) { s.Value = []byte("junk") }, want: "no map"},
		"without a seal":  {change: func(*wire.Snapshot) {}, signed: true, want: "not signed"},
		"larger than may": {change: func(s *wire.Snapshot) { s.Value = make([]byte, 2048) }, want: "larger than the limit"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw := c.raw
			if raw == nil {
				s := &wire.Snapshot{Name: testKey, TakenAt: time.Now(), LocalAt: time.Now(), Value: value(t, 1, setOf(t, "a"))}
				c.change(s)
				raw = wire.EncodeSnapshot(s)
			}
			log := &logBuffer{}
			cfg := testConfig()
			cfg.Logger = slog.New(slog.NewTextHandler(log, nil))
			cfg.Startup, cfg.SnapshotFile, cfg.MaxBytes = UseSnapshot, filepath.Join(t.TempDir(), "set"), 1024
			if c.signed {
				cfg.VerifyKeys = append(cfg.VerifyKeys, public)
			}
			require.NoError(t, os.WriteFile(cfg.SnapshotFile, raw, 0o600))
			s := subscribe(t, impatient(t, "127.0.0.1:1"), cfg)
			assert.Empty(t, idsOf(s))
			assert.Equal(t, SourceStart, s.Status().Source)
			assert.Equal(t, 1, log.lines(c.want))
		})
	}
}

func TestP4ASnapshotProlongsNothing(t *testing.T) {
	for _, skew := range []time.Duration{0, time.Hour, -time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(2 * time.Hour) // the clock begins with the year 2000, before which no server's does
			file := filepath.Join(t.TempDir(), "set")
			src := &fakeSource{value: fleetValue(t, skew, time.Minute), skew: skew}
			began := time.Now()
			cfg := SubscriberConfig{Startup: UseSnapshot, SnapshotFile: file, Logger: quiet}
			s := startFake(t, src, cfg)
			assert.True(t, on(s))
			require.NoError(t, s.Close())
			src.change(func() { src.err = errors.New("gone") })
			for range 3 { // each restart begins with what the one before has left
				time.Sleep(10 * time.Second)
				s = startFake(t, src, cfg)
				assert.Equal(t, SourceSnapshot, s.Status().Source)
				assert.True(t, on(s))
				require.NoError(t, s.Close())
			}
			s = startFake(t, src, cfg)
			time.Sleep(time.Until(began.Add(time.Minute - 10*time.Millisecond)))
			assert.True(t, on(s))
			time.Sleep(10 * time.Millisecond)
			assert.False(t, on(s), "at the expiry by the fleet's clock, skew %v", skew)
			require.NoError(t, s.Close())
		})
	}
}

func TestP4ASnapshotFollowsTheFleetsClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "set")
		src := &fakeSource{value: fleetValue(t, 0, time.Minute)}
		cfg := SubscriberConfig{Startup: UseSnapshot, SnapshotFile: file, ResyncInterval: time.Second, Logger: quiet}
		s := startFake(t, src, cfg)
		time.Sleep(time.Second)
		src.change(func() { src.skew = 30 * time.Second }) // by which the directive has half a minute less
		time.Sleep(2 * time.Second)
		require.NoError(t, s.Close())
		src.change(func() { src.err = errors.New("gone") })
		s = startFake(t, src, cfg)
		assert.True(t, on(s))
		time.Sleep(27 * time.Second)
		assert.False(t, on(s))
		require.NoError(t, s.Close())
	})
}

func TestP4ASnapshotProlongsNothingWhereTheFleetsClockGoesBack(t *testing.T) {
	for name, next := range map[string]func(t *testing.T, value []byte) []byte{
		"the same revision": func(_ *testing.T, value []byte) []byte { return value },
		"carried over": func(t *testing.T, old []byte) []byte {
			rev, err := wire.Decode(old)
			require.NoError(t, err)
			return value(t, 2, rev.Set)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(2 * time.Hour)
				file := filepath.Join(t.TempDir(), "set")
				src := &fakeSource{value: fleetValue(t, 0, time.Minute)}
				over := time.Now().Add(time.Minute)
				cfg := SubscriberConfig{Startup: UseSnapshot, SnapshotFile: file, ResyncInterval: time.Second, Logger: quiet}
				s := startFake(t, src, cfg)
				src.change(func() { src.skew = -time.Hour }) // as of a server that takes over
				time.Sleep(3 * time.Second)
				src.change(func() { src.value = next(t, src.value) })
				time.Sleep(3 * time.Second)
				require.NoError(t, s.Close())
				src.change(func() { src.err = errors.New("gone") })
				s = startFake(t, src, cfg)
				assert.True(t, on(s))
				time.Sleep(time.Until(over))
				assert.False(t, on(s))
				require.NoError(t, s.Close())
			})
		})
	}
}

func TestASnapshotFileThatCouldNotBeWrittenIsWrittenLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(2 * time.Hour)
		dir := filepath.Join(t.TempDir(), "dir")
		require.NoError(t, os.Mkdir(dir, 0o700))
		file := filepath.Join(dir, "set")
		src := &fakeSource{value: fleetValue(t, 0, time.Hour)}
		s := startFake(t, src, SubscriberConfig{SnapshotFile: file, ResyncInterval: time.Second, Logger: quiet})
		time.Sleep(time.Second)
		require.NoError(t, os.Rename(dir, dir+"-away"))
		src.change(func() { src.value = fleetValue(t, 0, time.Hour) })
		time.Sleep(5 * time.Second)
		require.NoError(t, os.Rename(dir+"-away", dir))
		time.Sleep(time.Minute)
		synctest.Wait()
		snap, err := readSnapshot(file)
		require.NoError(t, err)
		assert.Equal(t, src.value, snap.Value)
		require.NoError(t, s.Close())
	})
}

// slowSource is one whose replies are under way until arrive says so.
type slowSource struct {
	*fakeSource
	arrive chan struct{} // nil for at once
}

func (s *slowSource) read(ctx context.Context, limit int) (reading, error) {
	if s.arrive != nil {
		<-s.arrive
	}
	return s.fakeSource.read(ctx, limit)
}

func TestASnapshotHasWhatIsAppliedWhileTheSubscriberCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(2 * time.Hour)
		file := filepath.Join(t.TempDir(), "set")
		src := &slowSource{fakeSource: &fakeSource{value: fleetValue(t, 0, time.Hour)}}
		s := startFake(t, src, SubscriberConfig{SnapshotFile: file, ResyncInterval: time.Hour, Logger: quiet})
		synctest.Wait()
		src.value, src.arrive = fleetValue(t, 0, time.Hour), make(chan struct{})
		s.message("look")
		synctest.Wait()
		var closed sync.WaitGroup
		closed.Go(func() { assert.NoError(t, s.Close()) })
		synctest.Wait()
		close(src.arrive)
		closed.Wait()
		require.EqualValues(t, 2, s.Status().Counters.Applies, "it was applied")
		snap, err := readSnapshot(file)
		require.NoError(t, err)
		assert.Equal(t, src.value, snap.Value)
	})
}

func TestASnapshotFileThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	f, file := withSnapshot(t)
	publish(t, f.pub, "a")
	eventually(t, f.sub, "a")
	testutil.Eventually(t, within, "it is written", func() bool { _, err := os.Stat(file); return err == nil })
	require.NoError(t, os.RemoveAll(filepath.Dir(file)))
	for _, id := range []string{"b", "c", "d"} {
		publish(t, f.pub, id)
		eventually(t, f.sub, id)
	}
	testutil.Eventually(t, within, "it is told", func() bool { return f.log.lines("cannot be written") > 0 })
	require.NoError(t, f.sub.Close())
	assert.Equal(t, 1, f.log.lines("cannot be written"))
}

func TestSnapshotConfiguration(t *testing.T) {
	t.Parallel()
	client := impatient(t, "127.0.0.1:1")
	cfg := testConfig()
	cfg.Startup = UseSnapshot
	_, err := Subscribe(t.Context(), client, cfg)
	require.ErrorContains(t, err, "SnapshotFile")
	cfg.SnapshotFile = filepath.Join(t.TempDir(), "none", "set")
	_, err = Subscribe(t.Context(), client, cfg)
	require.ErrorContains(t, err, "folder of the snapshot file")
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	cfg.SnapshotFile = filepath.Join(file, "set")
	_, err = Subscribe(t.Context(), client, cfg)
	require.ErrorContains(t, err, "folder of the snapshot file")
}

func TestASnapshotRemembersTheVersionOfASignedFleet(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		startup Startup
		change  func(s *wire.Snapshot)
		has     []string
	}{
		"of the snapshot": {UseSnapshot, func(*wire.Snapshot) {}, []string{"b"}},
		"whatever the machine's clock shows": {UseSnapshot, func(s *wire.Snapshot) {
			s.LocalAt, s.Boot = s.LocalAt.Add(time.Hour), ""
		}, nil},
		"failing fast":   {FailFast, func(*wire.Snapshot) {}, nil},
		"starting empty": {StartEmpty, func(*wire.Snapshot) {}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, _, _ := signedFleet(t)
			file := filepath.Join(t.TempDir(), "set")
			f.sub.cfg.Startup, f.sub.cfg.SnapshotFile = c.startup, file
			f.restart(t)
			publish(t, f.pub, "a")
			eventually(t, f.sub, "a")
			old := f.holds(t)
			publish(t, f.pub, "b")
			eventually(t, f.sub, "b")
			require.NoError(t, f.sub.Close())
			snap, err := readSnapshot(file)
			require.NoError(t, err)
			c.change(snap)
			require.NoError(t, os.WriteFile(file, wire.EncodeSnapshot(snap), 0o600))
			f.set(t, old)
			f.restart(t)
			f.state(t, StateRejected)
			assert.Equal(t, RejectReplayed, f.sub.Status().Rejected.Reason)
			assert.Equal(t, c.has, idsOf(f.sub))
		})
	}
}
