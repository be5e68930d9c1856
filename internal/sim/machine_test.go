package sim

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/fleetdial/fleetdial/internal/clock"
	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/follow"
)

// machine is a proxy's machine: its clocks, its snapshot file and the follower of the process
// that runs on it.
type machine struct {
	world *world
	n     int
	link  link
	// hardUntil and softUntil are those of the world, for faults of this machine alone.
	hardUntil, softUntil time.Duration

	// wallOffset is by how much the wall clock is wrong. stood is how long the monotonic clock
	// stood still, and base what it shows at the beginning.
	wallOffset, stood, base time.Duration
	boot                    int
	bootedAt                time.Duration
	// tells says that the machine tells how long it was suspended.
	isSuspended, tells bool
	inbox              []func()
	// suspendNext, if not 0, is for how long the machine is suspended during its next fetch.
	suspendNext time.Duration

	// process counts the starts. f is nil while no process runs.
	process int
	f       *follow.Follower
	status  follow.Status
	// whole is the set in force, and set what this machine evaluates of it.
	whole, set *directive.Set
	wakeAt     time.Duration
	// conns are the connections of sessions that have not ended.
	conns []*conn
	file  *file
	// tap, if set, gets the events in place of the follower.
	tap func(follow.Event)
	// worstRoundTrip is the longest round trip of a fetch on this machine.
	worstRoundTrip time.Duration
	// pooledUntil is until when the pool has connections to a server whose name has moved, and
	// pooled how often of 1 they are used.
	pooledUntil time.Duration
	pooled      float64
	// leftAt is when a session was last with a server whose name has moved.
	leftAt    time.Duration
	refreshes uint64

	shadow
}

// file is the snapshot file.
type file struct {
	value            *value
	epoch            time.Time
	takenAt, localAt time.Time
	boot             int
	uptime           time.Duration
}

// input is what the machine knows of an event besides the event.
type input struct {
	conn  *conn
	call  *call
	value *value
	// isReadAgain says that the value is read again before it counts, because it came without the
	// clock.
	isReadAgain bool
}

func newMachine(w *world, n int) *machine {
	r := w.rng
	return &machine{
		world: w, n: n, tells: !w.hasFault("silent suspension") || r.IntN(2) == 0,
		wallOffset: pick(r, 0, w.between(-time.Second, time.Second), w.between(-24*time.Hour, 24*time.Hour)),
		base:       w.between(time.Hour, 1000*time.Hour), worstRoundTrip: 20 * time.Millisecond,
	}
}

// monotonic is what the monotonic clock shows.
func (m *machine) monotonic() time.Duration { return m.world.now - m.stood + m.base }

// local is the monotonic clock as a time.
func (m *machine) local() time.Time { return time.Unix(0, int64(m.monotonic())) }

func (m *machine) wall() time.Time { return begin.Add(m.world.now + m.wallOffset) }

// uptime does not stand still during a suspension.
func (m *machine) uptime() time.Duration { return m.world.now - m.bootedAt }

// trueEpoch is the local time at which Redis' clock read zero.
func (m *machine) trueEpoch() time.Time {
	return clock.EpochOf(m.local(), m.world.server.clock())
}

// start starts the process, from the snapshot file if there is one.
func (m *machine) start(fromSnapshot bool) {
	w := m.world
	m.process++
	m.hardUntil = max(m.hardUntil, w.now)
	cfg := follow.Config{
		ResyncInterval: w.cfg.resync, SubscriptionTimeout: w.cfg.timeout, SubscriptionAge: w.cfg.age, MaxBytes: maxBytes, Key: redisKey,
		Rand: rand.New(rand.NewPCG(w.rng.Uint64(), w.rng.Uint64())),
	}
	if w.cfg.isSigned {
		cfg.Keys = keyring()
	}
	m.closeAll()
	m.f = follow.New(cfg, m.local())
	m.whole, m.set = &directive.Set{}, &directive.Set{}
	m.status = m.f.Status()
	m.shadow = newShadow()
	w.tracef("machine %d: process %d starts", m.n, m.process)
	if m.file != nil {
		m.restore(fromSnapshot)
	}
	m.handle(follow.Timer{}, input{})
}

// stop ends the process.
func (m *machine) stop() {
	m.f = nil
	m.process++
	m.closeAll()
}

// close notes that the machine knows of the end of a connection.
func (m *machine) close(c *conn) {
	c.isClosed = true
	m.world.server.unsubscribe(c)
	if i := slices.Index(m.conns, c); i >= 0 {
		m.conns = slices.Delete(m.conns, i, i+1)
	}
}

func (m *machine) closeAll() {
	for len(m.conns) > 0 {
		m.close(m.conns[0])
	}
}

// conn returns the connection of a session, nil if it has ended.
func (m *machine) conn(number uint64) *conn {
	for _, c := range m.conns {
		if c.number == number {
			return c
		}
	}
	return nil
}

