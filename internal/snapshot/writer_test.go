package snapshot

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// running is a writer that runs until stop.
type running struct {
	*Writer
	stop     func()
	failures []error
}

func run(t *testing.T, file string) *running {
	r := &running{}
	r.Writer = NewWriter(file, testKey, func(err error) { r.failures = append(r.failures, err) })
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { r.Run(ctx) })
	r.stop = func() {
		cancel()
		wg.Wait()
		r.Flush()
	}
	return r
}

func holds(t *testing.T, file string) string {
	t.Helper()
	snap, err := read(file)
	require.NoError(t, err)
	return string(snap.Value)
}

// y2k waits until the virtual clock shows a time that a server's clock can show.
func y2k() { time.Sleep(2 * time.Hour) }

func TestWriter_WritesSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y2k()
		file := filepath.Join(t.TempDir(), "set")
		w := run(t, file)
		began := time.Now()
		w.Save([]byte("first"), thisEpoch())
		synctest.Wait()
		assert.Equal(t, "first", holds(t, file))
		w.Save([]byte("second"), thisEpoch())
		synctest.Wait()
		assert.Equal(t, "second", holds(t, file))
		assert.Equal(t, began, time.Now(), "without Close")
		w.stop()
	})
}

func TestWriter_WritesWhatIsDueAtItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y2k()
		file := filepath.Join(t.TempDir(), "set")
		w := run(t, file)
		w.Save([]byte("last"), thisEpoch())
		w.stop()
		assert.Equal(t, "last", holds(t, file))

		w = run(t, file)
		synctest.Wait()
		w.stop()
		w.Save([]byte("later"), thisEpoch()) // after Run has ended
		w.Flush()
		assert.Equal(t, "later", holds(t, file))
	})
}

// TestWriter_EpochAlone writes another epoch with the value that the file holds, or is about to.
func TestWriter_EpochAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y2k()
		file := filepath.Join(t.TempDir(), "set")
		w := run(t, file)
		ahead := func(d time.Duration) time.Time { return thisEpoch().Add(-d) }
		w.Save([]byte("value"), thisEpoch())
		synctest.Wait()
		w.Save(nil, ahead(time.Minute))
		synctest.Wait()
		value, epoch, err := Read(file, testKey)
		require.NoError(t, err)
		assert.Equal(t, "value", string(value))
		assert.WithinDuration(t, ahead(time.Minute), epoch, 100*time.Millisecond)

		w.Save([]byte("newer"), thisEpoch()) // not written yet
		w.Save(nil, ahead(time.Hour))
		synctest.Wait()
		value, epoch, err = Read(file, testKey)
		require.NoError(t, err)
		assert.Equal(t, "newer", string(value))
		assert.WithinDuration(t, ahead(time.Hour), epoch, 100*time.Millisecond)
		w.stop()
	})
}

func TestWriter_TriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y2k()
		dir := filepath.Join(t.TempDir(), "dir")
		require.NoError(t, os.Mkdir(dir, 0o700))
		file := filepath.Join(dir, "set")
		w := run(t, file)
		w.Save([]byte("first"), thisEpoch())
		synctest.Wait()
		require.NoError(t, os.Rename(dir, dir+"-away"))
		w.Save([]byte("second"), thisEpoch())
		time.Sleep(5 * time.Second)
		w.Save([]byte("third"), thisEpoch())
		time.Sleep(time.Second)
		w.Save(nil, thisEpoch())
		time.Sleep(5 * time.Second)
		synctest.Wait()
		assert.Len(t, w.failures, 1, "the first of several failures")
		require.NoError(t, os.Rename(dir+"-away", dir))
		time.Sleep(longestRetry)
		synctest.Wait()
		assert.Equal(t, "third", holds(t, file))

		require.NoError(t, os.Rename(dir, dir+"-away"))
		w.Save([]byte("fourth"), thisEpoch())
		synctest.Wait()
		assert.Len(t, w.failures, 2, "a new failure after a success")
		require.NoError(t, os.Rename(dir+"-away", dir))
		w.stop()
		assert.Equal(t, "fourth", holds(t, file), "Flush writes what could not be written")
	})
}
