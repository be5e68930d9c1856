package wire

import (
	"errors"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// State says how a subscriber stands to its fleet's key.
type State string

// The states.
const (
	StateLive     State = "live"
	StateStale    State = "stale"
	StateMissing  State = "missing"
	StateRejected State = "rejected"
	StateEmpty    State = "empty"
)

// Source says where a subscriber's set comes from.
type Source string

// The sources.
const (
	SourceStart    Source = "start"
	SourceSnapshot Source = "snapshot"
	SourceLive     Source = "live"
)

// RejectReason is the kind of reason for which a value was rejected.
type RejectReason string

// The reasons.
const (
	RejectTooLarge   RejectReason = "too_large"
	RejectWrongType  RejectReason = "wrong_type"
	RejectMalformed  RejectReason = "malformed"
	RejectInvalid    RejectReason = "invalid"
	RejectUnsigned   RejectReason = "unsigned"
	RejectUnknownKey RejectReason = "unknown_key"
	RejectAltered    RejectReason = "altered"
	RejectReplayed   RejectReason = "replayed"
)

// Accept returns the revision that a value holds, or why it is rejected. If there are trusted
// keys, one of them must have signed the value for the Redis key of that name. An empty value
// is the empty set.
func Accept(value []byte, keys Keyring, name string) (Revision, RejectReason, error) {
	if keys != nil {
		if _, err := keys.Verify(value, name); err != nil {
			return Revision{}, signatureReason(err), err
		}
	}
	if len(value) == 0 {
		return Revision{Set: &directive.Set{}}, "", nil
	}
	rev, err := Decode(value)
	if _, invalid := errors.AsType[*directive.ValidationError](err); invalid {
		return rev, RejectInvalid, err
	}
	if err != nil {
		return rev, RejectMalformed, err
	}
	rev.Verified = keys != nil
	return rev, "", nil
}

func signatureReason(err error) RejectReason {
	switch {
	case errors.Is(err, ErrUnsigned):
		return RejectUnsigned
	case errors.Is(err, ErrUnknownKey):
		return RejectUnknownKey
	case errors.Is(err, ErrAltered):
		return RejectAltered
	}
	return RejectMalformed
}
