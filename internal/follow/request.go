package follow

import (
	"slices"
	"time"

	"github.com/fleetdial/fleetdial/internal/wire"
)

// Messages that lead to nothing new cost at most 10 fetches in a second: fetchBurst at once,
// and one more in each fetchInterval. Anyone who may publish on the channel can send them.
const (
	fetchBurst    = 5
	fetchInterval = 200 * time.Millisecond
)

// maxTries is how many fetches follow an announcement of a revision that the key does not
// hold, because a replica lags or the announcement is forged. The first four take less than
// 100 ms. The others wait for the token bucket.
const maxTries = 6

// Waits between the attempts to find an announced revision, and to measure the clock again.
const firstRetry, longestRetry = 5 * time.Millisecond, 500 * time.Millisecond

// cause says why the key is fetched. A request can have several.
type cause uint8

const (
	causeResync cause = 1 << iota
	causeMessage
	causeAnnounced
	causeSession
	causeRefresh
)

// isUrgent reports whether the request is more than an answer to a message.
func (c cause) isUrgent() bool { return c&^(causeMessage|causeAnnounced) != 0 }

// isHinted reports whether the fleet, or the program, asked for the fetch.
func (c cause) isHinted() bool { return c&^causeResync != 0 }

// request is a fetch that is to come.
type request struct {
	cause cause
	// full reads the value at once, instead of the header first.
	full bool
	// announced is what the key is said to hold, if anything, and tries counts the fetches that
	// did not find it.
	announced wire.Announcement
	tries     int
	// session is the number of the session whose confirmation asked for the fetch.
	session uint64
	waiters []uint64
	// notBefore is when the fetch may begin: after the spread of an announcement, the token
	// bucket or a backoff.
	notBefore time.Time
	// failed says that notBefore is the backoff after a fetch that failed.
	failed bool
}

// fetching is the fetch under way.
type fetching struct {
	request
	mode  Mode
	began time.Time
	// heard is how many messages had been heard when the fetch began.
	heard int64
	// measures says that the fetch measures the fleet's clock.
	measures bool
	// suspended is how long the machine was suspended meanwhile.
	suspended time.Duration
}

// request has the key fetched, or makes one request of two.
func (f *Follower) request(r request) {
	next := f.next
	if next == nil {
		f.next = &r
		return
	}
	isNewer := r.announced.Version > next.announced.Version
	switch {
	case r.cause.isUrgent(), isNewer && r.announced.Spread() == 0 && !next.failed:
		if r.notBefore.Before(next.notBefore) {
			next.notBefore, next.failed = r.notBefore, r.failed
		}
	default:
		// A message does not end the spread of another, or each message would have the whole
		// fleet fetch at once. It does not extend the spread either.
	}
	if isNewer {
		next.announced, next.tries = r.announced, r.tries
	}
	next.cause |= r.cause
	next.full = next.full || r.full
	next.session = max(next.session, r.session)
	next.waiters = append(next.waiters, r.waiters...)
}

// message handles a message on the channel.
func (f *Follower) message(payload string) {
	f.heard++
	a, ok := wire.ParseAnnouncement(payload)
	if !ok {
		f.request(request{cause: causeMessage, notBefore: f.bucket.ReadyAt(f.now)})
		return
	}
	f.status.Counters.Announcements++
	f.announced.add(a.ID)
	if f.applied.isOf(a.ID) || f.rejected.isOf(a.ID) {
		return
	}
	if a.ID != f.newest.ID {
		f.newest, f.newestAt = a, f.now
	}
	notBefore := f.bucket.ReadyAt(f.now)
	if spread := a.Spread(); spread > 0 {
		if at := f.now.Add(f.random(spread)); at.After(notBefore) {
			notBefore = at
		}
	}
	f.request(request{cause: causeAnnounced, full: true, announced: a, notBefore: notBefore})
}

// recentIDs remembers the ids of the revisions that were announced last. More than that are
// announced only by a storm. Forgetting one costs a new session at most.
type recentIDs struct {
	ids  [16]string
	next int
}

func (r *recentIDs) add(id string) {
	if !r.has(id) {
		r.ids[r.next] = id
		r.next = (r.next + 1) % len(r.ids)
	}
}

func (r *recentIDs) has(id string) bool { return id != "" && slices.Contains(r.ids[:], id) }

// dispatch begins the fetch that is due. A measurement of the clock alone waits for no request,
// because each fetch measures a clock that is to be measured again.
func (f *Follower) dispatch() {
	if f.current != nil {
		return
	}
	if r := f.next; r != nil && r.cause == causeAnnounced && f.applied.isOf(r.announced.ID) {
		f.next = nil // the fetch before has applied it
	}
	if f.next == nil || f.now.Before(f.next.notBefore) {
		if !f.clockAt.IsZero() && !f.now.Before(f.clockAt) {
			f.begin(&fetching{heard: f.heard}, FetchClock, true)
		}
		return
	}
	r := f.next
	f.next = nil
	mode := FetchHeader
	if f.cfg.Keys != nil || r.full && (r.cause.isUrgent() || f.bucket.IsFull(f.now)) {
		// A signed value can be altered under its header, so that only the whole tells. After an
		// announcement that led to nothing, the next one is checked against the header first.
		mode = FetchValue
	}
	f.begin(&fetching{request: *r, heard: f.heard}, mode, mode == FetchHeader || r.cause.isUrgent() || !f.isClockFresh())
}

