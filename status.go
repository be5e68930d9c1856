package fleetdial

import (
	"github.com/fleetdial/fleetdial/internal/follow"
	"github.com/fleetdial/fleetdial/internal/histogram"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// State is how a [Subscriber] stands to its fleet's key.
//
//	type State string
type State = wire.State

// The states.
const (
	// StateLive means that the key holds the set in force.
	StateLive = wire.StateLive
	// StateStale means that the Subscriber does not know what the key holds, because
	// Redis does not answer or the subscription is lost. The set stays.
	StateStale = wire.StateStale
	// StateMissing means that the key does not exist. The set stays.
	StateMissing = wire.StateMissing
	// StateRejected means that the key holds a value that the Subscriber has rejected.
	// The set stays.
	StateRejected = wire.StateRejected
	// StateEmpty means that the key holds the empty value, which clears the set.
	StateEmpty = wire.StateEmpty
)

// Source is the origin of the set of a [Subscriber].
//
//	type Source string
type Source = wire.Source

// The sources.
const (
	// SourceStart means that nothing has been applied yet. The set is empty.
	SourceStart = wire.SourceStart
	// SourceSnapshot means that the set comes from the snapshot file, and that Redis has
	// not confirmed it yet.
	SourceSnapshot = wire.SourceSnapshot
	// SourceLive means that the set comes from Redis.
	SourceLive = wire.SourceLive
)

// RejectReason is a word for the kind of reason why a value was rejected. It is short
// enough for the label of a metric.
//
//	type RejectReason string
type RejectReason = wire.RejectReason

// The reasons.
const (
	// RejectTooLarge is for a value that is larger than SubscriberConfig.MaxBytes.
	RejectTooLarge = wire.RejectTooLarge
	// RejectWrongType is for a key that does not hold a string.
	RejectWrongType = wire.RejectWrongType
	// RejectMalformed is for bytes that are not the encoding of a revision.
	RejectMalformed = wire.RejectMalformed
	// RejectInvalid is for a value with a field that is missing, unknown, of a wrong type
	// or beyond its limits.
	RejectInvalid = wire.RejectInvalid
	// RejectUnsigned is for a value without a signature, if the Subscriber has
	// VerifyKeys.
	RejectUnsigned = wire.RejectUnsigned
	// RejectUnknownKey is for a value that is signed with a key that is not trusted.
	RejectUnknownKey = wire.RejectUnknownKey
	// RejectAltered is for a value whose signature is of other bytes or of another fleet.
	RejectAltered = wire.RejectAltered
	// RejectReplayed is for a signed value that is not newer than a signed value that was
	// applied before.
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

// Counters count the events of a [Subscriber] since it began.
//
//	type Counters struct {
//		Announcements int64                  // announcements received
//		Fetches       int64                  // reads of the whole value
//		Applies       int64                  // revisions applied
//		Rejections    map[RejectReason]int64 // values rejected
//		Corrections   int64                  // revisions that a resync found because their announcement was lost
//		Reconnects    int64                  // subscriptions that replaced a lost one
//		Regressions   int64                  // revisions applied over a revision with a higher version
//		ClockJumps    int64                  // confirmed jumps of the clock of Redis
//	}
type Counters = follow.Counters

// Histogram counts durations by buckets.
//
//	type Histogram struct {
//		Bounds []time.Duration // the upper bounds of the buckets, inclusive and ascending
//		Counts []uint64        // the durations in each bucket; one more at the end for those above the last bound
//		Sum    time.Duration   // the sum of all durations
//	}
//
//	func (*Histogram) Observe(d time.Duration) // counts a duration, in a new slice of Counts
//	func (Histogram) Clone() Histogram         // a copy that shares no slice
type Histogram = histogram.Histogram

// Status is the status of a [Subscriber] at one moment. The times are those of the local
// clock.
//
//	type Status struct {
//		State           State         // how the Subscriber stands to the key
//		Since           time.Time     // when the state began
//		Source          Source        // where the set comes from
//		Revision        Revision      // the revision in force; version 0 before the first, and for an empty value
//		Digest          string        // the first 16 hex digits of the SHA-256 of the value that was applied
//		AppliedAt       time.Time     // when the revision was applied; zero before the first
//		Rejected        *Rejection    // the last value rejected since then, nil if there is none
//		Err             error         // why the state is neither live nor empty; nil if it is one of these
//		ClockOffset     time.Duration // how far the clock of Redis is ahead, within half a round trip
//		LastSync        time.Time     // when the key was last read, also if the value was rejected
//		AnnounceToApply Histogram     // the times from the arrival of an announcement to the apply
//		PublishToApply  Histogram     // the times from the publish to the apply, by the clock of Redis
//		Counters        Counters      // the events since the Subscriber began
//	}
//
//	func (Status) Clone() Status // a copy that shares no map, slice or pointer with the Status
type Status = follow.Status
