package follow

import (
	"errors"
	"fmt"
	"time"

	"github.com/fleetdial/fleetdial/internal/store"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// announcementGrace is how long after the resync has found a revision its announcement may
// still arrive. Without it, the resync would end a healthy session whose announcement is
// under way.
const announcementGrace = 250 * time.Millisecond

var (
	errMissed       = errors.New("follow the channel: an announcement was lost")
	errUnsubscribed = errors.New("follow the channel: the server took the subscription away")
	errSubscribed   = errors.New("follow the channel: the subscription was made again without a new session")
)

// session is one subscription on a connection of its own.
type session struct {
	number uint64
	// isOpen says that the session has been opened and its end not yet been confirmed.
	isOpen bool
	// ending says that the session is to end. Nothing counts that comes from it.
	ending bool
	// subscribed says that the subscription stands, and reliable that a fetch which began after
	// that has succeeded: from then on, no announcement can be missed unnoticed.
	subscribed, reliable bool
	openedAt             time.Time
	// rotateAt is when the session is old enough to be replaced.
	rotateAt time.Time
	// lastReply is when the server last replied. Only replies show that it is alive.
	lastReply time.Time
	// newest is the highest version that was found during the session. Announcements do not
	// count, because a forged one would hide that others are lost.
	newest int64
	// err is why there is no reliable session.
	err error
}

// unannounced is a revision that the resync applied, and of which no message told.
type unannounced struct {
	session uint64
	heard   int64
	at      time.Time // when the announcement counts as lost
}

// replied returns the open session of this number, from which a reply came, and nil if nothing
// counts that comes from it.
func (f *Follower) replied(number uint64) *session {
	for _, s := range []*session{&f.session, &f.successor} {
		if s.isOpen && !s.ending && s.number == number {
			s.lastReply = f.now
			return s
		}
	}
	return nil
}

// subscribed handles the confirmation of the subscription. Only now is no announcement missed
// any more, so the key is fetched.
func (f *Follower) subscribed(s *session) {
	if s.subscribed {
		f.endSession(s, errSubscribed)
		return
	}
	s.subscribed = true
	if s == &f.session {
		f.countSubscription()
	}
	f.request(request{cause: causeSession, session: s.number, full: f.subscriptions == 1 && s == &f.session, notBefore: f.now})
}

// countSubscription counts a subscription of the session that counts, after a time without.
func (f *Follower) countSubscription() {
	if f.subscriptions++; f.subscriptions > 1 {
		f.status.Counters.Reconnects++
	}
}

// confirm handles the success of a fetch that began after the session of this number was
// subscribed.
func (f *Follower) confirm(number uint64) {
	switch {
	case number == 0:
		return
	case number == f.session.number && f.session.subscribed:
		f.session.reliable = true
	case number == f.successor.number && f.successor.subscribed:
		f.successor.reliable = true
		f.replaceSession()
	default:
		return
	}
	if f.found == wire.StateLive {
		f.session.newest = max(f.session.newest, f.status.Revision.Version)
	}
}

// errorReply handles an error with which the server answers a command of the session. An
// answer to a ping, such as LOADING, shows that the server is alive, but may not serve.
func (f *Follower) errorReply(s *session, err error) {
	if !s.subscribed {
		f.endSession(s, err)
		return
	}
	f.request(request{cause: causeMessage, notBefore: f.bucket.ReadyAt(f.now)})
}

// endSession has a session ended. If it is the one that counts, the set is out of date until
// another one is reliable.
func (f *Follower) endSession(s *session, err error) {
	s.ending, s.subscribed, s.reliable = true, false, false
	s.err = err
	f.out.EndSessions = append(f.out.EndSessions, s.number)
}

// sessionLost handles the end of a session.
func (f *Follower) sessionLost(e SessionLost) {
	s := &f.session
	switch {
	case e.Session == f.retired:
		f.retired = 0
		return
	case f.successor.isOpen && f.successor.number == e.Session:
		f.successorLost()
		return
	case !s.isOpen || s.number != e.Session:
		return
	}
	if !s.ending {
		s.err = e.Err
	}
	if f.successor.isOpen {
		f.takeOver()
	} else {
		s.isOpen, s.ending, s.subscribed, s.reliable = false, false, false, false
		if f.now.Sub(s.openedAt) > f.cfg.SubscriptionTimeout {
			f.sessionRetry.Reset()
		}
		f.openAt = f.now.Add(f.sessionRetry.Next(f.cfg.Rand))
	}
	f.started(s.err)
}

// tendSession opens a session if it is time, and ends one that is silent.
func (f *Follower) tendSession() {
	if !f.session.isOpen && !f.now.Before(f.openAt) {
		f.session = f.open(f.session.err)
	}
	f.checkSilence(&f.session)
}

// open returns a new session, and has it opened.
func (f *Follower) open(err error) session {
	f.sessions++
	f.out.OpenSession = f.sessions
	return session{
		number: f.sessions, isOpen: true, openedAt: f.now, lastReply: f.now, err: err,
		rotateAt: f.now.Add(f.cfg.SubscriptionAge - f.random(f.cfg.SubscriptionAge/5)),
	}
}

// checkSilence ends a session if it is silent.
func (f *Follower) checkSilence(s *session) {
	if s.isOpen && !s.ending && f.now.Sub(s.lastReply) >= f.cfg.SubscriptionTimeout {
		f.endSession(s, fmt.Errorf("follow the channel: %w: no reply for %v", store.ErrUnavailable, f.cfg.SubscriptionTimeout))
	}
}

// checkUnannounced ends the session if the resync found a revision of which nothing was heard
// on it: the session lost an announcement, and may lose others.
func (f *Follower) checkUnannounced() {
	u := f.unannounced
	if u == nil || f.now.Before(u.at) {
		return
	}
	f.unannounced = nil
	if f.heard != u.heard || f.session.number != u.session || !f.session.subscribed {
		return
	}
	f.status.Counters.Corrections++
	f.log(&f.stateLines, true, "announcement was lost; the resync found the revision",
		"version", f.status.Revision.Version, "id", f.status.Revision.ID)
	f.endSession(&f.session, errMissed)
}