// restore starts from the snapshot file.
func (m *machine) restore(use bool) {
	w := m.world
	passed := m.wall().Sub(m.file.localAt)
	if m.boot == m.file.boot {
		passed = max(passed, m.uptime()-m.file.uptime)
	}
	if passed < 0 {
		w.tracef("machine %d: the snapshot file is of no use", m.n)
		return
	}
	epoch := clock.EpochOf(m.local(), m.file.takenAt.Add(passed))
	fx, err := m.f.Restore(m.file.value.bytes, epoch, use)
	if err != nil {
		w.fail("restore", "machine %d: %v", m.n, err)
	}
	m.status = m.f.Status()
	w.tracef("machine %d: restores %s, use %v, epoch %v", m.n, m.file.value.name, use, epoch)
	m.restored(fx, epoch, use)
}

// save writes the snapshot file.
func (m *machine) save(s *follow.Save, v *value) {
	if s.Value == nil {
		if m.file == nil {
			m.world.fail("save", "machine %d: there is no file whose value could be kept", m.n)
		}
		v = m.file.value
	}
	takenAt := time.Unix(0, int64(m.local().Sub(s.Epoch))).Add(time.Millisecond)
	m.file = &file{
		value: v, epoch: s.Epoch,
		takenAt: time.UnixMilli(takenAt.UnixMilli()), localAt: time.UnixMilli(m.wall().UnixMilli()),
		boot: m.boot, uptime: m.uptime().Truncate(time.Millisecond),
	}
}

// receive handles what arrives for a process, or keeps it while the machine is suspended.
func (m *machine) receive(process int, do func()) {
	switch {
	case process != m.process || m.f == nil:
	case m.isSuspended:
		m.inbox = append(m.inbox, func() { m.receive(process, do) })
	default:
		do()
	}
}

// suspend stops the machine and its monotonic clock for a while.
func (m *machine) suspend(d time.Duration) {
	if m.isSuspended || m.f == nil {
		return
	}
	w := m.world
	m.isSuspended = true
	m.hardUntil = max(m.hardUntil, w.now+d)
	w.tracef("machine %d: suspended for %v", m.n, d)
	w.after(d, func() {
		m.isSuspended = false
		m.stood += d
		m.wakeAt += d
		if m.tells {
			m.handle(follow.Suspended{For: d}, input{})
		}
		inbox := m.inbox
		m.inbox = nil
		for _, do := range inbox {
			w.after(0, do)
		}
	})
}

// timer wakes the follower.
func (m *machine) timer() {
	m.timers++
	m.handle(follow.Timer{}, input{})
}

// handle gives an event to the follower, carries out what it returns and checks both.
func (m *machine) handle(event follow.Event, in input) {
	w := m.world
	if m.tap != nil {
		m.tap(event)
		return
	}
	now := m.local()
	if w.trace != nil {
		w.tracef("machine %d: %s", m.n, describe(event, in))
	}
	m.checkOverdue(now)
	before := m.status
	fx := m.f.Handle(now, event)
	m.status = m.f.Status()
	if w.trace != nil {
		w.tracef("machine %d:   %s", m.n, describeEffects(m, &fx))
	}
	in.isReadAgain = m.isReadAgain(event, in, &fx)
	m.observe(now, event, in, &before)
	m.checkEffects(now, event, in, &fx, &before)
	m.carryOut(now, in, &fx)
	m.checkClock()
	m.checkState(now)
}

// carryOut does what the follower asks for, in the order of the fields of the effects.
func (m *machine) carryOut(now time.Time, in input, fx *follow.Effects) {
	w := m.world
	if fx.Set != nil {
		m.swapped(fx.Set)
	}
	for _, number := range fx.EndSessions {
		m.endSession(m.conn(number))
	}
	if fx.OpenSession != 0 {
		m.open(fx.OpenSession)
	}
	if fx.Fetch != nil {
		m.fetch(fx.Fetch)
	}
	if fx.Save != nil {
		m.save(fx.Save, in.value)
	}
	m.checkFile()
	m.wakeAt = w.now + fx.WakeAt.Sub(now)
}

// endSession closes a session. Its end is confirmed a moment later.
func (m *machine) endSession(c *conn) {
	w := m.world
	w.server.unsubscribe(c)
	c.isSubscribed = false
	d := w.between(0, 2*time.Millisecond)
	if w.now < m.link.slowClose {
		d = w.between(0, 5*time.Second)
		m.hardUntil = max(m.hardUntil, w.now+d)
	}
	w.after(d, func() {
		m.receive(c.process, func() {
			if !c.isClosed {
				m.close(c)
				m.handle(follow.SessionLost{Session: c.number, Err: errReset}, input{conn: c})
			}
		})
	})
}
