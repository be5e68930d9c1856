package redisstore

import (
	"time"

	"github.com/fleetdial/fleetdial/internal/wire"
)

// State is how a subscriber stands to its fleet's key.
type State string

const (
	// StateLive: the set is the one that the key holds.
	StateLive State = "live"
	// StateStale: the subscriber cannot tell whether the key still holds its set. It keeps it.
	StateStale State = "stale"
	// StateMissing: there is no key. The subscriber keeps its set.
	StateMissing State = "missing"
	// StateRejected: the key holds something that was refused. The subscriber keeps its set.
	StateRejected State = "rejected"
	// StateEmpty: the key holds the empty value, which clears the set.
	StateEmpty State = "empty"
)

// Source is where a subscriber's set is from.
type Source string

const (
	// SourceStart: nothing has been applied yet; the set is empty.
	SourceStart Source = "start"
	// SourceSnapshot: the set is the one in the snapshot file.
	SourceSnapshot Source = "snapshot"
	// SourceLive: the set is one that Redis held.
	SourceLive Source = "live"
)

// RejectReason is the kind of reason for which a value was refused.
type RejectReason string

const (
	// RejectTooLarge is for a value beyond the size limit.
	RejectTooLarge RejectReason = "too_large"
	// RejectWrongType is for a key that holds no string.
	RejectWrongType RejectReason = "wrong_type"
	// RejectMalformed is for bytes that are no value at all.
	RejectMalformed RejectReason = "malformed"
	// RejectInvalid is for a value with a field that is missing, unknown, mistyped or beyond its limits.
	RejectInvalid RejectReason = "invalid"
	// RejectUnsigned is for a value without a signature, where one is asked for.
	RejectUnsigned RejectReason = "unsigned"
	// RejectUnknownKey is for a value that is signed with another key than those that are believed.
	RejectUnknownKey RejectReason = "unknown_key"
	// RejectAltered is for a value that is not what was signed for this fleet.
	RejectAltered RejectReason = "altered"
	// RejectReplayed is for a signed value that is older than one that the subscriber had, or as old.
	RejectReplayed RejectReason = "replayed"
)

var rejectReasons = [...]RejectReason{
	RejectTooLarge, RejectWrongType, RejectMalformed, RejectInvalid,
	RejectUnsigned, RejectUnknownKey, RejectAltered, RejectReplayed,
}

// Rejection tells of a value that was refused.
type Rejection struct {
	Version int64  // 0 where it cannot be read
	ID      string // empty where it cannot be read
	Reason  RejectReason
	Err     error
	At      time.Time
}

// Counters count since the subscriber began.
type Counters struct {
	Announcements int64
	Fetches       int64
	Applies       int64
	Rejections    map[RejectReason]int64
	Corrections   int64
	Reconnects    int64
	Regressions   int64
}

// Status is what a subscriber knows of itself.
type Status struct {
	State       State
	Since       time.Time
	Source      Source
	Revision    wire.Revision
	AppliedAt   time.Time
	Rejected    *Rejection
	Err         error
	ClockOffset time.Duration
	LastSync    time.Time
	Counters    Counters
	// AnnounceToApply and PublishToApply say how long revisions took.
	AnnounceToApply, PublishToApply Histogram
}

// Change tells a listener that another revision has been applied.
type Change struct {
	From, To wire.Revision
}
