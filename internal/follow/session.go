package follow

import (
	"errors"
	"fmt"
	"time"

	"github.com/fleetdial/fleetdial/internal/store"
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

// session is the current session: one subscription on a connection of its own.
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
	// lastReply is when the server last replied. Only replies show that it is alive.
	lastReply time.Time
	// newest is the highest version that was announced or found during the session.
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

// isCurrent reports whether an event is of the session that counts, and notes the reply.
func (f *Follower) isCurrent(number uint64) bool {
	s := &f.session
	if !s.isOpen || s.ending || s.number != number {
		return false
	}
	s.lastReply = f.now
	return true
}

// subscribed handles the confirmation of the subscription. Only now is no announcement missed
// any more, so the key is fetched.
func (f *Follower) subscribed() {
	if f.session.subscribed {
		f.endSession(errSubscribed)
		return
	}
	f.session.subscribed = true
	if f.subscriptions++; f.subscriptions > 1 {
		f.status.Counters.Reconnects++
	}
	f.request(request{
		cause: causeSession, session: f.session.number, full: f.subscriptions == 1, notBefore: f.now,
	})
}

// errorReply handles an error with which the server answers a command of the session. An
// answer to a ping, such as LOADING, shows that the server is alive, but may not serve.
func (f *Follower) errorReply(err error) {
	if !f.session.subscribed {
		f.endSession(err)
		return
	}
	f.request(request{cause: causeMessage, notBefore: f.bucket.ReadyAt(f.now)})
}

// endSession has the session ended. Its set is out of date until another one is reliable.
func (f *Follower) endSession(err error) {
	f.session.ending, f.session.subscribed, f.session.reliable = true, false, false
	f.session.err = err
	f.out.EndSession = true
}

// sessionLost handles the end of the session.
func (f *Follower) sessionLost(e SessionLost) {
	s := &f.session
	if !s.isOpen || s.number != e.Session {
		return
	}
	if !s.ending {
		s.err = e.Err
	}
	s.isOpen, s.ending, s.subscribed, s.reliable = false, false, false, false
	if f.now.Sub(s.openedAt) > f.cfg.SubscriptionTimeout {
		f.sessionRetry.Reset()
	}
	f.openAt = f.now.Add(f.sessionRetry.Next(f.cfg.Rand))
	f.started(s.err)
}

// tendSession opens a session if it is time, and ends one that is silent or that missed an
// announcement.
func (f *Follower) tendSession() {
	s := &f.session
	switch {
	case !s.isOpen:
		if !f.now.Before(f.openAt) {
			err := s.err
			*s = session{number: s.number + 1, isOpen: true, openedAt: f.now, lastReply: f.now, err: err}
			f.out.OpenSession = s.number
		}
	case s.ending:
	case f.now.Sub(s.lastReply) >= f.cfg.SubscriptionTimeout:
		f.endSession(fmt.Errorf("follow the channel: %w: no reply for %v", store.ErrUnavailable, f.cfg.SubscriptionTimeout))
	}
	f.checkUnannounced()
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
	f.endSession(errMissed)
}
