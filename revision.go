package fleetdial

import (
	"time"

	"github.com/fleetdial/fleetdial/internal/wire"
)

// Revision is a set as it was published.
type Revision struct {
	// Version is the last one's plus 1; the first is 1. It is 0 for "none", and for an empty value of the key.
	Version int64
	// ID is 32 random hex digits. Revisions are the same if their ids are the same, whatever their versions.
	ID string
	// PublishedAt is when it was published, by the clock of Redis.
	PublishedAt time.Time
	// PublishedBy and Reason say who published it, and why; either may be empty.
	PublishedBy string
	Reason      string
	// Set is never nil.
	Set *Set
	// SignedBy is the id of the key that the revision names as its signer, as KeyID returns it; empty if it is not signed.
	// Anyone can name any key: Verified says that the signature was checked with one of the keys that the Subscriber or
	// Publisher was given, and is right.
	SignedBy string
	Verified bool
}

// DecodeRevision returns the revision that a value of the fleet's key holds; no bytes are the empty set at version 0.
// It takes nothing that leaves a doubt, and is safe to use on what anyone sends. The error is a *MalformedError or a
// *ValidationError.
func DecodeRevision(value []byte) (Revision, error) {
	if len(value) == 0 {
		return Revision{Set: new(Set)}, nil
	}
	rev, err := wire.Decode(value)
	return Revision(rev), err
}

// AppendJSON appends the revision as JSON, with times in RFC 3339, and a newline, and returns the extended slice.
func (r Revision) AppendJSON(dst []byte) []byte { return wire.AppendRevision(dst, wire.Revision(r)) }
