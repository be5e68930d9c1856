package follow

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/store"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// rig runs a follower against a scripted key, in virtual time: it carries out the effects and
// delivers the events that follow from them. A test changes the script between two steps.
type rig struct {
	t     *testing.T
	f     *Follower
	now   time.Time // the local monotonic clock
	began time.Time
	wake  time.Time
	queue []queued // events to come
	steps int      // at the same time

	script
	trace
}

type queued struct {
	at    time.Time
	event Event
}

// script says what the server answers.
type script struct {
	value              []byte
	missing, wrongType bool
	err                error         // why fetches fail
	hung               bool          // fetches get no reply until their timeout
	latency            time.Duration // how long a fetch takes; it reads the key at its beginning
	skew               time.Duration // how far the fleet's clock is ahead of the local one
	wall               time.Duration // how far the machine's wall clock is ahead of the local one
	noTime             error         // why TIME fails
	failing            error         // why sessions fail
	denied             error         // why sessions are not subscribed
	silent             bool          // sessions get no reply
}

// trace is what the follower has done.
type trace struct {
	set       *directive.Set
	fetches   []Mode
	fetchedAt []time.Time // when each fetch began
	measures  []bool      // whether each fetch measures the clock
	sessions  int
	session   uint64 // the session that counts, 0 for none
	successor uint64 // the one that is to replace it, 0 for none
	answers   map[uint64]error
	lines     []Line
	saves     []Save
	applied   []string
	started   bool
	startErr  error
}

// newRig returns a rig whose key holds the value.
func newRig(t *testing.T, value []byte, change func(*Config)) *rig {
	t.Helper()
	cfg := Config{
		ResyncInterval: time.Hour, SubscriptionTimeout: 3 * time.Second, MaxBytes: wire.MaxValueBytes,
		Key: "fleetdial:{default}", Rand: rand.New(rand.NewPCG(1, 2)),
	}
	if change != nil {
		change(&cfg)
	}
	r := &rig{t: t, now: epoch}
	r.began, r.wake = r.now, r.now
	r.set, r.answers, r.value = emptySet, make(map[uint64]error), value
	r.f = New(cfg, r.now)
	return r
}

// startRig is newRig for a follower that has started, and has confirmed the clock.
func startRig(t *testing.T, value []byte, change func(*Config)) *rig {
	t.Helper()
	r := newRig(t, value, change)
	r.start()
	return r
}

func (r *rig) start() {
	r.t.Helper()
	for !r.started {
		r.run(time.Millisecond)
		require.Less(r.t, r.now.Sub(r.began), time.Second, "the follower has not started")
	}
	require.NoError(r.t, r.startErr)
	require.False(r.t, r.f.clock.Provisional)
}

// resyncing has a follower resync at that interval.
func resyncing(interval time.Duration) func(*Config) {
	return func(cfg *Config) { cfg.ResyncInterval = interval }
}

// run lets that much time pass.
func (r *rig) run(d time.Duration) {
	r.t.Helper()
	for end := r.now.Add(d); ; {
		event, at := Event(Timer{}), r.wake
		next := -1
		for i, q := range r.queue {
			if !q.at.After(at) && (next < 0 || q.at.Before(r.queue[next].at)) {
				next = i
			}
		}
		if next >= 0 {
			event, at = r.queue[next].event, r.queue[next].at
		}
		if at.After(end) {
			r.now, r.steps = end, 0
			return
		}
		if next >= 0 {
			r.queue = slices.Delete(r.queue, next, next+1)
		}
		if at.After(r.now) {
			r.now, r.steps = at, 0
		}
		if r.steps++; r.steps > 1000 {
			r.t.Fatalf("the follower spins at %v", r.now.Sub(r.began))
		}
		r.deliver(event)
	}
}

// until runs, a millisecond at a time, until a condition holds.
func (r *rig) until(within time.Duration, what string, ok func() bool) {
	r.t.Helper()
	end := r.now.Add(within)
	for r.run(0); !ok(); r.run(time.Millisecond) {
		require.False(r.t, r.now.After(end), "not within %v: %s", within, what)
	}
}

// deliver hands an event to the follower now, unless it is of a session that has ended.
func (r *rig) deliver(event Event) {
	if pong, ok := event.(Pong); ok {
		if pong.Session != r.session && pong.Session != r.successor {
			return
		}
		r.later(r.f.cfg.SubscriptionTimeout/2, pong)
		if r.silent {
			return
		}
	}
	r.carryOut(r.f.Handle(r.now, event))
}

func (r *rig) later(d time.Duration, event Event) {
	r.queue = append(r.queue, queued{r.now.Add(d), event})
}

func (r *rig) carryOut(out Effects) {
	if out.Set != nil {
		r.set = out.Set
	}
	if out.Applied != nil {
		r.applied = append(r.applied, out.Applied.ID)
	}
	for _, number := range out.EndSessions {
		r.later(0, SessionLost{number, context.Canceled})
		r.forget(number)
	}
	if out.OpenSession != 0 {
		r.open(out.OpenSession)
	}
	if out.Fetch != nil {
		r.fetch(*out.Fetch)
	}
	for _, a := range out.Answers {
		r.answers[a.Waiter] = a.Err
	}
	if out.Started {
		require.False(r.t, r.started, "Started came twice")
		r.started, r.startErr = true, out.StartErr
	}
	if out.Save != nil {
		r.saves = append(r.saves, *out.Save)
	}
	r.lines = append(r.lines, out.Log...)
	r.wake = out.WakeAt
	require.True(r.t, out.WakeAt.After(r.now), "the follower wants to be woken in the past")
}

