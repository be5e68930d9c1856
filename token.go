package fleetdial

import (
	"cmp"
	"time"

	"github.com/fleetdial/fleetdial/internal/wire"
)

// TokenID is the id of the directive that [ParseToken] returns.
const TokenID = wire.TokenID

var (
	// ErrTokenKey is returned by [SignToken] and [ParseToken] for a key that is shorter
	// than 16 bytes.
	ErrTokenKey = wire.ErrTokenKey
	// ErrTokenForged is returned by [ParseToken] for a token that was not signed with the
	// key.
	ErrTokenForged = wire.ErrTokenForged
	// ErrTokenMalformed is returned by [ParseToken] for text that is not a token.
	ErrTokenMalformed = wire.ErrTokenMalformed
)

// SignToken returns a token with one directive, for the X-Debug-Directive header of a
// request. Until the directive expires, a proxy with the same key records each request
// that carries the token and matches the directive.
//
// A token is hex(payload).hex(HMAC-SHA256(key, payload)), as in osproxy, the OpenSearch
// proxy from which fleetdial has its vocabulary. The payload is JSON, and is not secret.
// The payload leaves out the ID of the directive and the fraction of a second of its
// expiry. A token cannot hold Instances or MaxPerSecond, so SignToken rejects a directive
// with them. The error is [ErrTokenKey] or a *[ValidationError].
func SignToken(key []byte, d Directive) (string, error) { return wire.SignToken(key, d) }

// ParseToken returns the directive of a token, with the id TokenID. The token must be
// signed with the key, and must expire after now and at most maxTTL later. If maxTTL is
// zero, it is DefaultMaxTTL.
//
// The error is [ErrTokenKey], [ErrTokenMalformed] or [ErrTokenForged], or a
// *[ValidationError] for a payload with a field that is missing, unknown, repeated, of a
// wrong type or beyond its limits. ParseToken is safe for input from untrusted sources,
// and compares signatures in constant time.
func ParseToken(key []byte, token string, now time.Time, maxTTL time.Duration) (Directive, error) {
	return wire.ParseToken(key, token, now, cmp.Or(maxTTL, DefaultMaxTTL))
}
