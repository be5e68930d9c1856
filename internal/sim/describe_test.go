package sim

import (
	"fmt"
	"strings"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/follow"
	"github.com/fleetdial/fleetdial/internal/store"
)

// describe returns a line of the trace about an event.
func describe(event follow.Event, in input) string {
	name := strings.TrimPrefix(fmt.Sprintf("%T", event), "follow.")
	switch e := event.(type) {
	case follow.Fetched:
		if e.Err != nil {
			return fmt.Sprintf("%s: %v", name, e.Err)
		}
		clock := describeClock(e.Reading.Clock)
		if in.value == nil {
			return fmt.Sprintf("%s: clock %s", name, clock)
		}
		return fmt.Sprintf("%s: %d bytes of %s, clock %s", name, len(e.Reading.Value), in.value.name, clock)
	default:
		return fmt.Sprintf("%s %+v", name, e)
	}
}

func describeClock(m *store.Measurement) string {
	switch {
	case m == nil:
		return "not read"
	case m.Err != nil:
		return m.Err.Error()
	}
	return fmt.Sprintf("%v (round trip %v)", m.Time.Format("01-02 15:04:05.000"), m.Received.Sub(m.Sent))
}

// describeEffects returns a line of the trace about what a follower returned.
func describeEffects(m *machine, fx *follow.Effects) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, version %d, wakes in %v", m.status.State, m.status.Revision.Version, fx.WakeAt.Sub(m.local()))
	if fx.Set != nil {
		fmt.Fprintf(&b, "; set on epoch %v", directive.EarliestEpoch(fx.Set).UnixNano())
	}
	if fx.Applied != nil {
		fmt.Fprintf(&b, "; applied version %d", fx.Applied.Version)
	}
	if fx.OpenSession != 0 {
		fmt.Fprintf(&b, "; open session %d", fx.OpenSession)
	}
	if len(fx.EndSessions) > 0 {
		fmt.Fprintf(&b, "; end sessions %v", fx.EndSessions)
	}
	if fx.Fetch != nil {
		fmt.Fprintf(&b, "; fetch %s, clock %v", [...]string{"clock", "header", "value"}[fx.Fetch.Mode], fx.Fetch.Clock)
	}
	if fx.Started {
		fmt.Fprintf(&b, "; started: %v", fx.StartErr)
	}
	if fx.Save != nil {
		fmt.Fprintf(&b, "; save %d bytes (nil: %v)", len(fx.Save.Value), fx.Save.Value == nil)
	}
	for _, a := range fx.Answers {
		fmt.Fprintf(&b, "; answer %d: %v", a.Waiter, a.Err)
	}
	for _, l := range fx.Log {
		fmt.Fprintf(&b, "; log %q %v", l.Message, l.Attrs)
	}
	return b.String()
}
