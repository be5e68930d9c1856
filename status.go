package fleetdial

import (
	"time"

	"github.com/fleetdial/fleetdial/internal/redisstore"
)

// State is how a Subscriber stands to its fleet's key, as a word: "live", "stale", "missing", "rejected" or "empty".
type State = redisstore.State

const (
	// StateLive: the set is the one that the key holds.
	StateLive = redisstore.StateLive
	// StateStale: the Subscriber cannot tell whether the key still holds its set, which it keeps.
	StateStale = redisstore.StateStale
	// StateMissing: there is no key. The Subscriber keeps its set.
	StateMissing = redisstore.StateMissing
	// StateRejected: the key holds something that was refused. The Subscriber keeps its set.
	StateRejected = redisstore.StateRejected
	// StateEmpty: the key holds the empty value, which clears the set.
	StateEmpty = redisstore.StateEmpty
)

// Source is where a Subscriber's set is from, as a word: "start", "snapshot" or "live".
type Source = redisstore.Source

const (
	// SourceStart: nothing has been applied yet; the set is empty.
	SourceStart = redisstore.SourceStart
	// SourceSnapshot: the set is the one in the snapshot file; Redis has not confirmed it yet.
	SourceSnapshot = redisstore.SourceSnapshot
	// SourceLive: the set is one that Redis held.
	SourceLive = redisstore.SourceLive
)

// RejectReason is the kind of reason for which a value was refused, as a word that suits a metric's label.
type RejectReason = redisstore.RejectReason

const (
	// RejectTooLarge is for a value beyond the size limit.
	RejectTooLarge = redisstore.RejectTooLarge
	// RejectWrongType is for a key that holds no string.
	RejectWrongType = redisstore.RejectWrongType
	// RejectMalformed is for bytes that are no value at all.
	RejectMalformed = redisstore.RejectMalformed
	// RejectInvalid is for a value with a field that is missing, unknown, mistyped or beyond its limits.
	RejectInvalid = redisstore.RejectInvalid
	// RejectUnsigned is for a value without a signature, where SubscriberConfig.VerifyKeys asks for one.
	RejectUnsigned = redisstore.RejectUnsigned
	// RejectUnknownKey is for a value that is signed with another key than those.
	RejectUnknownKey = redisstore.RejectUnknownKey
	// RejectAltered is for a value that is not what was signed for this fleet.
	RejectAltered = redisstore.RejectAltered
	// RejectReplayed is for a signed value that is not newer than one that the Subscriber had.
	RejectReplayed = redisstore.RejectReplayed
)

// Rejection tells of a value that a Subscriber refused.
type Rejection struct {
	// Version and ID are those of the revision; 0 and empty where they cannot be read.
	Version int64
	ID      string
	// Reason is the kind of reason, Err the reason itself, with the path of the field.
	Reason RejectReason
	Err    error
	// At is when it was refused, by the local clock.
	At time.Time
}

// Counters count what a Subscriber has done since it began.
type Counters struct {
	// Announcements is how many were received.
	Announcements int64
	// Fetches is how often the whole value was read.
	Fetches int64
	// Applies is how many revisions became the Subscriber's set.
	Applies int64
	// Rejections is how many values were refused, by the kind of reason.
	Rejections map[RejectReason]int64
	// Corrections is how many revisions the resync found on a working session that had not announced them.
	Corrections int64
	// Reconnects is how many sessions came after the first.
	Reconnects int64
	// Regressions is how many of the revisions applied had a lower version than the one before.
	Regressions int64
}

// Histogram counts durations: Bounds, []time.Duration, are the upper bounds of its buckets, inclusive and ascending;
// Counts, []uint64, has how many fell into each, and one more at its end for those beyond the last; Sum is that of all.
type Histogram = redisstore.Histogram

// Status is what a Subscriber knows of itself at one moment.
type Status struct {
	// State is how the Subscriber stands to the key, Since when it has stood so, by the local clock.
	State State
	Since time.Time
	// Source is where the set is from.
	Source Source
	// Revision is the one applied; its version is 0 before the first, and for an empty value. AppliedAt is when that
	// was, by the local clock; zero before the first.
	Revision  Revision
	AppliedAt time.Time
	// Rejected is what was refused since, nil if nothing was.
	Rejected *Rejection
	// Err is why the state is neither live nor empty; nil if it is.
	Err error
	// ClockOffset is how far the clock of Redis is ahead of the local one, give or take half a round trip; 0 until it
	// has been measured.
	ClockOffset time.Duration
	// LastSync is when the key was last read, whatever it held, by the local clock; zero before that.
	LastSync time.Time
	// AnnounceToApply is how long revisions took from their announcement's arrival; PublishToApply from the time of their
	// publishing, by the clock of Redis, of those that were announced, or found later and newer than the one before.
	AnnounceToApply, PublishToApply Histogram
	// Counters count since the Subscriber began.
	Counters Counters
}

func newStatus(s redisstore.Status) Status {
	return Status{
		State: s.State, Since: s.Since, Source: s.Source,
		Revision: Revision(s.Revision), AppliedAt: s.AppliedAt,
		Rejected: (*Rejection)(s.Rejected), Err: s.Err,
		ClockOffset: s.ClockOffset, LastSync: s.LastSync, Counters: Counters(s.Counters),
		AnnounceToApply: s.AnnounceToApply, PublishToApply: s.PublishToApply,
	}
}

// Change tells a listener that another revision has been applied.
type Change struct {
	// From is the revision that the listener knew of, To the one that is applied now.
	From, To Revision
}

// Diff returns which directives came, went and changed from one revision to the other. It takes about a millisecond for
// 10,000 directives, which is why it is only done when asked for.
func (c Change) Diff() Diff { return DiffSets(c.From.Set, c.To.Set) }
