package redisstore

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/fleetdial/fleetdial/internal/wire"
)

var errNotRead = errors.New("the fleet's key has not been read yet")

// tracker keeps a subscriber's status and logs its changes, one line for each. It is safe for concurrent use.
type tracker struct {
	log *slog.Logger
	// changed is called when there is something new to report; it must not block.
	changed func()

	mu     sync.Mutex
	status Status
	// epoch is the local time at which the clock of Redis read zero, by the last look, lookTook how long that took.
	epoch    time.Time
	lookTook time.Duration
	// applied and refused are the marks of what was last applied and, since then, refused.
	applied, refused mark
	// looked is what the last look at the key found; StateStale before the first.
	looked State
	// sessions counts those begun, current is the number of the one that stands, 0 for none. sessionErr is why it cannot
	// be relied on yet, lookErr why the last look failed.
	sessions, current   uint64
	sessionErr, lookErr error
	// heard counts the messages of any kind. hinted says that one of them, or a new subscription, asked for the look that
	// is to come; unannounced that the last apply came of none.
	heard               int64
	hinted, unannounced bool
	// newest is what was announced last that was new then, heardAt when that was.
	newest   announcement
	heardAt  time.Time
	refusals refusals
	// clockless says that the last measurement of the fleet's clock failed.
	clockless bool
	// lines are still to be logged, by whoever holds writing: never under mu, which a log handler may want for Status.
	lines   []line
	writing sync.Mutex
}

type line struct {
	level slog.Level
	msg   string
	args  []any
}

func newTracker(log *slog.Logger) *tracker {
	t := &tracker{log: log, changed: func() {}, looked: StateStale, sessionErr: errNotRead}
	t.status = Status{State: StateStale, Since: time.Now(), Err: errNotRead, Source: SourceStart}
	t.status.Revision.Set = emptySet
	t.status.AnnounceToApply, t.status.PublishToApply = newHistogram(), newHistogram()
	t.status.Counters.Rejections = make(map[RejectReason]int64, len(rejectReasons))
	return t
}

func (t *tracker) get() Status {
	status, _ := t.getWithClock()
	return status
}

// getWithClock returns, beside the status, the local time at which the clock of Redis read zero; it is zero before the
// first measurement.
func (t *tracker) getWithClock() (Status, time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := t.status
	out.Counters.Rejections = maps.Clone(out.Counters.Rejections)
	out.AnnounceToApply, out.PublishToApply = out.AnnounceToApply.clone(), out.PublishToApply.clone()
	if out.Rejected != nil {
		rejected := *out.Rejected
		out.Rejected = &rejected
	}
	return out, t.epoch
}

// update computes the state anew and, if it has changed, says so, unless the caller has told of it already.
func (t *tracker) update(told bool) {
	state, err := t.looked, error(nil)
	switch {
	case t.sessionErr != nil:
		state, err = StateStale, t.sessionErr
	case t.lookErr != nil:
		state, err = StateStale, t.lookErr
	case state == StateMissing:
		err = ErrNoRevision
	case state == StateRejected:
		err = t.status.Rejected.Err
	}
	t.status.Err = err
	if state == t.status.State {
		return
	}
	t.status.State, t.status.Since = state, time.Now()
	if told {
		return
	}
	t.changed()
	level, args := slog.LevelInfo, []any{"state", state, "version", t.status.Revision.Version}
	if err != nil {
		level, args = slog.LevelWarn, append(args, "err", err)
	}
	t.say(level, "state changed", args...)
}

func (t *tracker) say(level slog.Level, msg string, args ...any) {
	if !t.log.Enabled(context.Background(), level) {
		return
	}
	t.lines = append(t.lines, line{level, "fleetdial: " + msg, args})
}

