package follow

import (
	"time"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/store"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// Event is something that happened: one of the types below. Those that have a Session come
// from the session of that number.
type Event any

type (
	// Subscribed says that the session's subscription was confirmed.
	Subscribed struct{ Session uint64 }
	// Unsubscribed says that the server took the subscription away.
	Unsubscribed struct{ Session uint64 }
	// Message is a message on the fleet's channel.
	Message struct {
		Session uint64
		Payload string
	}
	// Pong is any other reply that shows that the server is alive.
	Pong struct{ Session uint64 }
	// ErrorReply is an error with which the server answered a command of the session.
	ErrorReply struct {
		Session uint64
		Err     error
	}
	// SessionLost says that the session has ended. No event of it follows.
	SessionLost struct {
		Session uint64
		Err     error
	}
	// Fetched is the result of the fetch under way.
	Fetched struct {
		Reading store.Reading
		Err     error
	}
	// Refresh asks for a fetch that begins after the event. Waiter is answered once it ends.
	Refresh struct{ Waiter uint64 }
	// Suspended says that the machine was suspended for so long, during which its monotonic
	// clock stood still.
	Suspended struct{ For time.Duration }
	// Timer says that the time of [Effects.WakeAt] has come.
	Timer struct{}
)

// Effects is what a subscriber has to do after an event, in the order of the fields.
type Effects struct {
	// Set, if not nil, is the set that Load returns from now on.
	Set *directive.Set
	// Applied, if not nil, is a revision that has just been applied.
	Applied *wire.Revision
	// EndSessions are the numbers of the sessions to end. The end of each has to be confirmed by
	// SessionLost. OpenSession, if not 0, is the number of the session to open. Up to three are
	// open at once: the one that counts, its successor, and one whose end is not confirmed yet.
	EndSessions []uint64
	OpenSession uint64
	// Fetch, if not nil, is the fetch to begin. There is never more than one under way.
	Fetch *Fetch
	// Answers are the answers to Refresh.
	Answers []Answer
	// Started says, once, that the first attempt to read the key has ended, with StartErr.
	Started  bool
	StartErr error
	// Report says that there is something new to report to the roster. ReportSpread is over how
	// long the fleet spreads such reports, 0 if it is not known.
	Report       bool
	ReportSpread time.Duration
	// Save, if not nil, is what to write to the snapshot file.
	Save *Save
	// Log are the lines to log, in their order.
	Log []Line
	// WakeAt is when to handle a Timer event, unless another event comes first.
	WakeAt time.Time
}

// Mode says what a fetch reads.
type Mode uint8

const (
	// FetchClock reads the fleet's clock only.
	FetchClock Mode = iota
	// FetchHeader reads the first bytes of the value, which name the revision, and its length.
	FetchHeader
	// FetchValue reads the whole value, or one byte more than the limit.
	FetchValue
)

// Fetch is one fetch. It has to end with a Fetched event after Timeout at the latest, unless
// the client cannot be interrupted.
type Fetch struct {
	Mode Mode
	// Clock says that the fetch has to measure the fleet's clock too.
	Clock   bool
	Timeout time.Duration
}

// Answer tells a waiter how its fetch ended.
type Answer struct {
	Waiter uint64
	Err    error
}

// Save is what to write to the snapshot file. A nil Value is the value that the file holds.
type Save struct {
	Value []byte
	Epoch time.Time
}

// Line is a line to log.
type Line struct {
	Warn    bool
	Message string
	Attrs   []any
}
