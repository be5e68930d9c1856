package sim

import (
	"time"

	"github.com/fleetdial/fleetdial/internal/follow"
	"github.com/fleetdial/fleetdial/internal/store"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// headerBytes is how much of a value is fetched first.
const headerBytes = wire.HeaderBytes

// link is a machine's way to Redis, with what is wrong with it. Each time is when that ends.
type link struct {
	partition, fetchHang, fetchStuck, slow       time.Duration
	pingError, fetchError, subscribeDenied       time.Duration
	loss, duplication, delay, reorder, slowClose time.Duration
}

// conn is one session on its connection.
type conn struct {
	m       *machine
	process int
	number  uint64
	// openedAt is when the name of the server was resolved, isOld says that it has moved since.
	openedAt time.Duration
	isOld    bool
	// isClosed says that the machine knows of the end of the connection: nothing follows.
	isClosed bool
	// isSubscribed says that the server has the subscription, isDead that the connection is half
	// open, so that nothing arrives.
	isSubscribed, isDead bool
	// isLossy says that a message was lost or late on the connection, or that the key changed
	// without a message.
	isLossy bool
	// newest is the highest version that was sent.
	newest int64
	// lastAt is when the last reply arrives. Replies arrive in their order.
	lastAt time.Duration
}

// open connects and subscribes.
func (m *machine) open(number uint64) {
	w := m.world
	c := &conn{m: m, process: m.process, number: number, openedAt: w.now}
	m.conns = append(m.conns, c)
	w.after(w.latency()+w.latency(), c.arrive)
}

// arrive is when the server gets the SUBSCRIBE.
func (c *conn) arrive() {
	w, s := c.m.world, &c.m.world.server
	switch {
	case c.isClosed:
	case w.now < c.m.link.partition:
		c.isDead = true
	case s.isDown():
		c.lose(errRefused)
	case s.isHung():
		w.at(s.hungUntil, c.arrive)
	case w.now < c.m.link.subscribeDenied:
		c.send(follow.ErrorReply{Session: c.number, Err: errDenied}, nil)
	default:
		c.isSubscribed = true
		// The first fetch of the session may not see a revision that was announced before.
		c.isLossy = w.now-s.changedAt <= s.lagNow() || w.now < c.m.pooledUntil
		if c.isOld = c.openedAt < s.movedAt; c.isOld {
			c.isLossy = true
			s.oldSubs = append(s.oldSubs, c)
		} else {
			s.subs = append(s.subs, c)
		}
		c.send(follow.Subscribed{Session: c.number}, nil)
		w.after(w.cfg.timeout/2, c.ping)
	}
}

// ping sends a ping each half of the subscription timeout.
func (c *conn) ping() {
	if c.isClosed {
		return
	}
	w := c.m.world
	if !c.m.isSuspended {
		w.after(w.latency(), c.pinged)
	}
	w.after(w.cfg.timeout/2, c.ping)
}

// pinged is when the server gets a ping.
func (c *conn) pinged() {
	w, s := c.m.world, &c.m.world.server
	switch {
	case c.isClosed, c.isDead, !c.isSubscribed, s.isDown():
	case s.isHung():
		w.at(s.hungUntil, c.pinged)
	case w.now < c.m.link.pingError, w.now < s.loadingUntil:
		c.send(follow.ErrorReply{Session: c.number, Err: errLoading}, nil)
	default:
		c.send(follow.Pong{Session: c.number}, nil)
	}
}

// send brings a reply to the machine, after those that were sent before.
func (c *conn) send(event follow.Event, v *value) {
	if c.isDead {
		return
	}
	w := c.m.world
	c.lastAt = max(c.lastAt, w.now+w.latency())
	w.at(c.lastAt, func() { c.deliver(event, v) })
}

func (c *conn) deliver(event follow.Event, v *value) {
	c.m.receive(c.process, func() {
		if !c.isClosed && !c.isDead {
			c.m.handle(event, input{conn: c, value: v})
		}
	})
}

// publish sends a message. On a faulty link it is lost, repeated, late or out of order.
func (c *conn) publish(v *value, payload string) {
	w, l := c.m.world, &c.m.link
	event := follow.Message{Session: c.number, Payload: payload}
	if c.isDead {
		c.isLossy = true
		return
	}
	if w.now < l.loss && w.chance(0.5) {
		c.isLossy = true
		c.m.lost(c, v)
		return
	}
	if v != nil {
		c.newest = max(c.newest, v.version)
	}
	if w.now < l.duplication && w.chance(0.5) {
		c.send(event, v)
	}
	late := time.Duration(0)
	if w.now < l.delay && w.chance(0.5) {
		late = w.between(0, 2*time.Second)
		c.isLossy = c.isLossy || late > 200*time.Millisecond
	}
	if w.now < l.reorder {
		late += w.between(0, 30*time.Millisecond)
	}
	if late > 0 {
		w.after(late, func() { c.deliver(event, v) })
		return
	}
	c.send(event, v)
}

// lose tells the machine that the session has ended.
func (c *conn) lose(err error) {
	w := c.m.world
	w.server.unsubscribe(c)
	c.isSubscribed = false
	at := max(c.lastAt, w.now+w.latency())
	w.at(at, func() {
		c.m.receive(c.process, func() {
			if !c.isClosed {
				c.m.close(c)
				c.m.handle(follow.SessionLost{Session: c.number, Err: err}, input{conn: c})
			}
		})
	})
}

// cut ends the connection at the server's side.
func (c *conn) cut(err error) {
	if c.isDead {
		c.m.world.server.unsubscribe(c)
		return
	}
	c.lose(err)
}

// call is one fetch under way.
type call struct {
	m       *machine
	process int
	fetch   follow.Fetch
	isDone  bool
	sent    time.Time
	wall    time.Time
}

// fetch sends a fetch.
func (m *machine) fetch(f *follow.Fetch) {
	w := m.world
	c := &call{m: m, process: m.process, fetch: *f, sent: m.local(), wall: m.wall()}
	slow := time.Duration(0)
	if w.now < m.link.slow && w.chance(0.5) {
		slow = w.between(20*time.Millisecond, 2*time.Second)
	}
	if d := m.suspendNext; d > 0 {
		m.suspendNext = 0
		w.after(w.between(0, 2*w.cfg.latency), func() { m.suspend(d) })
	}
	w.after(slow+w.latency(), c.arrive)
	stuck := m.link.fetchStuck
	if w.now < stuck {
		w.at(stuck, func() { c.reply(store.Reading{}, nil, errTimeout) })
		return
	}
	w.after(f.Timeout, func() { c.reply(store.Reading{}, nil, errTimeout) })
}

// arrive is when the server gets the commands.
func (c *call) arrive() {
	w, s, l := c.m.world, &c.m.world.server, &c.m.link
	switch {
	case c.isDone, w.now < l.partition, w.now < l.fetchHang, w.now < l.fetchStuck:
	case s.isDown():
		c.answer(store.Reading{}, nil, errRefused)
	case s.isHung():
		w.at(s.hungUntil, c.arrive)
	case w.now < l.fetchError:
		c.answer(store.Reading{}, nil, errDenied)
	case w.now < s.loadingUntil:
		c.answer(store.Reading{}, nil, errLoading)
	default:
		r, v := c.read()
		c.answer(r, v, nil)
	}
}

// read reads from the server, or from the old one while the pool has connections to it.
func (c *call) read() (store.Reading, *value) {
	w := c.m.world
	if w.now < c.m.pooledUntil && w.chance(c.m.pooled) {
		return w.server.readOld(&c.fetch)
	}
	return w.server.read(&c.fetch)
}

func (c *call) answer(r store.Reading, v *value, err error) {
	w := c.m.world
	w.after(w.latency(), func() { c.reply(r, v, err) })
}

// reply brings the result to the machine.
func (c *call) reply(r store.Reading, v *value, err error) {
	c.m.receive(c.process, func() {
		if c.isDone {
			return
		}
		c.isDone = true
		if clock := r.Clock; clock != nil {
			clock.Sent, clock.Received, clock.Wall = c.sent, c.m.local(), c.wall
		}
		c.m.handle(follow.Fetched{Reading: r, Err: err}, input{value: v, call: c})
	})
}
