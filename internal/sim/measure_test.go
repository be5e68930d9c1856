package sim

import (
	"time"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/follow"
	"github.com/fleetdial/fleetdial/internal/wire"
)

const (
	// clockFresh is for how long a fetch may do without the clock after a measurement.
	clockFresh = time.Minute
	// timelyAge is how long ago a revision may have been published that is applied without a
	// measurement.
	timelyAge = 2 * time.Second
)

// checkMeasured checks that a fetch does without the clock only if the clock was measured a
// short time ago and nothing since then makes that doubtful. Only the answer to an announcement
// may.
func (m *machine) checkMeasured(now time.Time, fx *follow.Effects) {
	w, s, c := m.world, &m.shadow, &m.clocks
	if fx.Fetch.Clock {
		s.fetchMeasures = true
		return
	}
	w.stats.bare++
	switch {
	case fx.Fetch.Mode != follow.FetchValue:
		w.fail("clock", "machine %d reads a header or the clock without the clock", m.n)
	case !s.clockBy.IsZero():
		w.fail("clock", "machine %d fetches without the clock after a reading that disagreed", m.n)
	case !c.isKnown, c.isOwn, c.readings < 2 && !s.wasRestored:
		w.fail("clock", "machine %d fetches without the clock, which it does not know", m.n)
	case c.readAt.IsZero(), now.Sub(c.readAt) > clockFresh:
		w.fail("clock", "machine %d fetches without the clock, of which it knows nothing new", m.n)
	}
}

// mustHaveMeasured checks that the fetch that has just ended measured the clock: it was asked
// for by more than an announcement.
func (m *machine) mustHaveMeasured(what string) {
	if !m.didMeasure {
		m.world.fail("clock", "machine %d: %s by a fetch that did not measure the clock", m.n, what)
	}
}

// isReadAgain reports whether a value that was read without the clock is read again with it. It
// has to be if it says that it was not published a moment ago, and must not be otherwise. The
// last reading may be wrong by the tolerance.
func (m *machine) isReadAgain(event follow.Event, in input, fx *follow.Effects) bool {
	e, ok := event.(follow.Fetched)
	if !ok || e.Err != nil || e.Reading.Clock != nil || m.mode != follow.FetchValue {
		return false
	}
	again := !m.status.LastSync.Equal(m.local())
	if again && (fx.Fetch == nil || fx.Fetch.Mode != follow.FetchValue || !fx.Fetch.Clock) {
		m.world.fail("P2 freshness", "machine %d neither takes %s nor reads it again", m.n, in.value.name)
	}
	head, err := wire.DecodeHeader(in.value.bytes)
	isNew := err == nil && (m.applied == nil || m.applied.id != head.ID)
	age := m.local().Sub(m.clocks.last.epoch) - time.Duration(head.PublishedAt.UnixNano())
	slack := 2*directive.ClockTolerance + m.worstRoundTrip
	isTimely := -directive.ClockTolerance+slack <= age && age <= timelyAge-slack
	isUntimely := age < -directive.ClockTolerance-slack || age > timelyAge+slack
	switch {
	case again && (!isNew || isTimely):
		m.world.fail("clock", "machine %d reads %s again, published %v ago", m.n, in.value.name, age)
	case !again && isNew && isUntimely:
		m.world.fail("P4 expiry", "machine %d takes %s without the clock, published %v ago", m.n, in.value.name, age)
	}
	if again {
		m.world.stats.readAgain++
	}
	return again
}
