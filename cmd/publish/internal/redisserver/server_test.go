package redisserver

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestServer_Restart(t *testing.T) {
	t.Parallel()
	for _, durable := range []bool{false, true} {
		s, err := Start(t.Context(), Config{Durable: durable})
		require.NoError(t, err)
		defer s.Close()
		url := s.URL()
		require.NoError(t, s.Client().Set(t.Context(), "key", "value", 0).Err())
		require.NoError(t, s.Restart(t.Context()))
		assert.Equal(t, url, s.URL())
		err = s.Client().Get(t.Context(), "key").Err()
		if !durable {
			assert.ErrorIs(t, err, redis.Nil)
			continue
		}
		require.NoError(t, err)
		require.NoError(t, s.RestartEmpty(t.Context()))
		assert.ErrorIs(t, s.Client().Get(t.Context(), "key").Err(), redis.Nil)
	}
}

func TestServer_CloseLeavesNothing(t *testing.T) {
	t.Parallel()
	s, err := Start(t.Context(), Config{})
	require.NoError(t, err)
	s.Close()
	s.Close()
	assert.True(t, s.process.HasEnded())
	_, err = os.Stat(s.dir)
	assert.ErrorIs(t, err, os.ErrNotExist)
}

// TestServer_PortTaken starts a server on the port of another one.
func TestServer_PortTaken(t *testing.T) {
	t.Parallel()
	other, err := Start(t.Context(), Config{})
	require.NoError(t, err)
	defer other.Close()
	s := &Server{cfg: Config{Limit: DefaultLimit}, port: other.port, dir: t.TempDir()}
	defer s.Kill()
	err = s.start(t.Context())
	require.ErrorIs(t, err, errEnded, "Start tries another port after this error")
	require.ErrorIs(t, err, ErrServer)
	assert.ErrorContains(t, err, "Address already in use")
}

func TestServer_PauseAndLimit(t *testing.T) {
	t.Parallel()
	s, err := Start(t.Context(), Config{})
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.Pause())
	s.cfg.Limit = 100 * time.Millisecond
	require.EqualError(t, s.wait(t.Context()), "redis-server: no reply within 100ms")
	require.NoError(t, s.Resume())
	s.cfg.Limit = DefaultLimit
	require.NoError(t, s.wait(t.Context()))
}

func TestStart_NotInstalled(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	_, err := Start(t.Context(), Config{})
	require.ErrorIs(t, err, ErrServer)
	require.ErrorIs(t, err, exec.ErrNotFound)
	left, err := os.ReadDir(temporary)
	require.NoError(t, err)
	assert.Empty(t, left)
}
