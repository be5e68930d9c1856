package redisstore

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/fleetdial/fleetdial/internal/wire"
)

// source is where a fleet's key is read.
type source interface {
	// read returns the first limit bytes, and a measurement of the fleet's clock.
	read(ctx context.Context, limit int) (reading, error)
	// measure returns a measurement alone.
	measure(ctx context.Context) clockReading
}

// look is a request to look at the key.
type look struct {
	// full reads the value at once, instead of the bytes that tell whether it is new.
	full bool
	// announced is what the key is said to hold, if anything. A key that does not have it yet is looked at again.
	announced announcement
	// session is the number of the session on whose confirmation the look is, 0 for none.
	session uint64
	// waiters are told how the look went. Each has room for one error.
	waiters []chan<- error
	// tries counts the looks that did not find what was announced.
	tries int
}

// maxTries is how many looks a replica that lags, or an announcement that lies, is given: about 100 ms.
const maxTries = 6

// fetcher is the one goroutine that reads the key and applies what it finds: at most one look is under way, and however
// many are asked for meanwhile, one follows.
type fetcher struct {
	source  source
	tracker *tracker
	rules   *acceptance
	retry   *backoff
	// swap makes a revision's set the subscriber's; tell is called after that, when the status says so too.
	swap func(rev wire.Revision, epoch time.Time)
	tell func(rev wire.Revision)
	// reanchor tells of a new measurement of the fleet's clock.
	reanchor func(epoch time.Time)
	// keep is given each value that was applied, after swap.
	keep func(value []byte)
	// first is told how the first look of a session went.
	first func(error)

	wake    chan struct{} // has room for one
	mu      sync.Mutex
	pending *look

	limiter limiter
	// clock is the best measurement of the fleet's clock that the last one agrees with.
	clock clockReading
}

// ask has the key looked at, soon. It never blocks.
func (f *fetcher) ask(l look) {
	f.mu.Lock()
	if f.pending == nil {
		f.pending = &l
	} else {
		f.pending.merge(l)
	}
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// merge makes one look of two.
func (l *look) merge(other look) {
	l.full = l.full || other.full
	if other.announced.Version > l.announced.Version {
		l.announced, l.tries = other.announced, other.tries
	}
	l.session = max(l.session, other.session)
	l.waiters = append(l.waiters, other.waiters...)
}

func (f *fetcher) take() *look {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := f.pending
	f.pending = nil
	return l
}

// takeInTime is take, but lets the time go by over which an announcement asks the fleet to spread its fetches, and which
// the limiter asks for, unless somebody waits.
func (f *fetcher) takeInTime(ctx context.Context) *look {
	l := f.take()
	if l == nil {
		return nil
	}
	if l.tries == 0 {
		f.spreadOut(ctx, l)
	}
	for wait := f.limiter.wait(time.Now()); wait > 0 && ctx.Err() == nil && !l.isUrgent(); {
		f.pause(ctx, l, wait)
		wait = f.limiter.wait(time.Now())
	}
	l.full = l.full && !(l.announced.ID != "" && f.limiter.suspicious(time.Now()))
	return l
}

// spreadOut lets the time go by over which what is announced asks the fleet to spread its fetches. What comes meanwhile does
// not end it, or a second message would have the whole fleet fetch at once; unless it announces what is small.
func (f *fetcher) spreadOut(ctx context.Context, l *look) {
	spread := l.announced.spread()
	if spread == 0 {
		return
	}
	wait := rand.N(spread)
	for until := time.Now().Add(wait); wait > 0 && ctx.Err() == nil && !l.isUrgent(); wait = time.Until(until) {
		if l.announced.spread() == 0 {
			return
		}
		f.pause(ctx, l, wait)
	}
}

// isUrgent reports whether a look is more than an answer to a message.
func (l *look) isUrgent() bool { return len(l.waiters) > 0 || l.session != 0 }

// pause lets time go by, or less if more is asked for, which becomes a part of the look.
func (f *fetcher) pause(ctx context.Context, l *look, d time.Duration) {
	if l.isUrgent() {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-f.wake:
	case <-ctx.Done():
	}
	if more := f.take(); more != nil {
		l.merge(*more)
	}
}

// run serves what is asked until ctx ends, and then tells all who still wait.
func (f *fetcher) run(ctx context.Context) {
	defer f.dismiss()
	soon := newBackoff(firstRetry, longestRetry)
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.wake:
		}
		l := f.takeInTime(ctx)
		if l == nil {
			continue
		}
		err := f.look(ctx, l)
		for _, waiter := range l.waiters {
			waiter <- err
		}
		pause := f.retry
		if err == nil || isRejection(err) {
			f.retry.reset()
			if err != nil || f.has(l.announced) || l.tries == maxTries {
				soon.reset()
				continue
			}
			l.tries++
			l.session = 0 // which has been served; what was announced is as any other message's
			pause = soon
		}
		f.ask(look{announced: l.announced, session: l.session, tries: l.tries})
		if pause.wait(ctx) != nil {
			return
		}
	}
}

