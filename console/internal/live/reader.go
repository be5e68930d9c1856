package live

import (
	"context"
	"errors"
	"slices"
	"sort"
	"time"

	"github.com/fleetdial/fleetdial"
)

const (
	// readLimit is how long a single read may take.
	readLimit = 2 * time.Second
	// historyRetry is how long a history that could not be read is left alone.
	historyRetry = 10 * time.Second
	// announceInterval is the shortest time between two ids if no more than reports changed. It
	// is a little less than the interval between two readings.
	announceInterval = steadyInterval - 100*time.Millisecond
)

// source reads a fleet. A *fleetdial.Publisher is one.
type source interface {
	Roster(ctx context.Context) (fleetdial.Roster, error)
	Current(ctx context.Context) (fleetdial.Revision, error)
	History(ctx context.Context) ([]fleetdial.HistoryEntry, error)
}

var _ source = (*fleetdial.Publisher)(nil)

// reader makes the states of one fleet. One goroutine at a time uses it.
type reader struct {
	fleet  string
	source source
	newID  func() string

	last *State // the newest state, nil before the first
	// announced is the first state with the id of last, made at announcedAt.
	announced    *State
	announcedAt  time.Time
	historyDueAt time.Time // when the history is to be read, zero for never
	charts       charts
}

// read reads the fleet, and emits one state or two: the second has the history of a revision
// that the first already has. If again is set, read reads all parts. The error is also the Err
// of the emitted state, if there has been a state before.
func (r *reader) read(ctx context.Context, again bool, emit func(*State)) error {
	next, changed, err := r.readRevision(ctx, again)
	if err != nil {
		if r.last == nil || ctx.Err() != nil {
			return err
		}
		failed := *r.last
		failed.Err = err
		if r.last.Err == nil {
			failed.ErrSince = time.Now()
		}
		emit(r.settle(&failed))
		return err
	}
	if changed || r.last != nil && r.last.Err != nil && r.last.HistoryErr != nil {
		r.historyDueAt = time.Now()
	}
	if r.last != nil {
		emit(r.settle(next))
	}
	if due := r.historyDueAt; due.IsZero() || time.Now().Before(due) {
		return nil
	}
	complete := *next
	r.readHistory(ctx, &complete)
	if ctx.Err() == nil {
		emit(r.settle(&complete))
	}
	return ctx.Err()
}

// readRevision reads the roster and, if that shows another value than the last one did, the
// current revision.
func (r *reader) readRevision(ctx context.Context, again bool) (next *State, changed bool, err error) {
	next = &State{Fleet: r.fleet}
	// A revision may be published between the two reads. Both are then read again.
	for range 3 {
		if next.Roster, err = limited(ctx, r.source.Roster); err != nil {
			return nil, false, err
		}
		next.ReadAt = time.Now()
		if r.last != nil && !again && isSameValue(&r.last.Roster, &next.Roster) {
			next.takeRevision(r.last)
			break
		}
		changed = true
		next.Revision, next.RevisionErr = limited(ctx, r.source.Current)
		if err = next.RevisionErr; isFailure(err) {
			return nil, false, err
		}
		if next.Revision.ID == next.Roster.ID && next.Revision.Version == next.Roster.Version {
			break
		}
	}
	if changed {
		if next.Revision.Set == nil {
			next.Revision.Set = new(fleetdial.Set)
		}
		next.expiries = expiriesOf(next.Revision.Set)
		next.History, next.HistoryErr = r.guessHistory(next)
	}
	next.Hits = next.Roster.Hits()
	next.Rates = r.charts.add(next.Roster.Now, next.Hits.Directives)
	return next, changed, nil
}

// takeRevision takes over from another state all that belongs to the current revision.
func (s *State) takeRevision(from *State) {
	s.Revision, s.RevisionErr, s.expiries = from.Revision, from.RevisionErr, from.expiries
	s.History, s.HistoryErr = from.History, from.HistoryErr
}

// guessHistory returns the history that a fleet has if the revision of next was published after
// that of the last state. To read all entries of large revisions takes long, and nobody should
// have to wait for that.
func (r *reader) guessHistory(next *State) ([]fleetdial.HistoryEntry, error) {
	if r.last == nil {
		return nil, nil
	}
	old := r.last.History
	if next.Revision.ID == "" || slices.ContainsFunc(old, func(e fleetdial.HistoryEntry) bool {
		return e.Revision.ID == next.Revision.ID
	}) {
		return old, r.last.HistoryErr
	}
	guess := append([]fleetdial.HistoryEntry{{Revision: next.Revision, Err: next.RevisionErr}}, old...)
	if len(old) == fleetdial.DefaultHistory {
		guess = guess[:fleetdial.DefaultHistory]
	}
	return guess, r.last.HistoryErr
}

// readHistory reads the history into a state that nobody has yet. An error is not one of the
// whole reading: the history of a fleet may be long, and a user may be denied to read it.
func (r *reader) readHistory(ctx context.Context, next *State) {
	history, err := limited(ctx, r.source.History)
	if err == nil || len(history) > 0 {
		next.History = history
	}
	next.HistoryErr = err
	r.historyDueAt = time.Time{}
	if err != nil {
		r.historyDueAt = time.Now().Add(historyRetry)
	}
}

// settle gives a state its id, and makes it the last one.
func (r *reader) settle(next *State) *State {
	now := time.Now()
	clock := next.Now(now)
	next.expired = sort.Search(len(next.expiries), func(i int) bool { return next.expiries[i].After(clock) })
	switch {
	case r.announced == nil, isUrgent(r.announced, next),
		now.Sub(r.announcedAt) >= announceInterval && isNews(r.announced, next):
		next.ID = r.newID()
		r.announced, r.announcedAt = next, now
	default:
		next.ID = r.announced.ID
	}
	r.last = next
	return next
}

// untilExpiry returns how long the next directive has left, and whether there is one.
func (s *State) untilExpiry(local time.Time) (time.Duration, bool) {
	if s.expired == len(s.expiries) {
		return 0, false
	}
	return s.expiries[s.expired].Sub(s.Now(local)), true
}

// expiriesOf returns when the directives of a set expire, ascending.
func expiriesOf(set *fleetdial.Set) []time.Time {
	all := set.Directives()
	expiries := make([]time.Time, len(all))
	for i := range all {
		expiries[i] = all[i].ExpiresAt
	}
	slices.SortFunc(expiries, time.Time.Compare)
	return expiries
}

// limited calls a method of a source with the time limit of a single read.
func limited[T any](ctx context.Context, read func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	return read(ctx)
}

// isFailure reports whether Redis has not answered. Other errors tell something of the revision.
func isFailure(err error) bool {
	return errors.Is(err, fleetdial.ErrUnavailable) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}