// begin begins a fetch, which may measure the clock.
func (f *Follower) begin(c *fetching, mode Mode, measures bool) {
	c.mode, c.began, c.measures = mode, f.now, measures
	if measures {
		f.clockAt = time.Time{}
	}
	f.current = c
	if mode == FetchValue {
		f.status.Counters.Fetches++
	}
	f.out.Fetch = &Fetch{Mode: mode, Clock: measures, Timeout: max(f.cfg.SubscriptionTimeout, minFetchTimeout)}
}

// fetched handles the result of the fetch under way.
func (f *Follower) fetched(e Fetched) {
	c := f.current
	if c == nil {
		return
	}
	f.current = nil
	if e.Err != nil {
		f.fetchFailed(c, e.Err)
		return
	}
	switch m := e.Reading.Clock; {
	case c.suspended > 0 && f.clock.Known:
		f.clockAt = f.now
	case m != nil:
		// A first measurement counts as if it was sent before the suspension.
		measured := *m
		measured.Sent = m.Sent.Add(-c.suspended)
		f.measured(measured)
	}
	if c.mode == FetchClock {
		f.started(nil)
		return
	}
	if c.mode == FetchHeader && !f.isKnown(e.Reading) {
		f.begin(c, FetchValue, !f.isClockFresh())
		return
	}
	if !c.measures && !f.isTimely(e.Reading) {
		f.begin(c, FetchValue, true)
		return
	}
	applies := f.status.Counters.Applies
	err := f.take(c, e.Reading)
	f.fetchErr = nil
	f.fetchRetry.Reset()
	f.confirm(c.session)
	switch {
	case f.status.Counters.Applies != applies:
		// What was found may only be announced afterwards, so finding it pays for a fetch that
		// finds nothing.
		f.bucket.Add(f.now, 1)
	case !c.cause.isUrgent():
		f.bucket.Add(f.now, -1)
	}
	f.answer(c, err)
	f.tryAgain(c)
	f.started(nil)
}

// fetchFailed handles a fetch that got no reading.
func (f *Follower) fetchFailed(c *fetching, err error) {
	f.answer(c, err)
	f.doubt()
	if c.mode == FetchClock {
		f.started(err)
		return // every fetch measures the clock
	}
	f.fetchErr = err
	r := c.request
	r.waiters, r.failed = nil, true
	r.notBefore = f.now.Add(f.fetchRetry.Next(f.cfg.Rand))
	if next := f.next; next != nil && !next.cause.isUrgent() && next.notBefore.Before(r.notBefore) {
		// The messages that came meanwhile wait for the backoff too.
		next.notBefore, next.failed = r.notBefore, true
	}
	f.request(r)
	f.started(err)
}

// tryAgain asks for another fetch if the key does not hold what was announced, or newer.
func (f *Follower) tryAgain(c *fetching) {
	a := c.announced
	if a.ID == "" || f.holds(a) || c.tries == maxTries {
		f.searchRetry.Reset()
		return
	}
	notBefore := f.now.Add(f.searchRetry.Next(f.cfg.Rand))
	if at := f.bucket.ReadyAt(f.now); at.After(notBefore) {
		notBefore = at // or forged announcements would cost more fetches than other messages
	}
	f.request(request{cause: causeAnnounced, full: true, announced: a, tries: c.tries + 1, notBefore: notBefore})
}

// holds reports whether the last fetch found what was announced, or newer. What was applied
// before does not matter: a replica that lags may have no key, or a rejected value, for a while.
func (f *Follower) holds(a wire.Announcement) bool {
	switch f.found {
	case wire.StateMissing:
		return false
	case wire.StateRejected:
		return f.rejected.isOf(a.ID) || f.status.Rejected.Version >= a.Version
	}
	return f.applied.isOf(a.ID) || f.status.Revision.Version >= a.Version
}

// answer tells those who wait for the fetch how it ended.
func (f *Follower) answer(c *fetching, err error) {
	for _, waiter := range c.waiters {
		f.out.Answers = append(f.out.Answers, Answer{waiter, err})
	}
	c.waiters = nil
}

// started tells, once, how the first attempt to read the key ended. After a success, it waits
// for the second measurement of the clock, so that the set does not change right after the
// start.
func (f *Follower) started(err error) {
	if f.isStarted || err == nil && !f.session.reliable {
		return
	}
	if err == nil && f.clock.Provisional && !f.isSettling {
		f.isSettling = true
		return
	}
	f.isStarted = true
	f.out.Started = true
	if f.isSettling {
		err = nil // the key has been read
	}
	f.out.StartErr = err
}
