// Package notify tells listeners of a value that changes.
package notify

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
)

// Group calls functions for changes of a value, each on a goroutine of its own and in order. A
// slow listener skips the changes in between, and holds up nobody. A Group is safe for
// concurrent use.
type Group[V any] struct {
	log *slog.Logger

	mu     sync.Mutex
	closed bool
	last   V
	all    map[chan V]context.CancelFunc // each channel has room for the newest value
	wg     sync.WaitGroup
}

// NewGroup returns a group without listeners, whose value is first. Panics of listeners are
// logged.
func NewGroup[V any](log *slog.Logger, first V) *Group[V] {
	return &Group[V]{log: log, all: make(map[chan V]context.CancelFunc), last: first}
}

// Add calls the listener for changes after the current value, with the value that it got last
// and the new one, until cancel is called. Cancel does not wait for a call that is
// under way or about to begin.
func (g *Group[V]) Add(call func(from, to V)) (cancel func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return func() {}
	}
	ctx, stop := context.WithCancel(context.Background())
	newest, last := make(chan V, 1), g.last
	g.all[newest] = stop
	g.wg.Go(func() { g.serve(ctx, newest, last, call) })
	return func() {
		stop()
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.all, newest)
	}
}

// Tell hands a new value to each listener's goroutine, in place of one that has not been
// delivered. It never blocks.
func (g *Group[V]) Tell(value V) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last = value
	for newest := range g.all {
		select {
		case <-newest:
		default:
		}
		newest <- value
	}
}

func (g *Group[V]) serve(ctx context.Context, newest <-chan V, from V, call func(from, to V)) {
	for {
		select {
		case <-ctx.Done():
			return
		case to := <-newest:
			if ctx.Err() != nil {
				return
			}
			g.deliver(call, from, to)
			from = to
		}
	}
}

// deliver recovers from a listener that panics, so that the program goes on.
func (g *Group[V]) deliver(call func(from, to V), from, to V) {
	defer func() {
		if p := recover(); p != nil {
			g.log.Error("fleetdial: listener panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	call(from, to)
}

// Close ends all listeners and waits for the calls under way. Later, Add does nothing.
func (g *Group[V]) Close() {
	g.mu.Lock()
	g.closed = true
	for _, stop := range g.all {
		stop()
	}
	g.mu.Unlock()
	g.wg.Wait()
}
