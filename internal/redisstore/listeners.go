package redisstore

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"

	"github.com/fleetdial/fleetdial/internal/wire"
)

// listeners tell functions of changes, each on a goroutine of its own and in order: a slow one skips what it had no
// time for, and holds up nobody.
type listeners struct {
	log *slog.Logger

	mu     sync.Mutex
	closed bool
	last   wire.Revision
	all    map[*listener]struct{}
	wg     sync.WaitGroup
}

type listener struct {
	call func(Change)
	wake chan struct{} // has room for one

	mu    sync.Mutex
	to    wire.Revision
	isNew bool // whether to has yet to be told

	from wire.Revision // belongs to the goroutine
	ctx  context.Context
	stop context.CancelFunc
}

func newListeners(log *slog.Logger) *listeners {
	return &listeners{
		log: log, all: make(map[*listener]struct{}), last: wire.Revision{Set: emptySet},
	}
}

// add begins to tell call of changes after the current revision, until cancel is called.
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
func (ls *listeners) tell(rev wire.Revision) {
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
			continue // the wake before this one brought it along
		}
		ls.deliver(l, Change{From: l.from, To: to})
		l.from = to
	}
}

// deliver survives a listener that panics: it must not take the proxy with it.
func (ls *listeners) deliver(l *listener, c Change) {
	defer func() {
		if p := recover(); p != nil {
			ls.log.Error("fleetdial: a listener panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	l.call(c)
}

// close ends all listeners and waits for those that are being told.
func (ls *listeners) close() {
	ls.mu.Lock()
	ls.closed = true
	for l := range ls.all {
		l.stop()
	}
	ls.mu.Unlock()
	ls.wg.Wait()
}