func (f *fetcher) dismiss() {
	if l := f.take(); l != nil {
		for _, waiter := range l.waiters {
			waiter <- ErrClosed
		}
	}
}

// look reads the key and applies what is new. The error is a *rejectionError if what is there is refused.
func (f *fetcher) look(ctx context.Context, l *look) error {
	got, err := f.read(ctx, l.full)
	if err != nil {
		if ctx.Err() != nil {
			return ErrClosed
		}
		f.tracker.lookFails(err)
		f.first(err)
		return err
	}
	f.measured(ctx, got.clock)
	before := f.rules.accepts
	err = f.apply(got, l.session)
	switch {
	case f.rules.accepts != before:
		f.limiter.worthwhile(time.Now())
	case !l.isUrgent():
		f.limiter.inVain(time.Now())
	}
	if l.session != 0 {
		f.first(nil)
	}
	return err
}

// read reads the value, unless its first bytes, which are looked at first if it is not to be read in any case, say that
// there is nothing new. They cannot say so of a signed one.
func (f *fetcher) read(ctx context.Context, full bool) (reading, error) {
	if !full && f.rules.keys == nil {
		got, err := f.source.read(ctx, wire.PeekBytes)
		if err != nil {
			return got, err
		}
		if _, known := f.tracker.known(f.rules.markOf(got)); known {
			return got, nil
		}
	}
	f.tracker.fetches()
	return f.source.read(ctx, f.rules.maxBytes+1)
}

// has reports whether what is applied is what was announced, or newer.
func (f *fetcher) has(a announcement) bool {
	id, version := f.tracker.appliedID()
	return a.ID == "" || a.ID == id || version >= a.Version
}

// measured takes in a measurement that came with a look. A busy moment makes for a long round trip, which says little: it
// does not take the place of a better one that it agrees with.
func (f *fetcher) measured(ctx context.Context, c clockReading) {
	f.tracker.clock(c)
	if c.err != nil {
		// It is the machine's own clock, which counts only where there is no better.
		if f.clock.epoch.IsZero() || f.clock.err != nil {
			f.clock = c
			f.reanchor(c.epoch)
		}
		return
	}
	if f.clock.agrees(c) {
		return
	}
	if c.roundTrip > slowRoundTrip {
		if again := f.source.measure(ctx); again.err == nil && again.roundTrip < c.roundTrip {
			c = again
		}
	}
	f.clock = c
	f.reanchor(c.epoch)
}

// rejectionError says that what the key holds was refused.
type rejectionError struct{ Rejection }

func (e *rejectionError) Error() string {
	return "the fleet's key holds what was refused: " + e.Err.Error()
}
func (e *rejectionError) Unwrap() error { return e.Err }

func isRejection(err error) bool {
	_, ok := errors.AsType[*rejectionError](err)
	return ok
}

// apply makes what was read the subscriber's, unless it is already, or was refused already.
func (f *fetcher) apply(got reading, session uint64) error {
	m := f.rules.markOf(got)
	if state, known := f.tracker.known(m); known {
		f.tracker.finds(state, session)
		if state == StateRejected {
			return &rejectionError{*f.tracker.get().Rejected}
		}
		return nil
	}
	rev, reason, err := f.rules.decode(got)
	if err != nil {
		head, _ := wire.Peek(got.value)
		r := Rejection{Version: head.Version, ID: head.ID, Reason: reason, Err: err, At: time.Now()}
		f.tracker.rejects(r, m, session)
		return &rejectionError{r}
	}
	f.swap(rev, f.clock.epoch)
	f.rules.accepted(rev, m)
	f.tracker.applies(rev, m, session)
	f.tell(rev)
	f.keep(got.value)
	return nil
}
