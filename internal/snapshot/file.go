// Package snapshot keeps the last applied value in a file, so that a proxy that starts while
// Redis is down has its directives. No restart gives a directive more time.
package snapshot

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial/internal/clock"
	"github.com/fleetdial/fleetdial/internal/host"
	"github.com/fleetdial/fleetdial/internal/wire"
)

var errClockWentBack = errors.New("the machine's clock shows a time before the file was written, " +
	"so the ends of its directives are unknown")

// CheckFolder returns an error if the folder of a snapshot file does not exist.
func CheckFolder(file string) error {
	folder := filepath.Dir(file)
	if info, err := os.Stat(folder); err != nil {
		return fmt.Errorf("the folder of the snapshot file: %w", err)
	} else if !info.IsDir() {
		return fmt.Errorf("the folder of the snapshot file: %s is not a folder", folder)
	}
	return nil
}

// Read returns the value that a file holds for the Redis key of that name, and the local time
// at which the fleet's clock read zero, as far as the machine's clocks tell. The error wraps
// fs.ErrNotExist if there is no file. If the clocks do not tell, Read returns the value with the
// error. Read also removes the temporary files that a process left behind which was killed while
// it wrote.
func Read(file, key string) (value []byte, epoch time.Time, err error) {
	removeTemporary(file)
	snap, err := read(file)
	if err != nil {
		return nil, time.Time{}, err
	}
	if snap.Name != key {
		return nil, time.Time{}, fmt.Errorf("the file is of the key %q", snap.Name)
	}
	epoch, err = epochOf(snap, time.Now())
	return snap.Value, epoch, err
}

func read(file string) (*wire.Snapshot, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, wire.MaxSnapshotBytes+1))
	if err != nil {
		return nil, err
	}
	return wire.DecodeSnapshot(b)
}

// epochOf returns when the fleet's clock read zero. Of two clocks of the machine that differ,
// the one by which more time has passed counts. A machine that was off, and whose wall clock
// stood still meanwhile, cannot tell.
func epochOf(snap *wire.Snapshot, now time.Time) (time.Time, error) {
	if err := clock.Check(snap.TakenAt); err != nil {
		return time.Time{}, err
	}
	passed := now.Sub(snap.LocalAt)
	if boot, uptime := host.Uptime(); boot != "" && boot == snap.Boot {
		passed = max(passed, uptime-snap.Uptime)
	}
	if passed < 0 {
		return time.Time{}, errClockWentBack
	}
	return clock.EpochOf(now, snap.TakenAt.Add(passed)), nil
}

// write replaces the file by one that holds the value, and says how the clocks stand now.
func write(file, key string, value []byte, epoch time.Time) error {
	now := time.Now()
	boot, uptime := host.Uptime()
	return writeAtomically(file, wire.EncodeSnapshot(&wire.Snapshot{
		// A millisecond is added because its fraction is dropped: expiries may come early, and
		// never late.
		Name: key, TakenAt: time.Unix(0, int64(now.Sub(epoch))).Add(time.Millisecond), LocalAt: now,
		Boot: boot, Uptime: uptime, Value: value,
	}))
}

// temporaryPrefix begins the names of the files that are to replace a file.
func temporaryPrefix(file string) string { return "." + filepath.Base(file) + ".tmp-" }

// removeTemporary removes the files with that prefix and a number, as CreateTemp names them.
func removeTemporary(file string) {
	entries, _ := os.ReadDir(filepath.Dir(file))
	for _, entry := range entries {
		number, ok := strings.CutPrefix(entry.Name(), temporaryPrefix(file))
		if ok && strings.Trim(number, "0123456789") == "" {
			_ = os.Remove(filepath.Join(filepath.Dir(file), entry.Name()))
		}
	}
}

// writeAtomically puts a file, which only its owner may read, in the place of another.
func writeAtomically(file string, content []byte) (err error) {
	// CreateTemp gives the file mode 0600.
	f, err := os.CreateTemp(filepath.Dir(file), temporaryPrefix(file)+"*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(content)
	if err = cmp.Or(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}