// unlock ends what begins with mu.Lock, and then logs what was said, in order.
func (t *tracker) unlock() {
	said := len(t.lines) > 0
	t.mu.Unlock()
	if !said {
		return
	}
	t.writing.Lock()
	defer t.writing.Unlock()
	t.mu.Lock()
	lines := t.lines
	t.lines = nil
	t.mu.Unlock()
	for _, l := range lines {
		t.log.Log(context.Background(), l.level, l.msg, l.args...)
	}
}

// sessionBegins returns the number of a session whose subscription has just been confirmed. It counts as relied upon
// once a look that began after that has succeeded.
func (t *tracker) sessionBegins() uint64 {
	t.mu.Lock()
	defer t.unlock()
	t.sessions++
	t.current, t.hinted = t.sessions, true
	if t.sessions > 1 {
		t.status.Counters.Reconnects++
	}
	return t.current
}

func (t *tracker) sessionEnds(err error) {
	t.mu.Lock()
	defer t.unlock()
	t.current, t.sessionErr = 0, err
	t.update(false)
}

func (t *tracker) lookFails(err error) {
	t.mu.Lock()
	defer t.unlock()
	t.lookErr = err
	t.update(false)
}

func (t *tracker) fetches() {
	t.mu.Lock()
	defer t.unlock()
	t.status.Counters.Fetches++
}

// announcement counts a, and reports whether it tells of anything new.
func (t *tracker) announcement(a announcement) bool {
	t.mu.Lock()
	defer t.unlock()
	t.status.Counters.Announcements++
	t.heard++
	isNew := !t.applied.has(a.ID) && !t.refused.has(a.ID)
	if isNew && a.ID != t.newest.ID {
		t.newest, t.heardAt = a, time.Now()
	}
	t.hinted = t.hinted || isNew
	return isNew
}

// message counts one that is no announcement.
func (t *tracker) message() {
	t.mu.Lock()
	defer t.unlock()
	t.heard++
	t.hinted = true
}

// silence is what a lost announcement is recognised by.
type silence struct{ applies, heard, session int64 }

func (t *tracker) silence() silence {
	t.mu.Lock()
	defer t.unlock()
	return silence{t.status.Counters.Applies, t.heard, int64(t.current)}
}

// missed counts a correction, and reports that it did, if a revision has been applied since, of which nothing was heard
// on the session that stood all the while.
func (t *tracker) missed(since silence) bool {
	t.mu.Lock()
	defer t.unlock()
	now := silence{t.status.Counters.Applies, t.heard, int64(t.current)}
	if now.applies == since.applies || now.heard != since.heard || now.session != since.session || now.session == 0 ||
		!t.unannounced {
		return false
	}
	t.status.Counters.Corrections++
	t.say(slog.LevelWarn, "an announcement went missing; the resync found the revision",
		"version", t.status.Revision.Version, "id", t.status.Revision.ID)
	return true
}

// finds records what a look found that is neither new nor refused now.
func (t *tracker) finds(state State, session uint64) {
	t.mu.Lock()
	defer t.unlock()
	t.hinted = false
	t.sees(state, session)
	t.update(false)
}

func (t *tracker) sees(state State, session uint64) {
	t.looked, t.lookErr = state, nil
	t.status.LastSync = time.Now()
	if state == StateLive || state == StateEmpty {
		t.status.Source = SourceLive
	}
	if session != 0 && session == t.current {
		t.sessionErr = nil
	}
}

// clock records a measurement of the fleet's clock, or tells, once, that there is none.
func (t *tracker) clock(c clockReading) {
	t.mu.Lock()
	defer t.unlock()
	if c.err == nil {
		t.status.ClockOffset = c.offset
	} else if !t.clockless {
		t.say(slog.LevelWarn, "Redis does not tell its time; expiries count on this machine's clock", "err", c.err)
	}
	t.clockless, t.epoch, t.lookTook = c.err != nil, c.epoch, c.roundTrip
}

func (t *tracker) roundTrip() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.lookTook
}