func (r *rig) open(number uint64) {
	require.Zero(r.t, r.successor, "two sessions are open already")
	r.sessions++
	if r.failing != nil {
		r.later(0, SessionLost{number, r.failing})
		return
	}
	if r.session == 0 {
		r.session = number
	} else {
		r.successor = number
	}
	if r.denied != nil {
		r.later(0, ErrorReply{number, r.denied})
		return
	}
	if !r.silent {
		r.later(0, Subscribed{number})
		r.later(r.f.cfg.SubscriptionTimeout/2, Pong{number})
	}
}

// forget notes that a session has ended. Its successor, if any, is in its place.
func (r *rig) forget(number uint64) {
	if number == r.session {
		r.session = r.successor
	}
	r.successor = 0
}

// lose ends the session from outside.
func (r *rig) lose(err error) {
	number := r.session
	r.forget(number)
	r.deliver(SessionLost{number, err})
}

func (r *rig) message(payload string) { r.deliver(Message{r.session, payload}) }

// announce delivers the announcement of what the key holds.
func (r *rig) announce() {
	head, err := wire.DecodeHeader(r.value)
	require.NoError(r.t, err)
	r.message(announcementOf(head.Version, head.ID, 0))
}

func announcementOf(version int64, id string, spread time.Duration) string {
	return string(wire.Announcement{Version: version, ID: id, SpreadMillis: spread.Milliseconds()}.Encode())
}

// refresh asks for a fetch and runs until it is answered.
func (r *rig) refresh() error {
	waiter := uint64(len(r.answers) + 1)
	r.deliver(Refresh{waiter})
	r.until(time.Minute, "the refresh is answered", func() bool { _, ok := r.answers[waiter]; return ok })
	return r.answers[waiter]
}

// fetch reads the key now, and delivers what was read after the latency.
func (r *rig) fetch(f Fetch) {
	r.fetches, r.fetchedAt = append(r.fetches, f.Mode), append(r.fetchedAt, r.now)
	r.measures = append(r.measures, f.Clock)
	switch {
	case r.hung:
		r.later(f.Timeout, Fetched{Err: fmt.Errorf("%w: %w", store.ErrUnavailable, context.DeadlineExceeded)})
		return
	case r.err != nil:
		r.later(r.latency, Fetched{Err: r.err})
		return
	}
	m := store.Measurement{
		Time: r.now.Add(r.skew + r.latency/2), Sent: r.now, Received: r.now.Add(r.latency), Wall: r.now.Add(r.wall), Err: r.noTime,
	}
	reading := store.Reading{}
	if f.Clock {
		reading.Clock = &m
	}
	limit := map[Mode]int{FetchHeader: wire.HeaderBytes, FetchValue: r.f.cfg.MaxBytes + 1}[f.Mode]
	if f.Mode != FetchClock {
		reading.Missing, reading.WrongType = r.missing, r.wrongType
	}
	if !reading.Missing && !reading.WrongType {
		reading.Value = slices.Clone(r.value[:min(limit, len(r.value))])
		reading.Length = int64(len(r.value))
		if f.Mode == FetchValue {
			reading.Length = int64(len(reading.Value))
		}
	}
	r.later(r.latency, Fetched{Reading: reading})
}

// isOn reports whether a request gets a directive now.
func (r *rig) isOn() bool { return r.set.Evaluate(directive.Request{}, r.now).Level != directive.Off }

// count returns how many fetches were of the mode, from an index on.
func (r *rig) count(from int, mode Mode) (n int) {
	for _, m := range r.fetches[from:] {
		if m == mode {
			n++
		}
	}
	return n
}

// logged returns the lines with that message.
func (r *rig) logged(message string) (out []Line) {
	for _, line := range r.lines {
		if line.Message == message {
			out = append(out, line)
		}
	}
	return out
}

// attr returns an attribute of a line.
func (l Line) attr(name string) any {
	attrs := make(map[any]any)
	for i := 0; i+1 < len(l.Attrs); i += 2 {
		attrs[l.Attrs[i]] = l.Attrs[i+1]
	}
	return attrs[name]
}

var errRefused = errors.New("connection refused")

// epoch is when the virtual time of all rigs begins.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// valueOf returns the value of a revision with one directive that ends at that time by the
// fleet's clock.
func valueOf(t *testing.T, version int64, ends time.Time, name string) []byte {
	t.Helper()
	set, err := directive.NewSet([]directive.Directive{
		{ID: name, Level: directive.Shape, SamplePerMille: 1000, ExpiresAt: ends},
	})
	require.NoError(t, err)
	b, err := wire.Encode(wire.Revision{Version: version, ID: wire.NewID(), PublishedAt: epoch, Set: set})
	require.NoError(t, err)
	return b
}

// lasting returns a value whose directive lasts for that long from the beginning of the rig,
// by a fleet's clock that is not skewed.
func lasting(t *testing.T, life time.Duration) []byte {
	t.Helper()
	return valueOf(t, 1, epoch.Add(life), "a")
}
