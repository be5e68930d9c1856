package redisstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/fleetdial/fleetdial/internal/wire"
)

// snapshotTolerance is how far the fleet's clock may have moved against the machine's before the file has to say so.
const snapshotTolerance = 100 * time.Millisecond

var errClockWentBack = errors.New("the machine's clock shows a time before the file was written, so when its directives " +
	"end cannot be told")

func (cfg *SubscriberConfig) checkSnapshot() error {
	if cfg.SnapshotFile == "" {
		if cfg.Startup == UseSnapshot {
			return errors.New("there is no snapshot file to start from: set SnapshotFile")
		}
		return nil
	}
	if info, err := os.Stat(filepath.Dir(cfg.SnapshotFile)); err != nil {
		return fmt.Errorf("the folder of the snapshot file: %w", err)
	} else if !info.IsDir() {
		return fmt.Errorf("the folder of the snapshot file is none: %s", filepath.Dir(cfg.SnapshotFile))
	}
	return nil
}

// snapshot keeps the last value that was applied in a file. keep and reclock never block; run writes.
type snapshot struct {
	file, name string
	log        *slog.Logger
	wake       chan struct{} // has room for one

	mu sync.Mutex
	// value is to be written if isNew says so; otherwise the one in the file is written anew, for its clock.
	value []byte
	isNew bool
	epoch time.Time
	// written is the epoch that the file goes by; zero if there is none yet.
	written time.Time
	// failing belongs to write: the file could not be written, which has been told.
	failing bool
}

func newSnapshot(file, name string, log *slog.Logger) *snapshot {
	return &snapshot{file: file, name: name, log: log, wake: make(chan struct{}, 1)}
}

// keep has a value written, soon.
func (s *snapshot) keep(value []byte, epoch time.Time) {
	s.mu.Lock()
	s.value, s.isNew, s.epoch = value, true, epoch
	s.mu.Unlock()
	s.ask()
}

// reclock has the file written anew if, by the clock that its set goes by now, there is less time left.
func (s *snapshot) reclock(epoch time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch = epoch
	if s.isOff() {
		s.ask()
	}
}

// isOff reports whether the file goes by a clock that leaves more time than there is.
func (s *snapshot) isOff() bool {
	return !s.written.IsZero() && s.written.Sub(s.epoch) > snapshotTolerance
}

func (s *snapshot) ask() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run writes until ctx ends; what could not be written, again.
func (s *snapshot) run(ctx context.Context) {
	retry := newBackoff(time.Second, time.Minute)
	for {
		var again <-chan time.Time
		if s.failing {
			again = time.After(retry.next())
		} else {
			retry.reset()
		}
		select {
		case <-s.wake:
		case <-again:
		case <-ctx.Done():
			return
		}
		s.write()
	}
}

// write saves what is to be written, and tells once why it cannot. It belongs to the goroutine of run, and is nobody's
// after that.
func (s *snapshot) write() {
	err := s.save()
	if err != nil && !s.failing {
		s.log.Warn("fleetdial: the snapshot file cannot be written", "err", err)
	}
	s.failing = err != nil
}

func (s *snapshot) save() error {
	s.mu.Lock()
	value, isNew, epoch, isOff := s.value, s.isNew, s.epoch, s.isOff()
	s.value, s.isNew = nil, false
	s.mu.Unlock()
	if !isNew {
		if !isOff {
			return nil
		}
		old, err := readSnapshot(s.file)
		if err != nil {
			return err
		}
		value = old.Value
	}
	now := time.Now()
	boot, uptime := machineUptime()
	// A millisecond is added, as what is left of it is cut off: expiries may come early, and never late.
	err := writeAtomically(s.file, wire.EncodeSnapshot(&wire.Snapshot{
		Name: s.name, TakenAt: time.Unix(0, int64(now.Sub(epoch))).Add(time.Millisecond), LocalAt: now,
		Boot: boot, Uptime: uptime, Value: value,
	}))
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.written = epoch
	} else if isNew && !s.isNew {
		s.value, s.isNew = value, true // for the next time
	}
	return err
}

// writeAtomically puts a file, which only its owner may read, in the place of another.
func writeAtomically(file string, content []byte) (err error) {
	// CreateTemp gives it mode 0600.
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
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

func readSnapshot(file string) (*wire.Snapshot, error) {
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

// restore takes in what the file holds, before anything else runs: with UseSnapshot its set, and whatever the startup, and
// the clocks, the version of a signed one, than which nothing older is taken.
func (s *Subscriber) restore() {
	snap, err := readSnapshot(s.cfg.SnapshotFile)
	if errors.Is(err, fs.ErrNotExist) {
		return // the first start
	}
	var rev wire.Revision
	var m mark
	if err == nil {
		rev, m, err = s.recall(snap)
	}
	var epoch time.Time
	if err == nil {
		epoch, err = snapshotEpoch(snap)
	}
	if err != nil {
		s.tracker.log.Warn("fleetdial: the snapshot file is of no use", "err", err)
		return
	}
	if s.cfg.Startup != UseSnapshot {
		return
	}
	s.fetcher.clock = clockReading{epoch: epoch, err: errNotRead}
	s.fetcher.swap(rev, epoch)
	s.tracker.restores(rev, m)
	s.listeners.tell(rev)
	s.snapshot.epoch, s.snapshot.written = epoch, epoch
}

// recall reads a snapshot's value as strictly as one from Redis.
func (s *Subscriber) recall(snap *wire.Snapshot) (wire.Revision, mark, error) {
	rules := s.fetcher.rules
	if snap.Name != rules.name {
		return wire.Revision{}, mark{}, fmt.Errorf("it is of the key %q", snap.Name)
	}
	got := reading{value: snap.Value}
	rev, _, err := rules.decode(got)
	if err != nil {
		return rev, mark{}, err
	}
	m := rules.markOf(got)
	rules.accepted(rev, m)
	return rev, m, nil
}

// snapshotEpoch returns the local time at which the fleet's clock read zero, as far as the machine's clocks tell: of two
// that differ, the one by which more time has passed.
func snapshotEpoch(snap *wire.Snapshot) (time.Time, error) {
	if err := checkClock(snap.TakenAt); err != nil {
		return time.Time{}, err
	}
	now := time.Now()
	passed := now.Sub(snap.LocalAt)
	if boot, uptime := machineUptime(); boot != "" && boot == snap.Boot {
		passed = max(passed, uptime-snap.Uptime)
	}
	if passed < 0 {
		return time.Time{}, errClockWentBack
	}
	return epochOf(now, snap.TakenAt.Add(passed)), nil
}
