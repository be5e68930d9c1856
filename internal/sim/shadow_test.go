package sim

import (
	"time"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/follow"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// shadow is what the checks remember of a follower: what it was given and what it asked for.
type shadow struct {
	// step counts the events.
	step int64

	// applied and rejected are the values that were applied and, since then, rejected, found
	// what the last fetch found.
	applied, rejected *value
	found             wire.State
	// seen is the last value that was read while the key held it.
	seen          *value
	signedVersion int64
	signedID      string

	// current is the session that counts, successor the one that is to replace it. retired is the
	// number of the one that was replaced, until its end is confirmed, and retiring that number in
	// the step in which it was replaced. rotateBy is when a rotation that failed comes again.
	current, successor sessionShadow
	retired, retiring  uint64
	rotateBy           time.Time
	// subscriptions counts those of the session that counts, after a time without.
	subscriptions int64

	// The fetch under way: mode, when it began, and in which step the first of its parts did.
	fetching    bool
	mode        follow.Mode
	fetchBegan  time.Time
	fetchStep   int64
	fetchFailed bool
	// fetchMeasures says that a part of the fetch measures the clock, and didMeasure that one of
	// the fetch that has just ended did.
	fetchMeasures, didMeasure bool
	// suspendedFor is for how long the machine said that it was suspended during the fetch.
	suspendedFor time.Duration
	// The first attempt after a success comes soon: by then.
	openBy, fetchBy time.Time
	// clockBy is when a reading that disagreed has to be followed by another.
	clockBy time.Time

	// hints counts the events other than the timer, pongs and fetches. loss is the last
	// announcement that was lost on a session in which nothing else happened since.
	hints  int64
	hintAt time.Duration
	loss   loss
	// announcedAt are the times of the last announcements, which the follower remembers.
	announcedAt [16]time.Duration
	announced   int
	// highest is the highest version that was in force since the session was opened.
	highest int64

	// waiters wait. answeredBy is the step in which the fetch began that has just ended.
	waiters    []waiter
	answeredBy int64
	isStarted  bool
	// endedAt is the true time at which the last session ended, or its end was asked for.
	endedAt time.Duration

	clocks clockShadow
	// confirmedBy are the last two measurements that agree, and isConfirming says that the event
	// brought the second of them.
	confirmedBy  [2]estimate
	isConfirming bool
	// doubted is a reading that disagreed and cannot be confirmed, because a fetch failed.
	doubted   estimate
	isDoubted bool
	// wasRestored says that the clock of the snapshot file is known, isClockFailed that a
	// measurement failed.
	wasRestored, isClockFailed bool
	// completed counts the fetches that got a reading.
	completed    int
	terms, spare []term

	// What was counted in the current window of time.
	window      time.Time
	fetches     int
	fetchesPaid int
	timers      int
	opens       int
	logWindow   time.Time
	stateLines  int
	applyLines  int
}

// sessionShadow is what the checks know of a session: ending says that its end was asked for,
// subscribedIn in which step it was confirmed, reliable that a fetch that began since then has
// succeeded.
type sessionShadow struct {
	number       uint64
	isOpen       bool
	ending       bool
	subscribedIn int64
	reliable     bool
	openedAt     time.Time
	lastReply    time.Time
}

// session returns the open session of a number from which something counts, or nil.
func (s *shadow) session(number uint64) *sessionShadow {
	for _, sh := range []*sessionShadow{&s.current, &s.successor} {
		if sh.isOpen && !sh.ending && sh.number == number {
			return sh
		}
	}
	return nil
}

// mayForget reports whether the follower may have forgotten that a value was announced, because
// of a storm of other announcements.
func (s *shadow) mayForget(v *value) bool {
	n := len(s.announcedAt)
	return s.announced >= n && s.announcedAt[s.announced%n] >= v.firstAt
}

// loss is an announcement that was lost.
type loss struct {
	value  *value
	number uint64
	hints  int64
}

// waiter is a Refresh that has not been answered.
type waiter struct {
	id   uint64
	step int64
}

func newShadow() shadow {
	return shadow{found: wire.StateStale}
}

// term is what the checks know of one directive in force.
type term struct {
	directive.Directive
	// deadline is when it ends by the set, and bound when it ends by the clock under which it
	// came, if several measurements had confirmed that clock.
	deadline, bound time.Time
	isBound         bool
	// slack is by how much the measurements by which it is bound may be wrong.
	slack time.Duration
	// since is the reading of the clock with which it came.
	since int64
}

// observe takes in an event, as far as the checks need it.
func (m *machine) observe(now time.Time, event follow.Event, in input, before *follow.Status) {
	s := &m.shadow
	s.step++
	switch event.(type) {
	case follow.Timer, follow.Pong, follow.Fetched:
	default:
		s.hints++
		s.hintAt = m.world.now
	}
	var session *sessionShadow
	if in.conn != nil {
		session = s.session(in.conn.number)
	}
	s.retiring = 0
	switch e := event.(type) {
	case follow.Subscribed:
		if session != nil {
			session.lastReply = now
			if session.subscribedIn == 0 {
				session.subscribedIn = s.step
				s.fetchesPaid++
				if session == &s.current {
					s.subscriptions++
				}
			}
		}
	case follow.Message, follow.Unsubscribed, follow.ErrorReply, follow.Pong:
		if session != nil {
			session.lastReply = now
		}
		if _, ok := event.(follow.Message); ok {
			s.announcedAt[s.announced%len(s.announcedAt)] = m.world.now
			s.announced++
		}
	case follow.SessionLost:
		m.observeLost(now, e.Session)
	case follow.Refresh:
		s.waiters = append(s.waiters, waiter{e.Waiter, s.step})
		s.fetchesPaid++
	case follow.Suspended:
		m.wasStanding(e.For)
	case follow.Fetched:
		m.observeFetched(now, e, in)
	}
}

// observeLost takes in the end of a session.
func (m *machine) observeLost(now time.Time, number uint64) {
	s := &m.shadow
	switch {
	case number == s.retired:
		s.retired = 0
	case s.successor.isOpen && number == s.successor.number:
		s.successor = sessionShadow{}
		s.rotateBy = now.Add(max(firstBackoff, m.world.cfg.age/5))
	case s.current.isOpen && number == s.current.number && s.successor.isOpen:
		s.current, s.successor = s.successor, sessionShadow{}
		if s.current.subscribedIn != 0 {
			s.subscriptions++
		}
		s.endedAt = m.world.now
	case s.current.isOpen && number == s.current.number:
		if now.Sub(s.current.openedAt) > m.world.cfg.timeout {
			s.openBy = now.Add(firstBackoff)
		}
		c := &s.current
		c.isOpen, c.ending, c.subscribedIn, c.reliable = false, false, 0, false
		s.endedAt = m.world.now
	}
}

// firstBackoff is within which time the first attempt after a success has to come.
const firstBackoff = 60 * time.Millisecond

// observeFetched takes in the result of a fetch.
func (m *machine) observeFetched(now time.Time, e follow.Fetched, in input) {
	s := &m.shadow
	s.fetching, s.answeredBy, s.didMeasure = false, s.fetchStep, s.fetchMeasures
	if e.Err != nil {
		m.clockFailed()
		m.clocks.readAt = time.Time{}
		s.isClockFailed = s.isClockFailed || s.mode == follow.FetchClock
		if s.mode != follow.FetchClock {
			// The retry may wait for the spread of an announcement.
			if !s.fetchFailed && m.world.now > s.hintAt+wire.MaxSpread {
				s.fetchBy = now.Add(firstBackoff)
			}
			s.fetchFailed = true
		}
		s.hints++
		s.hintAt = m.world.now
		return
	}
	s.completed++
	switch reading := e.Reading.Clock; {
	case s.suspendedFor > 0 && m.clocks.isKnown:
		s.isClockFailed = true
	case reading != nil:
		r := *reading
		r.Sent = r.Sent.Add(-s.suspendedFor)
		m.measured(r)
	}
	if s.mode == follow.FetchClock {
		return
	}
	if in.value == m.world.server.state.value {
		s.seen = in.value
	}
	if s.mode == follow.FetchHeader && !m.isKnown(in.value) {
		return // the whole value follows
	}
	if in.isReadAgain {
		return
	}
	s.fetchFailed = false
	if n := &s.successor; n.isOpen && !n.ending && n.subscribedIn != 0 && s.fetchStep >= n.subscribedIn {
		s.retired, s.retiring = s.current.number, s.current.number
		if s.current.ending {
			s.retiring = 0
		}
		s.current, s.successor = s.successor, sessionShadow{}
		m.world.stats.rotations++
		m.mustHaveMeasured("a session takes over")
	}
	if c := &s.current; c.isOpen && !c.ending && c.subscribedIn != 0 && s.fetchStep >= c.subscribedIn {
		if !c.reliable {
			m.mustHaveMeasured("a session becomes reliable")
		}
		c.reliable = true
	}
}

// isKnown reports whether a header needs no reading.
func (m *machine) isKnown(v *value) bool {
	return v.isMissing() || v.isLike(m.applied) != v.isLike(m.rejected)
}

// lost notes that an announcement was lost. It is only of use if the machine gets no other
// sign of the revision.
func (m *machine) lost(c *conn, v *value) {
	isNew := v != nil && v.version > c.newest && v.version > m.highest
	if isNew && m.current.reliable && c.number == m.current.number {
		m.loss = loss{v, c.number, m.hints}
	}
}