// applies records a revision that has just become the subscriber's.
func (t *tracker) applies(rev wire.Revision, m mark, session uint64) {
	t.mu.Lock()
	defer t.unlock()
	before := t.status.Revision
	t.applied, t.refused = m, mark{}
	t.status.Revision, t.status.AppliedAt, t.status.Rejected = rev, time.Now(), nil
	t.took(before)
	t.status.Counters.Applies++
	t.unannounced, t.hinted = !t.hinted, false
	state := StateLive
	if rev.Version == 0 {
		state = StateEmpty
	}
	t.sees(state, session)
	t.update(true)
	t.changed()
	args := []any{
		"state", t.status.State, "version", rev.Version, "id", rev.ID, "directives", rev.Set.Len(),
		"publisher", rev.PublishedBy, "reason", rev.Reason,
	}
	if rev.Version != 0 && rev.Version < before.Version {
		t.status.Counters.Regressions++
		t.say(slog.LevelWarn, "revision applied, although its version goes back", append(args, "from", before.Version)...)
		return
	}
	t.say(slog.LevelInfo, "revision applied", args...)
}

// took takes the time of the revision that has just been applied. One that was found at the start, or that goes back, says
// how long ago somebody published, and not how long the fleet takes.
func (t *tracker) took(before wire.Revision) {
	rev, at := &t.status.Revision, t.status.AppliedAt
	announced := rev.ID != "" && rev.ID == t.newest.ID
	if announced {
		t.status.AnnounceToApply.observe(at.Sub(t.heardAt))
		t.newest = announcement{}
	}
	if announced || t.status.Counters.Applies > 0 && rev.Version > before.Version {
		t.status.PublishToApply.observe(at.Add(t.status.ClockOffset).Sub(rev.PublishedAt))
	}
}

// startsWithout tells that the first attempt to read the key failed: the state is the one that it begins with, so that no
// change of it does.
func (t *tracker) startsWithout(err error) {
	t.mu.Lock()
	defer t.unlock()
	t.say(slog.LevelWarn, "starting without Redis", "state", t.status.State, "version", t.status.Revision.Version, "err", err)
}

// restores records the revision that a snapshot file held.
func (t *tracker) restores(rev wire.Revision, m mark) {
	t.mu.Lock()
	defer t.unlock()
	t.applied = m
	t.status.Revision, t.status.AppliedAt, t.status.Source = rev, time.Now(), SourceSnapshot
	t.say(slog.LevelInfo, "starting from the snapshot file", "state", t.status.State,
		"version", rev.Version, "id", rev.ID, "directives", rev.Set.Len())
}

// rejects records a value that was refused.
func (t *tracker) rejects(r Rejection, m mark, session uint64) {
	t.mu.Lock()
	defer t.unlock()
	t.refused = m
	t.status.Rejected = &r
	t.status.Counters.Rejections[r.Reason]++
	t.sees(StateRejected, session)
	untold, told := t.refusals.tell(r.At)
	t.update(told)
	t.changed()
	if !told {
		return
	}
	args := []any{
		"state", t.status.State, "version", r.Version, "id", r.ID, "err", r.Err, "kept", t.status.Revision.Version,
	}
	if untold > 0 {
		args = append(args, "untold", untold)
	}
	t.say(slog.LevelWarn, "revision refused, keeping the last good one", args...)
}

// known reports which state a mark stands for, if it is of something that needs no reading.
func (t *tracker) known(m mark) (State, bool) {
	t.mu.Lock()
	defer t.unlock()
	switch m {
	case markMissing:
		return StateMissing, true
	case t.refused:
		return StateRejected, true
	case t.applied:
		if m == markEmpty {
			return StateEmpty, true
		}
		return StateLive, true
	}
	return "", false
}

// appliedID returns the id and the version of what is applied.
func (t *tracker) appliedID() (string, int64) {
	t.mu.Lock()
	defer t.unlock()
	return t.status.Revision.ID, t.status.Revision.Version
}
