package follow

// A session is replaced when it is old, because its connection stays where it is when the name
// of the server moves to another one. The successor is opened first, on a new connection, and the
// session ends only once the successor is reliable. So the state stays, and no announcement is
// missed.

// mayRotate reports whether the session may be replaced once it is old enough. One that was
// replaced has to have ended, so that connections do not pile up.
func (f *Follower) mayRotate() bool {
	return f.cfg.SubscriptionAge > 0 && f.session.reliable && !f.successor.isOpen && f.retired == 0
}

// rotate opens the successor if it is time, and ends one that is silent.
func (f *Follower) rotate() {
	f.checkSilence(&f.successor)
	if f.mayRotate() && !f.now.Before(f.session.rotateAt) {
		f.successor = f.open(nil)
	}
}

// replaceSession makes the successor, which is reliable, the session that counts.
func (f *Follower) replaceSession() {
	if old := &f.session; old.isOpen {
		if !old.ending {
			f.endSession(old, nil)
		}
		f.retired = old.number
	}
	f.session, f.successor = f.successor, session{}
}

// takeOver makes the successor the session that counts, because that one is lost.
func (f *Follower) takeOver() {
	err := f.session.err
	f.session, f.successor = f.successor, session{}
	if !f.session.ending {
		f.session.err = err
	}
	if f.session.subscribed {
		f.countSubscription()
	}
}

// successorLost handles the end of the successor. The session goes on, and is replaced later.
func (f *Follower) successorLost() {
	f.successor = session{}
	wait := f.cfg.SubscriptionAge / 10
	f.session.rotateAt = f.now.Add(max(shortestBackoff, wait+f.random(wait)))
}
