// Package wire is the one place for every encoding of fleetdial: the publish body, JSON or YAML, that operators write,
// and the msgpack value that Redis holds. It refuses what leaves a doubt, and says where and why. A value of the key,
// which may come from anyone who can write to Redis, is decoded without recursion over its depth and without allocating
// more than a small multiple of its bytes.
package wire

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/fleetdial/fleetdial/internal/directive"
)

const (
	// Format is the number that every value begins with.
	Format = 1
	// MaxValueBytes bounds the value of the key, in bytes.
	MaxValueBytes = 4 << 20
	// MaxPublisherBytes and MaxReasonBytes bound these two strings of a revision.
	MaxPublisherBytes = 256
	MaxReasonBytes    = 1024
	// idBytes is what an id holds; it is written as twice as many hex digits.
	idBytes = 16
)

// Revision is a set as it was published. The zero Revision is "none": its version is 0.
type Revision struct {
	Version     int64
	ID          string
	PublishedAt time.Time
	PublishedBy string
	Reason      string
	Set         *directive.Set
	// SignedBy is the id of the key that the seal names, Verified whether that signature was checked, and is right.
	SignedBy string
	Verified bool
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

// NewID returns a new random revision id.
func NewID() string {
	var b [idBytes]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(b[:])
}

// validate checks everything but the set, which is valid by construction.
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

// isHex reports whether s is so many bytes in hex, in lower case.
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

// CheckNote returns a *directive.ValidationError if a publisher or a reason, whichever the field is, is too long or not
// UTF-8. It may be empty.
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
