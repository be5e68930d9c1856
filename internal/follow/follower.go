// Package follow decides what a subscriber does. [Follower] is a pure state machine: it takes
// one event after another and returns what has to be done. It has no goroutine, no lock, no
// clock and no I/O, so that a simulation can run a whole fleet of followers in virtual time.
//
// A follower keeps a session open, which carries the fleet's announcements, and fetches the
// fleet's key whenever it may hold something new: after an announcement, when a session
// begins, and at each resync. Session and fetch are independent of each other. All times are
// on the local monotonic clock.
package follow

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"time"

	"github.com/fleetdial/fleetdial/internal/clock"
	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/histogram"
	"github.com/fleetdial/fleetdial/internal/pace"
	"github.com/fleetdial/fleetdial/internal/store"
	"github.com/fleetdial/fleetdial/internal/wire"
)

const (
	// shortestBackoff and longestBackoff bound the waits between attempts to reach Redis.
	shortestBackoff, longestBackoff = 50 * time.Millisecond, 2 * time.Second
	// minFetchTimeout is the least time that a fetch is given: 4 MiB at 11 Mbit/s.
	minFetchTimeout = 3 * time.Second
	// fullResync is after how many resyncs the whole value is read, so that a value that was
	// altered under its header is noticed.
	fullResync = 10
	// The log gets stateBurst lines of changed states and rejections at once, and as many more
	// in each minute. Applied revisions, which cost their publisher a write each, get applyBurst.
	stateBurst, applyBurst = 10, 60
)

// A fetch that answers an announcement does without a measurement of the clock for clockFresh after
// the last one: the local clock drifts by milliseconds in that time. If the revision was published
// longer than timelyAge ago by that clock, or ahead of it, the value is read again with a
// measurement, because the clock of Redis may have been set meanwhile.
const clockFresh, timelyAge = time.Minute, 2 * time.Second

var (
	errNotRead = errors.New("the fleet's key has not been read yet")
	emptySet   = &directive.Set{}
)

// Config configures a follower. All of it is required, except SubscriptionAge and Keys.
type Config struct {
	// ResyncInterval is the longest time between two fetches, SubscriptionTimeout how long the
	// server may be silent.
	ResyncInterval, SubscriptionTimeout time.Duration
	// SubscriptionAge is after how long a session is replaced, 0 for never.
	SubscriptionAge time.Duration
	// MaxBytes is the size of the largest value that is accepted.
	MaxBytes int
	// Keys are the trusted keys. With any, values have to be signed for the Redis key Key.
	Keys wire.Keyring
	Key  string
	// Rand is where jitter comes from.
	Rand *rand.Rand
}

// Follower is the state of one subscriber. It belongs to one goroutine.
type Follower struct {
	cfg Config
	// now is the time of the event that is being handled, and out what comes of it.
	now time.Time
	out Effects

	status Status
	set    *directive.Set
	// doubted is the set as it was before it counted on a clock that could not be confirmed.
	doubted *directive.Set
	// applied and rejected are the values that were last applied and, since then, rejected.
	applied, rejected value
	// signedVersion and signedID are those of the newest signed revision that was accepted.
	signedVersion int64
	signedID      string
	// found is the state that the last fetch found, and fetchErr why the last fetch failed.
	found    wire.State
	fetchErr error

	// session is the session that counts. successor is the one that is to replace it, if that is
	// open, and retired the number of the one that was replaced, until its end is confirmed.
	session, successor session
	retired            uint64
	sessions           uint64 // how many were opened
	subscriptions      int
	openAt             time.Time
	sessionRetry       pace.Backoff

	// next is the fetch to come, and current the one under way.
	next                    *request
	current                 *fetching
	fetchRetry, searchRetry pace.Backoff
	bucket                  pace.Bucket
	resyncAt                time.Time
	resyncs                 int

	// heard counts the messages. newest is the last announcement that told of something new, and
	// announced are the ids of the last ones.
	heard       int64
	announced   recentIDs
	newest      wire.Announcement
	newestAt    time.Time
	unannounced *unannounced

	clock      clock.Clock
	clockRetry pace.Backoff
	clockAt    time.Time // when to measure the clock again, zero for not
	// measuredAt is when the clock was last read, zero if what happened since makes that doubtful.
	measuredAt time.Time
	clockless  bool
	roundTrip  time.Duration // of the last measurement

	// isSaved says that the snapshot file holds the set, and savedEpoch the epoch it counts on.
	isSaved    bool
	savedEpoch time.Time

	isStarted, isSettling bool
	// outcome is the line about a revision that this event applied or rejected. It tells of the
	// state too.
	outcome                *outcome
	stateLines, applyLines lines
}

// New returns a follower that has read nothing yet.
func New(cfg Config, now time.Time) *Follower {
	retry := pace.Backoff{Shortest: shortestBackoff, Longest: longestBackoff}
	again := pace.Backoff{Shortest: firstRetry, Longest: longestRetry}
	f := &Follower{
		cfg: cfg, now: now, set: emptySet, found: wire.StateStale, session: session{err: errNotRead},
		openAt: now, sessionRetry: retry, fetchRetry: retry, searchRetry: again, clockRetry: again,
		bucket:     pace.NewBucket(fetchBurst, fetchInterval, now),
		stateLines: lines{bucket: pace.NewBucket(stateBurst, time.Minute/stateBurst, now)},
		applyLines: lines{bucket: pace.NewBucket(applyBurst, time.Minute/applyBurst, now)},
	}
	f.status = Status{
		State: wire.StateStale, Since: now, Source: wire.SourceStart, Err: errNotRead, Revision: wire.Revision{Set: emptySet},
		AnnounceToApply: histogram.New(), PublishToApply: histogram.New(),
	}
	f.status.Counters.Rejections = make(map[wire.RejectReason]int64)
	f.planResync()
	return f
}

