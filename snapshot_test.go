package fleetdial

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/wire"
	"github.com/fleetdial/fleetdial/testutil"
)

// readSnapshot returns what a snapshot file holds.
func readSnapshot(t testing.TB, file string) *wire.Snapshot {
	t.Helper()
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	snap, err := wire.DecodeSnapshot(b)
	require.NoError(t, err)
	return snap
}

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

func TestSnapshot_ServesWhileRedisIsDown(t *testing.T) {
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
	assert.Equal(t, Shape, f.sub.Decide(Request{}).Level)
	status := f.sub.Status()
	assert.Equal(t, StateStale, status.State)
	assert.Equal(t, SourceSnapshot, status.Source)
	assert.EqualValues(t, 1, status.Revision.Version)
	require.Error(t, status.Err)

	// Redis comes back with nothing. A missing key clears nothing.
	f.server.RestartEmpty()
	f.state(t, StateMissing)
	assert.Equal(t, []string{"a", "b"}, idsOf(f.sub))
	assert.Equal(t, SourceSnapshot, f.sub.Status().Source)
	publish(t, f.pub, "c")
	eventually(t, f.sub, "c")
	assert.Equal(t, SourceLive, f.sub.Status().Source)
	// The empty value is kept as well.
	f.set(t, nil)
	require.NoError(t, f.sub.Refresh(t.Context()))
	f.server.Kill()
	f.restart(t)
	assert.Empty(t, idsOf(f.sub))
	assert.Equal(t, SourceSnapshot, f.sub.Status().Source)
	entries, err := os.ReadDir(filepath.Dir(file))
	require.NoError(t, err)
	assert.Len(t, entries, 1, "no temporary file is left")
}

func TestSnapshot_ConfirmedByRedis(t *testing.T) {
	t.Parallel()
	f, _ := withSnapshot(t)
	publish(t, f.pub, "a")
	eventually(t, f.sub, "a")
	f.restart(t)
	f.state(t, StateLive)
	status := f.sub.Status()
	assert.Equal(t, SourceLive, status.Source)
	assert.Zero(t, status.Counters.Applies, "the set was in force already")
}

func TestSnapshot_Rejected(t *testing.T) {
	t.Parallel()
	_, public := newKey(t)
	for name, c := range map[string]struct {
		change func(s *wire.Snapshot)
		raw    []byte
		signed bool
		want   string
	}{
		"junk":                {raw: []byte("junk"), want: "of type map"},
		"empty":               {raw: []byte{}, want: "unexpected end"},
		"of another key":      {change: func(s *wire.Snapshot) { s.Name = "fleetdial:{test}" }, want: `of the key \"fleetdial:{test}\"`},
		"of the future":       {change: func(s *wire.Snapshot) { s.LocalAt = s.LocalAt.Add(time.Hour) }, want: "before the file was written"},
		"of no time":          {change: func(s *wire.Snapshot) { s.TakenAt = time.UnixMilli(1) }, want: "the year 1970"},
		"of no value":         {change: func(s *wire.Snapshot) { s.Value = []byte("junk") }, want: "expected a map"},
		"without a signature": {change: func(*wire.Snapshot) {}, signed: true, want: "not signed"},
		"too large":           {change: func(s *wire.Snapshot) { s.Value = make([]byte, 2048) }, want: "larger than the limit"},
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
			cfg.Logger = log.logger()
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

func TestSnapshot_FileCannotBeWritten(t *testing.T) {
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
	testutil.Eventually(t, within, "it is logged", func() bool { return f.log.lines("cannot be written") > 0 })
	require.NoError(t, f.sub.Close())
	assert.Equal(t, 1, f.log.lines("cannot be written"))
}

func TestSnapshot_Config(t *testing.T) {
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

func TestSnapshot_RemembersTheVersionOfASignedFleet(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		startup Startup
		change  func(s *wire.Snapshot)
		want    []string
	}{
		"with the set": {UseSnapshot, func(*wire.Snapshot) {}, []string{"b"}},
		"the machine's clock went back": {UseSnapshot, func(s *wire.Snapshot) {
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
			snap := readSnapshot(t, file)
			c.change(snap)
			require.NoError(t, os.WriteFile(file, wire.EncodeSnapshot(snap), 0o600))
			f.set(t, old)
			f.restart(t)
			f.state(t, StateRejected)
			assert.Equal(t, RejectReplayed, f.sub.Status().Rejected.Reason)
			assert.Equal(t, c.want, idsOf(f.sub))
		})
	}
}

// TestSnapshot_HoldsWhatRefreshApplied closes as soon as Refresh returns, many times.
func TestSnapshot_HoldsWhatRefreshApplied(t *testing.T) {
	t.Parallel()
	f, file := withSnapshot(t)
	for i := range 50 {
		v := value(t, int64(i+1), setOf(t, "a"))
		f.set(t, v)
		require.NoError(t, f.sub.Refresh(t.Context()))
		require.NoError(t, f.sub.Close())
		require.Equal(t, v, readSnapshot(t, file).Value, "round %d", i)
		f.sub = subscribe(t, f.client, f.sub.cfg)
	}
}
