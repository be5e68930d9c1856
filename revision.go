package fleetdial

import (
	"github.com/fleetdial/fleetdial/internal/wire"
)

// Revision is a published set.
//
//	type Revision struct {
//		Version     int64     // the last version plus 1, from 1; 0 for "none" and for an empty value of the key
//		ID          string    // 32 random hex digits; revisions with the same id are the same
//		PublishedAt time.Time // by the clock of Redis
//		PublishedBy string    // the author, may be empty
//		Reason      string    // why it was published, may be empty
//		Set         *Set      // never nil in what this package returns
//		SignedBy    string    // the id of the key that the revision names as its signer
//		Verified    bool      // whether that signature was checked with a trusted key, and is right
//	}
//
//	func (Revision) AppendJSON(dst []byte) []byte // appends JSON with times in RFC 3339, and a newline
//
// Anyone can name any key in SignedBy. Only Verified says that the signature is right.
type Revision = wire.Revision

// DecodeRevision returns the revision that a value of the fleet's key holds. No bytes are the
// empty set at version 0. The error is a *[MalformedError] or a *[ValidationError].
// DecodeRevision is safe for input from untrusted sources.
func DecodeRevision(value []byte) (Revision, error) {
	if len(value) == 0 {
		return Revision{Set: new(Set)}, nil
	}
	return wire.Decode(value)
}

// EncodeRevision returns the value of the fleet's key for a revision, for a [Store] of one's
// own. [DecodeRevision] returns an equal revision for that value, also after its directives
// have expired. PublishedAt is kept in whole milliseconds, and a nil set is an empty one.
//
// EncodeRevision is as strict as [Publisher.Publish]. The error is a *[ValidationError] that
// names the field: ID must be 32 hex digits in lower case, which should be random, Version
// must be at least 1, and PublishedAt must be set. The value takes at most MaxValueBytes.
// EncodeRevision does not sign, so it rejects a revision with SignedBy or Verified.
func EncodeRevision(rev Revision) ([]byte, error) {
	if rev.SignedBy != "" || rev.Verified {
		return nil, &ValidationError{Path: "signed_by", Reason: "must be empty, because the value would have no signature"}
	}
	return wire.Encode(rev)
}
