package snapshot

import (
	"context"
	"sync"
	"time"

	"github.com/fleetdial/fleetdial/internal/pace"
)

// A file that could not be written is written again after firstRetry to longestRetry.
const firstRetry, longestRetry = time.Second, time.Minute

// Writer writes a snapshot file on a goroutine of its own, so that nobody waits for the disk.
// Save may be called by any goroutine.
type Writer struct {
	file, key string
	failed    func(error)   // called for the first of several failures
	wake      chan struct{} // has room for one

	mu    sync.Mutex
	value []byte // nil stands for the value that the file holds
	epoch time.Time
	due   bool

	failing bool // belongs to Flush
}

// NewWriter returns a writer of the file for the Redis key of that name. Failed is called when
// the file cannot be written, once until it can.
func NewWriter(file, key string, failed func(error)) *Writer {
	return &Writer{file: file, key: key, failed: failed, wake: make(chan struct{}, 1)}
}

// Save has the value written soon, with the epoch that its expiries count on. A nil value
// stands for the one that the file holds, or is about to. Save never blocks.
func (w *Writer) Save(value []byte, epoch time.Time) {
	w.mu.Lock()
	if value != nil || !w.due {
		w.value = value
	}
	w.epoch, w.due = epoch, true
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Run writes until ctx ends. What could not be written is written again.
func (w *Writer) Run(ctx context.Context) {
	retry := pace.Backoff{Shortest: firstRetry, Longest: longestRetry}
	for {
		var again <-chan time.Time
		if w.failing {
			again = time.After(retry.Next(nil))
		} else {
			retry.Reset()
		}
		select {
		case <-w.wake:
		case <-again:
		case <-ctx.Done():
			return
		}
		w.Flush()
	}
}

// Flush writes what is due. It must not be called while Run runs.
func (w *Writer) Flush() {
	w.mu.Lock()
	value, epoch, due := w.value, w.epoch, w.due
	w.value, w.due = nil, false
	w.mu.Unlock()
	if !due {
		return
	}
	err := w.replace(value, epoch)
	if err != nil {
		if !w.failing {
			w.failed(err)
		}
		w.mu.Lock()
		if !w.due {
			w.value, w.epoch, w.due = value, epoch, true // for the next time
		} else if w.value == nil {
			w.value = value
		}
		w.mu.Unlock()
	}
	w.failing = err != nil
}

func (w *Writer) replace(value []byte, epoch time.Time) error {
	if value == nil {
		old, err := read(w.file)
		if err != nil {
			return err
		}
		value = old.Value
	}
	return write(w.file, w.key, value, epoch)
}
