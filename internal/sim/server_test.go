package sim

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial/internal/follow"
	"github.com/fleetdial/fleetdial/internal/store"
)

// begin is what Redis' clock shows when a run begins.
var begin = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var (
	errRefused = errors.New("dial tcp: connection refused")
	errLoading = errors.New("LOADING Redis is loading the dataset in memory")
	errDenied  = errors.New("NOPERM this user has no permissions to run the command")
	errReset   = errors.New("read: connection reset by peer")
	errTimeout = errors.New("i/o timeout")
	errNoTime  = errors.New("NOPERM this user has no permissions to run the 'time' command")
)

// keyState is what a node holds: the key, and the version of the last revision in the history.
type keyState struct {
	*value
	lastVersion int64
}

// change is a state of the key since a time.
type change struct {
	at time.Duration
	keyState
}

// server is the model of Redis: the key with its history, the subscriptions and the clock.
type server struct {
	world    *world
	state    keyState
	timeline []change
	// branchAt is when the last failover or restart was. Replicas show nothing from before.
	branchAt time.Duration
	// writes counts the writes of the key, as WATCH sees them.
	writes int64
	subs   []*conn
	// movedAt is when the name moved to this server. The old one holds the value old, and has the
	// connections oldSubs.
	movedAt time.Duration
	old     *value
	oldSubs []*conn

	// changedAt is when the key last changed. isAnnounced says that a message told of it.
	changedAt   time.Duration
	isAnnounced bool
	// badUntil is when the key last held something that is not applied.
	badUntil time.Duration

	// hungUntil is when a stopped server continues, downUntil when a killed one is back.
	hungUntil, downUntil, loadingUntil time.Duration
	// lag is by how much the replicas are behind until lagUntil.
	lag      time.Duration
	lagUntil time.Duration

	// offset is by how much the clock is wrong for the moment, until wrongUntil.
	offset, wrong time.Duration
	wrongUntil    time.Duration
	// wrongOnce is by how much the next reading is wrong.
	wrongOnce                  time.Duration
	timeDeniedUntil, oldYearTo time.Duration
	// timeRareUntil is until when only some readings succeed.
	timeRareUntil time.Duration
}

func (s *server) begin() {
	s.world.values.begin()
	missing := s.world.values.missing
	missing.isHeld = true
	s.state = keyState{missing, 0}
	s.timeline = []change{{0, s.state}}
}

func (s *server) isDown() bool { return s.world.now < s.downUntil }
func (s *server) isHung() bool { return s.world.now < s.hungUntil }

// clock returns what the clock shows.
func (s *server) clock() time.Time {
	t := begin.Add(s.world.now + s.offset)
	if s.world.now < s.wrongUntil {
		t = t.Add(s.wrong)
	}
	return t
}

// readClock returns what one TIME command returns.
func (s *server) readClock() (time.Time, error) {
	w := s.world
	if w.now < s.timeDeniedUntil || w.now < s.timeRareUntil && w.rng.IntN(3) > 0 {
		return time.Time{}, errNoTime
	}
	t := s.clock()
	if w.now < s.oldYearTo {
		return t.AddDate(-40, 0, 0), nil
	}
	if s.wrongOnce != 0 {
		t, s.wrongOnce = t.Add(s.wrongOnce), 0
		w.tracef("Redis: one reading of the clock is wrong: %v", t)
	}
	return t.Truncate(time.Microsecond), nil
}

// set changes the key, without a message.
func (s *server) set(v *value, lastVersion int64) {
	w := s.world
	if !v.isMissing() || !s.state.isMissing() {
		s.writes++
	}
	if s.state.value != v {
		s.state.value.heldUntil, s.state.value.isHeld = w.now, false
		if s.state.reason != "" || s.state.isMissing() {
			s.badUntil = w.now
		}
		s.changedAt, s.isAnnounced = w.now, false
		for _, c := range slices.Concat(s.subs, s.oldSubs) {
			c.isLossy = true // until publish says otherwise
		}
	}
	s.state = keyState{v, lastVersion}
	if v.firstAt == 0 {
		v.firstAt = w.now
	}
	v.isHeld = true
	s.timeline = append(s.timeline, change{w.now, s.state})
	w.tracef("Redis: the key holds %s", v.name)
}

