package fleetdial

import (
	"github.com/fleetdial/fleetdial/internal/wire"
)

// Revision is a published set.
//
//	type Revision struct {
//		Version     int64     // from 1; 0 if there is no revision, and for an empty value of the key
//		ID          string    // 32 random hex digits; revisions with the same ID are the same revision
//		PublishedAt time.Time // by the clock of Redis
//		PublishedBy string    // the author, may be empty
//		Reason      string    // the reason for the change, may be empty
//		Set         *Set      // nil only if the value of the key cannot be read
//		SignedBy    string    // the id of the key with which the revision claims to be signed
//		Verified    bool      // whether the signature was checked with a trusted key, and is valid
//	}
//
//	func (Revision) AppendJSON(dst []byte) []byte // appends JSON with times in RFC 3339, and a newline
//
// Anyone can write any key id into SignedBy. Only Verified shows that the signature is
// valid.
type Revision = wire.Revision

// DecodeRevision returns the revision in a value of the fleet's key. An empty value is
// the empty set at version 0. The error is a *[MalformedError] or a *[ValidationError].
// DecodeRevision does not check the signature. DecodeRevision is safe for input from
// untrusted sources.
func DecodeRevision(value []byte) (Revision, error) {
	if len(value) == 0 {
		return Revision{Set: new(Set)}, nil
	}
	return wire.Decode(value)
}

// EncodeRevision returns the value of the fleet's key for a revision, for a [Store] of
// one's own. [DecodeRevision] returns an equal revision for the value, also after the
// directives have expired. PublishedAt is kept in whole milliseconds, and a nil set is an
// empty set.
//
// EncodeRevision is as strict as [Publisher.Publish]. The ID must be 32 hex digits in
// lower case, and should be random. The Version must be at least 1, and PublishedAt must
// be set. The value has at most MaxValueBytes. The error is a *[ValidationError] that
// names the field. EncodeRevision does not sign, so it rejects a revision with SignedBy
// or Verified.
func EncodeRevision(rev Revision) ([]byte, error) {
	if rev.SignedBy != "" || rev.Verified {
		return nil, &ValidationError{Path: "signed_by", Reason: "must be empty, because the value would have no signature"}
	}
	return wire.Encode(rev)
}
