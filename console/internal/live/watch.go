package live

import (
	"context"
	"time"
)

// Watcher tells when there is a newer state of a fleet. All methods are safe for concurrent use.
type Watcher struct {
	hub    *Hub
	fleet  *fleet
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	closed bool // guarded by Hub.mu
}

// Watch begins to watch a fleet. The caller must close the Watcher. The error is that of
// Config.Publisher or of ctx, or ErrClosed. Watch does not wait for Redis.
func (h *Hub) Watch(ctx context.Context, fleet string) (*Watcher, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := h.lock(fleet)
	if err != nil {
		return nil, err
	}
	defer h.mu.Unlock()
	f.watchers++
	h.follow(f)
	w := &Watcher{hub: h, fleet: f}
	w.ctx, w.cancel = context.WithCancel(h.ctx)
	return w, nil
}

// Next returns the newest state whose ID differs from after, and waits for one if there is none.
// An empty string, and the ID of another Hub's state, differ from all. Before Redis has answered
// for the first time, there is no state, and Next waits.
//
// A new ID appears at once if the revision, the history, the names or states of instances or the
// presence of State.Err changed, and when a directive expires. It appears at most once a second if
// only reports, hits or the text of the error changed. It does not appear because time passes.
//
// The error is that of ctx, or ErrClosed.
func (w *Watcher) Next(ctx context.Context, after string) (*State, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(w.ctx, cancel)()
	h, f := w.hub, w.fleet
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case w.ctx.Err() != nil:
			return nil, ErrClosed
		case f.tried && f.state != nil && f.state.ID != after:
			return f.state, nil
		}
		if err := w.wait(ctx); err != nil && w.ctx.Err() == nil {
			return nil, err
		}
	}
}

// wait waits for the next reading of a fleet. If too many fleets are followed, the watchers of the
// others cause the readings.
func (w *Watcher) wait(ctx context.Context) error {
	h, f := w.hub, w.fleet
	if h.follow(f); f.following {
		return h.wait(ctx, f.read, nil)
	}
	if !f.tried {
		h.readOnce(f)
	}
	timer := time.NewTimer(steadyInterval)
	defer timer.Stop()
	read := f.read
	err := h.wait(ctx, read, timer.C)
	if err == nil && read == f.read { // the time is up for all watchers, and the first one reads
		h.readOnce(f)
	}
	return err
}

// Close ends the watcher and its calls of Next. Close is safe to call twice.
func (w *Watcher) Close() {
	w.hub.mu.Lock()
	defer w.hub.mu.Unlock()
	if w.closed {
		return
	}
	w.closed = true
	w.cancel()
	w.fleet.watchers--
	w.fleet.idleSince = time.Now()
	w.fleet.used = w.fleet.idleSince
}
