// Package wire implements every encoding of fleetdial: the publish body in JSON or YAML
// that operators write, the msgpack value of a revision that Redis holds, its signature,
// announcements, the reports of instances, the snapshot file and the debug token.
//
// Each decoder rejects input that is ambiguous, and names the field and the problem. A
// value of the key may come from anyone who can write to Redis. Therefore [Decode] does
// not recurse over the depth of a value, and allocates at most a small multiple of its
// length.
package wire

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/fleetdial/fleetdial/internal/directive"
)

const (
	// MaxFormat is the highest format of a value that [Decode] reads. Every value begins with
	// the number of its format.
	MaxFormat = 2
	// MaxValueBytes bounds the value of the key, in bytes.
	MaxValueBytes = 4 << 20
	// MaxPublisherBytes bounds the author of a revision.
	MaxPublisherBytes = 256
	// MaxReasonBytes bounds the reason of a revision.
	MaxReasonBytes = 1024
	// idBytes is the length of a revision id. The id is written as 32 hex digits.
	idBytes = 16
)

// Revision is a published set. The zero Revision has version 0 and means that there is no
// revision.
type Revision struct {
	Version     int64
	ID          string
	PublishedAt time.Time
	PublishedBy string
	Reason      string
	Set         *directive.Set
	// SignedBy is the id of the key that the signature names.
	SignedBy string
	// Verified reports whether the signature was checked and is valid.
	Verified bool
}

// FormatOf returns the format in which [Encode] writes a set: the lowest one that can express
// it. Format 2 adds the fields instances and max_per_second of a directive.
func FormatOf(set *directive.Set) int {
	if set.IsDetailed() {
		return 2
	}
	return 1
}

// digestBytes is how much of a value's SHA-256 its digest shows, in hex.
const digestBytes = 8

// Digest returns the first 16 hex digits of the SHA-256 of a value's bytes. It tells apart two
// values of the same revision ID. The digest of no bytes is empty.
func Digest(value []byte) string {
	if len(value) == 0 {
		return ""
	}
	sum := sha256.Sum256(value)
	return hex.EncodeToString(sum[:digestBytes])
}

// LazyDigest is the digest of a value that is computed when it is asked for first, because the
// digest of a large value takes a third as long as its decoding. The value is kept until then.
// The nil LazyDigest is empty. A LazyDigest may be used by several goroutines at once.
type LazyDigest func() string

// NewLazyDigest returns the digest of a value, which must not change.
func NewLazyDigest(value []byte) LazyDigest {
	return sync.OnceValue(func() string { return Digest(value) })
}

// String returns the digest.
func (d LazyDigest) String() string {
	if d == nil {
		return ""
	}
	return d()
}

// NewID returns a new random revision id.
func NewID() string {
	var b [idBytes]byte
	rand.Read(b[:]) // never returns an error: crypto/rand ends the program instead
	return hex.EncodeToString(b[:])
}

// validate checks every field except the set, which is valid by construction.
func (r *Revision) validate() error {
	if err := checkID(r.ID); err != nil {
		return err
	}
	if err := checkRange("version", r.Version); err != nil {
		return err
	}
	if err := checkRange("published_at", r.PublishedAt.UnixMilli()); err != nil {
		return err
	}
	if err := CheckNote("publisher", r.PublishedBy, MaxPublisherBytes); err != nil {
		return err
	}
	return CheckNote("reason", r.Reason, MaxReasonBytes)
}

func checkID(id string) error {
	if !isHex(id, idBytes) {
		return invalid("id", "must be 32 hex digits in lower case")
	}
	return nil
}

// isHex reports whether s is the hex form of so many bytes, in lower case.
func isHex(s string, bytes int) bool {
	ok := len(s) == 2*bytes
	for i := range len(s) {
		c := s[i]
		ok = ok && ('0' <= c && c <= '9' || 'a' <= c && c <= 'f')
	}
	return ok
}

func checkRange(field string, n int64) error {
	if n < 1 || n > directive.MaxMillis {
		return invalid(field, fmt.Sprintf("must be 1 to %d", int64(directive.MaxMillis)))
	}
	return nil
}

// CheckNote checks a text, such as a publisher or a reason, and returns a
// [*directive.ValidationError] for that field if the text is longer than limit or not
// valid UTF-8. An empty text is valid.
func CheckNote(field, text string, limit int) error {
	if len(text) > limit {
		return invalid(field, fmt.Sprintf("is %d bytes, the limit is %d", len(text), limit))
	}
	if !utf8.ValidString(text) {
		return invalid(field, "is not valid UTF-8")
	}
	return nil
}

func invalid(path, reason string) error {
	return &directive.ValidationError{Path: path, Reason: reason}
}
