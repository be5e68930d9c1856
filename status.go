package fleetdial

import (
	"github.com/fleetdial/fleetdial/internal/follow"
	"github.com/fleetdial/fleetdial/internal/histogram"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// State says how a [Subscriber] stands to its fleet's key.
//
//	type State string
type State = wire.State

const (
	// StateLive says that the key holds the set in force.
	StateLive = wire.StateLive
	// StateStale says that the Subscriber cannot tell whether the key still holds its set. The
	// set stays.
	StateStale = wire.StateStale
	// StateMissing says that there is no key. The set stays.
	StateMissing = wire.StateMissing
	// StateRejected says that the key holds a value that was rejected. The set stays.
	StateRejected = wire.StateRejected
	// StateEmpty says that the key holds the empty value, which clears the set.
	StateEmpty = wire.StateEmpty
)

// Source says where the set of a [Subscriber] comes from.
//
//	type Source string
type Source = wire.Source

const (
	// SourceStart says that nothing has been applied yet. The set is empty.
	SourceStart = wire.SourceStart
	// SourceSnapshot says that the set is the one in the snapshot file, which Redis has not
	// confirmed yet.
	SourceSnapshot = wire.SourceSnapshot
	// SourceLive says that Redis held the set.
	SourceLive = wire.SourceLive
)

// RejectReason is the kind of reason for which a value was rejected, as a word that suits a
// metric's label.
//
//	type RejectReason string
type RejectReason = wire.RejectReason

const (
	// RejectTooLarge is for a value beyond the size limit.
	RejectTooLarge = wire.RejectTooLarge
	// RejectWrongType is for a key that does not hold a string.
	RejectWrongType = wire.RejectWrongType
	// RejectMalformed is for bytes that are not a value at all.
	RejectMalformed = wire.RejectMalformed
	// RejectInvalid is for a value with a field that is missing, unknown, mistyped or beyond its
	// limits.
	RejectInvalid = wire.RejectInvalid
	// RejectUnsigned is for a value without a signature if VerifyKeys asks for one.
	RejectUnsigned = wire.RejectUnsigned
	// RejectUnknownKey is for a value that was signed with a key that is not trusted.
	RejectUnknownKey = wire.RejectUnknownKey
	// RejectAltered is for a value that is not what was signed for this fleet.
	RejectAltered = wire.RejectAltered
	// RejectReplayed is for a signed value that is not newer than one that was applied.
	RejectReplayed = wire.RejectReplayed
)

// Rejection describes a value that a [Subscriber] rejected.
//
//	type Rejection struct {
//		Version int64        // 0 if it cannot be read
//		ID      string       // empty if it cannot be read
//		Reason  RejectReason // the kind of reason
//		Err     error        // the reason, with the path of the field
//		At      time.Time    // when, by the local clock
//	}
type Rejection = follow.Rejection

// Counters count what a [Subscriber] has done since it began.
//
//	type Counters struct {
//		Announcements int64                  // announcements received
//		Fetches       int64                  // how often the whole value was read
//		Applies       int64                  // revisions that became the set in force
//		Rejections    map[RejectReason]int64 // values that were rejected
//		Corrections   int64                  // revisions that the resync found on a working session
//		Reconnects    int64                  // sessions after the first
//		Regressions   int64                  // revisions applied whose version went back
//		ClockJumps    int64                  // confirmed jumps of the clock of Redis
//	}
type Counters = follow.Counters

// Histogram counts durations by buckets.
//
//	type Histogram struct {
//		Bounds []time.Duration // the upper bounds of the buckets, inclusive and ascending
//		Counts []uint64        // how many fell into each bucket, and at its end those beyond the last
//		Sum    time.Duration   // the sum of all durations
//	}
//
//	func (*Histogram) Observe(d time.Duration) // counts a duration, and replaces Counts
//	func (Histogram) Clone() Histogram         // a copy that shares nothing
type Histogram = histogram.Histogram

// Status is what a [Subscriber] knows of itself at one moment. Its times are local.
//
//	type Status struct {
//		State           State         // how the Subscriber stands to the key
//		Since           time.Time     // since when
//		Source          Source        // where the set comes from
//		Revision        Revision      // the one that was applied; version 0 before the first, and for an empty value
//		Digest          string        // the first 16 hex digits of the SHA-256 of the value that was applied
//		AppliedAt       time.Time     // when it was applied; zero before the first
//		Rejected        *Rejection    // what was rejected since, nil if nothing was
//		Err             error         // why the state is neither live nor empty
//		ClockOffset     time.Duration // how far the clock of Redis is ahead, within half a round trip
//		LastSync        time.Time     // when the key was last read, whatever it held
//		AnnounceToApply Histogram     // how long revisions took from their announcement's arrival
//		PublishToApply  Histogram     // how long revisions took from their publishing, by the clock of Redis
//		Counters        Counters      // what has happened since the Subscriber began
//	}
//
//	func (Status) Clone() Status // a copy that shares no map, slice or pointer with the Status
type Status = follow.Status
