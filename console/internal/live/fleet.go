package live

import (
	"fmt"
	"time"
)

// fresh is how old a state may be that State returns of a fleet without a follower.
const fresh = time.Second

// fleet is what a Hub knows of one fleet. Hub.mu guards all fields, except reader.
type fleet struct {
	name   string
	reader *reader
	turn   chan struct{} // holds one element while a goroutine uses the reader
	wake   chan struct{} // has room for one: the follower is to read at once

	state *State // the newest, nil before the first
	err   error  // why the newest reading failed
	// tried says that a reading has ended, if there is a follower since it began. The newest
	// reading is that of triedAt.
	tried   bool
	triedAt time.Time
	read    chan struct{} // closed, and replaced, when there is a state or a reading has ended
	// wanted counts the calls of Refresh, and done those that the newest reading has regarded.
	wanted, done uint64

	reading   bool // a goroutine of readOnce reads
	following bool // there is a follower
	watchers  int
	idleSince time.Time // when the last watcher was closed
	mayEnd    bool      // another fleet needs the follower more
	used      time.Time // when somebody last asked for it
}

func newFleet(name string, source source, newID func() string) *fleet {
	return &fleet{
		name: name, reader: &reader{fleet: name, source: source, newID: newID},
		turn: make(chan struct{}, 1), wake: make(chan struct{}, 1), read: make(chan struct{}),
	}
}

// isFresh reports whether the newest reading is recent enough for a caller that asked at a time.
func (f *fleet) isFresh(asked time.Time) bool {
	return f.tried && f.done == f.wanted && (f.following || asked.Sub(f.triedAt) <= fresh)
}

// answer returns the newest state, or why there is none.
func (f *fleet) answer() (*State, error) {
	if f.state == nil {
		return nil, fmt.Errorf("console: read fleet %s: %w", f.name, f.err)
	}
	return f.state, nil
}

// tell wakes all who wait for a reading.
func (f *fleet) tell() {
	close(f.read)
	f.read = make(chan struct{})
}

func (f *fleet) wakeUp() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// readOnce begins to read a fleet that has no follower. Callers hold h.mu, and wait for f.read.
func (h *Hub) readOnce(f *fleet) {
	if f.following || f.reading || h.closed {
		return
	}
	f.reading = true
	h.own.Go(func() {
		_ = h.attempt(f)
		h.mu.Lock()
		defer h.mu.Unlock()
		f.reading = false
		f.tell()
	})
}

// attempt reads a fleet, and shows its states.
func (h *Hub) attempt(f *fleet) error {
	select {
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
	case <-h.ctx.Done():
		return ErrClosed
	}
	h.mu.Lock()
	wanted := f.wanted
	again := wanted != f.done
	h.mu.Unlock()
	triedAt := time.Now()
	err := f.reader.read(h.ctx, again, func(s *State) {
		h.mu.Lock()
		defer h.mu.Unlock()
		f.state = s
		f.tell()
	})
	if h.ctx.Err() != nil {
		return ErrClosed
	}
	if err != nil {
		triedAt = time.Now() // so that a Redis that hangs does not delay everybody
	}
	h.logOutcome(f, err)
	h.mu.Lock()
	defer h.mu.Unlock()
	f.err, f.tried, f.triedAt, f.done = err, true, triedAt, wanted
	f.tell()
	return err
}

// logOutcome logs that a fleet cannot be read, or can be read again. Only the goroutine whose
// turn it is changes f.err.
func (h *Hub) logOutcome(f *fleet, err error) {
	switch {
	case err != nil && f.err == nil:
		h.log.Warn("console: fleet could not be read", "fleet", f.name, "err", err)
	case err == nil && f.err != nil:
		h.log.Info("console: fleet was read again", "fleet", f.name)
	}
}
