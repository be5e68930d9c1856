package sim

import (
	"time"

	"github.com/fleetdial/fleetdial/internal/follow"
)

// linkFaults are those between one machine and Redis.
var linkFaults = []faultKind{
	{name: "messages lost", do: func(w *world, m *machine) { m.link.loss = m.soft(w.now + w.between(0, 2*time.Minute)) }},
	{name: "messages repeated", do: func(w *world, m *machine) { m.link.duplication = m.soft(w.until()) }},
	{name: "messages late", do: func(w *world, m *machine) { m.link.delay = m.soft(w.until()+2*time.Second) - 2*time.Second }},
	{name: "messages out of order", do: func(w *world, m *machine) { m.link.reorder = m.soft(w.until()) }},
	{name: "session half open", do: func(w *world, m *machine) { m.halfOpen() }},
	{name: "partition", do: func(w *world, m *machine) {
		m.link.partition = m.hard(w.until())
		m.halfOpen()
	}},
	{name: "fetches hang", do: func(w *world, m *machine) { m.link.fetchHang = m.hard(w.until()) }},
	{name: "fetch cannot be interrupted", do: func(w *world, m *machine) { m.link.fetchStuck = m.hard(w.until() + 5*time.Second) }},
	{name: "slow round trips", do: func(w *world, m *machine) { m.link.slow = m.hard(w.until()) }},
	{name: "pings answered with errors", do: func(w *world, m *machine) { m.link.pingError = m.soft(w.until()) }},
	{name: "fetches denied", do: func(w *world, m *machine) { m.link.fetchError = m.hard(w.until()) }},
	{name: "subscribing denied", do: func(w *world, m *machine) {
		m.link.subscribeDenied = m.hard(w.until())
		m.kill()
	}},
	{name: "sessions end slowly", do: func(w *world, m *machine) { m.link.slowClose = w.until() }},
	{name: "unsubscribed by the server", do: func(w *world, m *machine) {
		m.sendAll(func(c *conn) follow.Event { return follow.Unsubscribed{Session: c.number} })
	}},
	{name: "subscribed again", do: func(w *world, m *machine) {
		m.sendAll(func(c *conn) follow.Event { return follow.Subscribed{Session: c.number} })
	}},
	{name: "session killed", do: func(w *world, m *machine) { m.kill() }},
}

// halfOpen makes the connections ones on which nothing arrives.
func (m *machine) halfOpen() {
	m.hard(m.world.now)
	for _, c := range m.conns {
		c.isDead, c.isLossy = true, true
	}
}

// kill ends sessions at the server.
func (m *machine) kill() {
	m.hard(m.world.now)
	for _, c := range m.some() {
		c.cut(errReset)
	}
}

// sendAll sends an event of the server on sessions.
func (m *machine) sendAll(event func(c *conn) follow.Event) {
	m.hard(m.world.now)
	for _, c := range m.some() {
		c.isLossy = true
		c.send(event(c), nil)
	}
}

// some returns the subscribed connections, or only the newest of them.
func (m *machine) some() (conns []*conn) {
	for _, c := range m.conns {
		if c.isSubscribed {
			conns = append(conns, c)
		}
	}
	if len(conns) > 1 && m.world.chance(0.7) {
		conns = conns[len(conns)-1:]
	}
	return conns
}

// machineFaults are those of one machine and its process.
var machineFaults = []faultKind{
	{name: "suspension", do: func(w *world, m *machine) {
		if m.tells {
			m.suspend(w.between(0, 2*time.Minute))
		}
	}},
	{name: "suspension during a fetch", do: func(w *world, m *machine) {
		if m.tells {
			m.suspendNext = w.between(0, 2*time.Minute)
			if w.chance(0.5) {
				m.restart(false, false)
			}
		}
	}},
	{name: "silent suspension", isOfClock: true, do: func(w *world, m *machine) {
		if !m.tells {
			m.suspend(w.between(0, 2*time.Minute))
		}
	}},
	{name: "step of the wall clock", isOfClock: true, do: func(w *world, m *machine) {
		m.wallOffset += pick(w.rng, w.between(-time.Second, time.Second), w.between(-time.Hour, time.Hour), 24*time.Hour, -24*time.Hour)
	}},
	{name: "restart from the snapshot", do: func(w *world, m *machine) { m.restart(true, false) }},
	{name: "restart", do: func(w *world, m *machine) { m.restart(false, false) }},
	{name: "reboot", do: func(w *world, m *machine) { m.restart(w.chance(0.7), true) }},
	{name: "snapshot file lost", do: func(w *world, m *machine) {
		if m.f != nil && !m.isSuspended {
			m.file = nil
			m.restart(false, false)
		}
	}},
}

// restart ends the process and starts another after a while.
func (m *machine) restart(fromSnapshot, isReboot bool) {
	w := m.world
	if m.isSuspended || m.f == nil {
		return
	}
	m.stop()
	d := w.between(0, 20*time.Second)
	m.hard(w.now + d)
	w.after(d, func() {
		if isReboot {
			m.boot++
			m.bootedAt = w.now
			m.base = w.between(0, time.Hour) - w.now + m.stood
		}
		m.start(fromSnapshot)
	})
}

// refresh asks the follower for a fetch.
func (m *machine) refresh() {
	if m.f == nil || m.isSuspended {
		return
	}
	m.refreshes++
	m.handle(follow.Refresh{Waiter: m.refreshes}, input{})
}
