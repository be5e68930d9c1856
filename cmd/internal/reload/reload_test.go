package reload

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/testutil"
)

// TestCertificate_InvalidFilesAreReadOnce replaces only the certificate. The handshakes that follow
// must not parse the files again.
func TestCertificate_InvalidFilesAreReadOnce(t *testing.T) {
	t.Parallel()
	files := testutil.NewCertificates(t)
	c, err := Certificate(files.ServerCert, files.ServerKey, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	valid, err := os.ReadFile(files.ServerCert)
	require.NoError(t, err)
	other, err := os.ReadFile(files.ClientCert)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(files.ServerCert, other, 0o600))
	changed, first := c.reload()
	require.Error(t, first)
	assert.True(t, changed)
	for range 3 {
		changed, again := c.reload()
		assert.Same(t, first, again, "read again")
		assert.False(t, changed)
	}
	require.NoError(t, os.WriteFile(files.ServerCert, append(valid, '\n'), 0o600))
	changed, err = c.reload()
	require.NoError(t, err)
	assert.True(t, changed)
	changed, err = c.reload()
	require.NoError(t, err)
	assert.False(t, changed)
}

// TestCertificate_UnreadableFilesAreReadAgain has the new files unreadable for a while, as without
// free file descriptors. Nothing tells when that is over.
func TestCertificate_UnreadableFilesAreReadAgain(t *testing.T) {
	t.Parallel()
	files := testutil.NewCertificates(t)
	c, err := Certificate(files.ServerCert, files.ServerKey, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	before := c.Get()
	text, err := os.ReadFile(files.ServerKey)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(files.ServerKey, append(text, '\n'), 0o600))
	c.readFile = func(string) ([]byte, error) { return nil, syscall.EMFILE }
	_, err = c.reload()
	require.ErrorIs(t, err, syscall.EMFILE)
	c.readFile = os.ReadFile
	assert.NotSame(t, before, c.Get())
}

// TestValue_MissingFileKeepsValue removes the file. The value stays, and the log has one line.
func TestValue_MissingFileKeepsValue(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, []byte("a"), 0o600))
	var log testutil.Buffer
	v, err := New("file", slog.New(slog.NewTextHandler(&log, nil)), func(contents [][]byte) (string, error) {
		return string(contents[0]), nil
	}, file)
	require.NoError(t, err)
	require.NoError(t, os.Remove(file))
	assert.Equal(t, "a", v.Get())
	assert.Equal(t, "a", v.Get())
	assert.Equal(t, 1, strings.Count(log.String(), "file reload failed"))
	require.NoError(t, os.WriteFile(file, []byte("new"), 0o600))
	assert.Equal(t, "new", v.Get())
	assert.Contains(t, log.String(), `msg="file reloaded"`)
}
