package fleetdial

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
)

// Change tells a listener that another revision has been applied.
type Change struct {
	// From is the revision that the listener got last, To the one that is applied now.
	From, To Revision
}

// Diff returns the directives that were added, removed and changed. It takes about a
// millisecond for 10,000 directives, so it is computed only when Diff is called.
func (c Change) Diff() Diff { return DiffSets(c.From.Set, c.To.Set) }

// listeners call functions for changes, each on a goroutine of its own and in order. A slow
// listener skips the changes in between, and holds up nobody.
type listeners struct {
	log *slog.Logger

	mu     sync.Mutex
	closed bool
	last   Revision
	all    map[chan Revision]context.CancelFunc // each channel has room for the newest revision
	wg     sync.WaitGroup
}

func newListeners(log *slog.Logger) *listeners {
	return &listeners{log: log, all: make(map[chan Revision]context.CancelFunc), last: Revision{Set: new(Set)}}
}

// add calls the function for changes after the current revision, until cancel is called.
func (ls *listeners) add(call func(Change)) (cancel func()) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.closed {
		return func() {}
	}
	ctx, stop := context.WithCancel(context.Background())
	newest, last := make(chan Revision, 1), ls.last
	ls.all[newest] = stop
	ls.wg.Go(func() { ls.serve(ctx, newest, last, call) })
	return func() {
		stop()
		ls.mu.Lock()
		defer ls.mu.Unlock()
		delete(ls.all, newest)
	}
}

// tell hands a new revision to each listener's goroutine, in place of one that has not been
// delivered. It never blocks.
func (ls *listeners) tell(rev Revision) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.last = rev
	for newest := range ls.all {
		select {
		case <-newest:
		default:
		}
		newest <- rev
	}
}

func (ls *listeners) serve(ctx context.Context, newest <-chan Revision, from Revision, call func(Change)) {
	for {
		select {
		case <-ctx.Done():
			return
		case to := <-newest:
			if ctx.Err() != nil {
				return
			}
			ls.deliver(call, Change{From: from, To: to})
			from = to
		}
	}
}

// deliver recovers from a listener that panics, so that the proxy goes on.
func (ls *listeners) deliver(call func(Change), c Change) {
	defer func() {
		if p := recover(); p != nil {
			ls.log.Error("fleetdial: listener panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	call(c)
}

// close ends all listeners and waits for the calls under way.
func (ls *listeners) close() {
	ls.mu.Lock()
	ls.closed = true
	for _, stop := range ls.all {
		stop()
	}
	ls.mu.Unlock()
	ls.wg.Wait()
}