// Handle takes in one event and returns what has to be done. The time never goes back.
func (f *Follower) Handle(now time.Time, event Event) Effects {
	f.now, f.out, f.outcome = now, Effects{}, nil
	switch e := event.(type) {
	case Subscribed:
		if s := f.replied(e.Session); s != nil {
			f.subscribed(s)
		}
	case Unsubscribed:
		if s := f.replied(e.Session); s != nil {
			f.endSession(s, errUnsubscribed)
		}
	case Message:
		if f.replied(e.Session) != nil {
			f.message(e.Payload)
		}
	case Pong:
		f.replied(e.Session)
	case ErrorReply:
		if s := f.replied(e.Session); s != nil {
			f.errorReply(s, e.Err)
		}
	case SessionLost:
		f.sessionLost(e)
	case Fetched:
		f.fetched(e)
	case Refresh:
		f.request(request{cause: causeRefresh, waiters: []uint64{e.Waiter}, notBefore: now})
	case Suspended:
		f.suspended(e.For)
	case Timer:
		_ = f.applied.digest.String() // the value need not be kept longer
	}
	f.tendSession()
	f.rotate()
	f.checkUnannounced()
	f.resync()
	f.dispatch()
	changed := f.updateState()
	if o := f.outcome; o != nil {
		attrs := append([]any{"state", f.status.State}, o.line.Attrs...)
		changed = !f.log(o.limit, o.line.Warn, o.line.Message, attrs...) && changed
	}
	if changed {
		args := []any{"state", f.status.State, "version", f.status.Revision.Version}
		if f.status.Err != nil {
			args = append(args, "err", f.status.Err)
		}
		f.log(&f.stateLines, f.status.Err != nil, "state changed", args...)
	}
	f.out.WakeAt = f.wakeAt()
	return f.out
}

// Status returns the current status, without the digest. It shares what does not change.
func (f *Follower) Status() Status { return f.status }

// Digest returns the digest of the value that was applied.
func (f *Follower) Digest() wire.LazyDigest { return f.applied.digest }

// Clock returns the local time at which the fleet's clock read zero, zero before the first
// measurement, and how long the last measurement took.
func (f *Follower) Clock() (epoch time.Time, roundTrip time.Duration) {
	if !f.clock.Known {
		return time.Time{}, 0
	}
	return f.clock.Epoch, f.roundTrip
}

// resync asks for a fetch from time to time, however reliable the session seems.
func (f *Follower) resync() {
	if f.now.Before(f.resyncAt) {
		return
	}
	f.resyncs++
	f.request(request{cause: causeResync, full: f.resyncs%fullResync == 0, notBefore: f.now})
	f.planResync()
}

// planResync plans the next resync up to a fifth early, so that a fleet that began together
// does not fetch together.
func (f *Follower) planResync() {
	f.resyncAt = f.now.Add(f.cfg.ResyncInterval - f.random(f.cfg.ResyncInterval/5))
}

// random returns a random duration from nothing to d.
func (f *Follower) random(d time.Duration) time.Duration {
	return time.Duration(f.cfg.Rand.Int64N(int64(d) + 1))
}

// isOverdue reports whether the fetch under way has taken longer than the server may be
// silent.
func (f *Follower) isOverdue() bool {
	return f.current != nil && f.now.Sub(f.current.began) >= f.cfg.SubscriptionTimeout
}

// updateState derives the state, and reports whether it has changed.
func (f *Follower) updateState() bool {
	state, err := f.found, error(nil)
	switch {
	case f.isOverdue():
		state = wire.StateStale
		err = fmt.Errorf("fetch the fleet's key: %w: no reply for %v", store.ErrUnavailable, f.cfg.SubscriptionTimeout)
	case f.fetchErr != nil && f.session.subscribed:
		state, err = wire.StateStale, f.fetchErr
	case !f.session.reliable:
		state, err = wire.StateStale, f.session.err
	case state == wire.StateMissing:
		err = ErrNoRevision
	case state == wire.StateRejected:
		err = f.status.Rejected.Err
	}
	f.status.Err = err
	if state == f.status.State {
		return false
	}
	f.status.State, f.status.Since = state, f.now
	f.out.Report = true
	return true
}

// wakeAt returns when something is due next.
func (f *Follower) wakeAt() time.Time {
	at := f.resyncAt
	earlier := func(t time.Time) {
		if t.Before(at) {
			at = t
		}
	}
	if !f.session.isOpen {
		earlier(f.openAt)
	}
	for _, s := range []*session{&f.session, &f.successor} {
		if s.isOpen && !s.ending {
			earlier(s.lastReply.Add(f.cfg.SubscriptionTimeout))
		}
	}
	if f.mayRotate() {
		earlier(f.session.rotateAt)
	}
	if f.unannounced != nil {
		earlier(f.unannounced.at)
	}
	if f.current == nil && f.next != nil {
		earlier(f.next.notBefore)
	}
	if f.current == nil && !f.clockAt.IsZero() {
		earlier(f.clockAt)
	}
	if f.current != nil && !f.isOverdue() {
		earlier(f.current.began.Add(f.cfg.SubscriptionTimeout))
	}
	return at
}

// reject counts a rejection. It replaces the map, which earlier statuses share.
func (c *Counters) reject(reason wire.RejectReason) {
	c.Rejections = maps.Clone(c.Rejections)
	c.Rejections[reason]++
}