// exec is the transaction of a publisher that saw so many writes. It returns false if the key
// was written since then.
func (s *server) exec(writes int64, v *value, lastVersion int64, payload string) bool {
	if s.writes != writes {
		return false
	}
	s.publish(v, lastVersion, payload)
	return true
}

// stateAt returns what the key held at an earlier time.
func (s *server) stateAt(at time.Duration) keyState {
	for i := len(s.timeline) - 1; i > 0; i-- {
		if s.timeline[i].at <= at {
			return s.timeline[i].keyState
		}
	}
	return s.timeline[0].keyState
}

// publish sends a message to all subscriptions. With a value, it changes the key first.
func (s *server) publish(v *value, lastVersion int64, payload string) {
	lossy := make([]bool, len(s.subs))
	for i, c := range s.subs {
		lossy[i] = c.isLossy
	}
	isChange := v != nil && v != s.state.value
	if v != nil {
		s.set(v, lastVersion)
	}
	if isChange {
		// A message that names no revision does not help against a replica that lags.
		s.isAnnounced = s.world.cfg.lag == 0 || strings.Contains(payload, v.id) && v.id != ""
	}
	for i, c := range s.subs {
		c.isLossy = lossy[i] || isChange && !s.isAnnounced
		c.publish(v, payload)
	}
}

// measure returns what a fetch learns of the clock, nil if it does not ask.
func (s *server) measure(f *follow.Fetch) *store.Measurement {
	if !f.Clock {
		return nil
	}
	var m store.Measurement
	m.Time, m.Err = s.readClock()
	return &m
}

// read returns what a fetch gets from the master or from a replica.
func (s *server) read(f *follow.Fetch) (store.Reading, *value) {
	w, mode := s.world, f.Mode
	r := store.Reading{Clock: s.measure(f)}
	if mode == follow.FetchClock {
		return r, nil
	}
	state := s.state
	lag := s.lagNow()
	if lag > 0 && w.chance(w.cfg.replicaReads) {
		state = s.stateAt(max(w.now-lag, s.branchAt))
	}
	fill(&r, state.value, mode)
	return r, state.value
}

// readOld returns what a fetch gets from the old server.
func (s *server) readOld(f *follow.Fetch) (r store.Reading, v *value) {
	r.Clock = s.measure(f)
	if f.Mode == follow.FetchClock {
		return r, nil
	}
	fill(&r, s.old, f.Mode)
	return r, s.old
}

// lagNow returns by how much the replicas are behind.
func (s *server) lagNow() time.Duration {
	if s.world.now < s.lagUntil {
		return max(s.lag, s.world.cfg.lag)
	}
	return s.world.cfg.lag
}

// fill fills in what GETRANGE, STRLEN and EXISTS tell of a value.
func fill(r *store.Reading, v *value, mode follow.Mode) {
	r.Missing, r.WrongType = v.kind == valueMissing, v.kind == valueWrongType
	limit := maxBytes + 1
	if mode == follow.FetchHeader {
		limit = headerBytes
	}
	r.Value = v.bytes[:min(len(v.bytes), limit)]
	r.Length = int64(len(v.bytes))
}

// unsubscribe forgets a subscription.
func (s *server) unsubscribe(c *conn) {
	for _, subs := range []*[]*conn{&s.subs, &s.oldSubs} {
		if i := slices.Index(*subs, c); i >= 0 {
			*subs = slices.Delete(*subs, i, i+1)
		}
	}
}

// cutAll ends all sessions, as the end of the process does. Those of an old server end too.
func (s *server) cutAll(err error) {
	for _, c := range slices.Concat(s.subs, s.oldSubs) {
		c.cut(err)
	}
}
