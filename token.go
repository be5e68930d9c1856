package fleetdial

import (
	"cmp"
	"time"

	"github.com/fleetdial/fleetdial/internal/wire"
)

// TokenID is the id of the directive that a token stands for.
const TokenID = wire.TokenID

var (
	// ErrTokenKey is returned by SignToken and ParseToken for a key of less than 16 bytes.
	ErrTokenKey = wire.ErrTokenKey
	// ErrTokenForged is returned by ParseToken for a token that was not signed with the key.
	ErrTokenForged = wire.ErrTokenForged
	// ErrTokenMalformed is returned by ParseToken for what is no token at all.
	ErrTokenMalformed = wire.ErrTokenMalformed
)

// SignToken returns a token that stands for one directive, for the X-Debug-Directive header of a single request: whoever
// has it may have that request recorded until the directive expires. It is hex(payload).hex(HMAC-SHA256(key, payload)),
// as osproxy has it; the payload is JSON and can be read by anyone. The directive's ID does not count, nor does the
// fraction of a second of its expiry. The error is ErrTokenKey or a *ValidationError.
func SignToken(key []byte, d Directive) (string, error) { return wire.SignToken(key, d) }

// ParseToken returns the directive, with the id TokenID, that a token stands for, if it was signed with the key and
// expires later than now, by maxTTL at most; 0 is DefaultMaxTTL. The error is ErrTokenKey, ErrTokenMalformed,
// ErrTokenForged or, for a payload with a field that is missing, unknown, repeated, mistyped or beyond its limits, a
// *ValidationError. It is safe to use on what anyone sends, and compares signatures in constant time.
func ParseToken(key []byte, token string, now time.Time, maxTTL time.Duration) (Directive, error) {
	return wire.ParseToken(key, token, now, cmp.Or(maxTTL, DefaultMaxTTL))
}
