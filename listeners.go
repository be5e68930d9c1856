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
	all    map[*listener]struct{}
	wg     sync.WaitGroup
}

type listener struct {
	call func(Change)
	wake chan struct{} // has room for one

	mu    sync.Mutex
	to    Revision
	isNew bool // whether call has yet to get to

	from Revision // belongs to the goroutine
	ctx  context.Context
	stop context.CancelFunc
}

func newListeners(log *slog.Logger) *listeners {
	return &listeners{
		log: log, all: make(map[*listener]struct{}), last: Revision{Set: new(Set)},
	}
}

// add calls the function for changes after the current revision, until cancel is called.
func (ls *listeners) add(call func(Change)) (cancel func()) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.closed {
		return func() {}
	}
	ctx, stop := context.WithCancel(context.Background())
	l := &listener{call: call, wake: make(chan struct{}, 1), from: ls.last, to: ls.last, ctx: ctx, stop: stop}
	ls.all[l] = struct{}{}
	ls.wg.Go(func() { ls.serve(l) })
	return func() {
		stop()
		ls.mu.Lock()
		defer ls.mu.Unlock()
		delete(ls.all, l)
	}
}

// tell hands a new revision to each listener's goroutine. It never blocks.
func (ls *listeners) tell(rev Revision) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.last = rev
	for l := range ls.all {
		l.mu.Lock()
		l.to, l.isNew = rev, true
		l.mu.Unlock()
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

func (ls *listeners) serve(l *listener) {
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-l.wake:
		}
		if l.ctx.Err() != nil {
			return
		}
		l.mu.Lock()
		to, isNew := l.to, l.isNew
		l.isNew = false
		l.mu.Unlock()
		if !isNew {
			continue // an earlier wake delivered it
		}
		ls.deliver(l, Change{From: l.from, To: to})
		l.from = to
	}
}

// deliver recovers from a listener that panics, so that the proxy goes on.
func (ls *listeners) deliver(l *listener, c Change) {
	defer func() {
		if p := recover(); p != nil {
			ls.log.Error("fleetdial: a listener panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	l.call(c)
}

// close ends all listeners and waits for the calls under way.
func (ls *listeners) close() {
	ls.mu.Lock()
	ls.closed = true
	for l := range ls.all {
		l.stop()
	}
	ls.mu.Unlock()
	ls.wg.Wait()
}
