package wire

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial/internal/directive"
)

const (
	// TokenID is the id of the directive that a token holds.
	TokenID = "x-debug-header"
	// MinTokenKeyBytes is the length of the shortest key that is accepted. It is half of
	// the length that RFC 2104, section 3 recommends for HMAC-SHA256. A shorter key can
	// be guessed.
	MinTokenKeyBytes = 16
	// MaxTokenBytes bounds a token. A token whose names are within their limits, and have
	// no characters that JSON escapes, is shorter.
	MaxTokenBytes = 4 << 10
)

var (
	// ErrTokenKey is returned by SignToken and ParseToken if the key is too short.
	ErrTokenKey = fmt.Errorf("the token key is too short (at least %d bytes)", MinTokenKeyBytes)
	// ErrTokenForged is returned by ParseToken if the token was not signed with the key.
	ErrTokenForged = errors.New("the token was not signed with this key")
	// ErrTokenMalformed is returned by ParseToken if the token is not
	// hex(payload).hex(HMAC).
	ErrTokenMalformed = errors.New("not a token (a token is the payload and its signature in hex, with a dot between them)")
)

// tokenPayload is the JSON payload of a token, with the field names of osproxy. Fields
// with their default value are omitted, as osproxy's own tools do.
type tokenPayload struct {
	Level          string `json:"level"`
	Exp            int64  `json:"exp"` // Unix seconds
	Tenant         string `json:"tenant,omitempty"`
	Index          string `json:"index,omitempty"`
	Principal      string `json:"principal,omitempty"`
	Endpoint       string `json:"endpoint,omitempty"`
	SamplePerMille *int   `json:"sample_per_mille,omitempty"`
	RingBuffer     bool   `json:"ring_buffer,omitempty"`
	Capture        bool   `json:"capture,omitempty"`
}

// SignToken returns a token for the directive. The token has no id, and its expiry is in
// whole seconds, rounded down. The error is a [*directive.ValidationError] if the directive has
// Instances or MaxPerSecond, because a token cannot hold them and would apply to more.
func SignToken(key []byte, d directive.Directive) (string, error) {
	if len(key) < MinTokenKeyBytes {
		return "", ErrTokenKey
	}
	switch {
	case d.Instances != nil:
		return "", invalid("instances", "cannot be in a token")
	case d.MaxPerSecond != 0:
		return "", invalid("max_per_second", "cannot be in a token")
	}
	d.ID = TokenID
	d.ExpiresAt = time.Unix(d.ExpiresAt.Unix(), 0)
	if err := d.Validate(); err != nil {
		return "", err
	}
	p := tokenPayload{
		Level: d.Level.String(), Exp: d.ExpiresAt.Unix(),
		Tenant: d.Match.Tenant, Index: d.Match.Index, Principal: d.Match.Principal,
		RingBuffer: d.RingBuffer, Capture: d.Capture,
	}
	if d.Match.Endpoint != directive.AnyEndpoint {
		p.Endpoint = d.Match.Endpoint.String()
	}
	if d.SamplePerMille != 1000 {
		p.SamplePerMille = &d.SamplePerMille
	}
	payload, err := json.Marshal(p)
	if err != nil {
		return "", err
	}
	token := hex.EncodeToString(payload) + "." + hex.EncodeToString(tokenMAC(key, payload))
	if len(token) > MaxTokenBytes {
		return "", fmt.Errorf("the token is %d bytes, the limit is %d", len(token), MaxTokenBytes)
	}
	return token, nil
}

func tokenMAC(key, payload []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(payload)
	return mac.Sum(nil)
}

// ParseToken returns the directive that a token holds. It checks the signature before it
// reads the payload. The error is [ErrTokenKey], [ErrTokenMalformed], [ErrTokenForged] or
// a [*directive.ValidationError].
func ParseToken(key []byte, token string, now time.Time, maxTTL time.Duration) (d directive.Directive, err error) {
	if len(key) < MinTokenKeyBytes {
		return d, ErrTokenKey
	}
	payloadHex, macHex, found := strings.Cut(token, ".")
	if !found || len(token) > MaxTokenBytes {
		return d, ErrTokenMalformed
	}
	payload, err := hex.DecodeString(payloadHex)
	if err != nil {
		return d, ErrTokenMalformed
	}
	mac, err := hex.DecodeString(macHex)
	if err != nil {
		return d, ErrTokenMalformed
	}
	if !hmac.Equal(mac, tokenMAC(key, payload)) {
		return d, ErrTokenForged
	}
	root, _, err := readJSON(payload)
	if err != nil {
		return d, err
	}
	p := bodyParser{now: now, maxTTL: maxTTL}
	if d, err = p.token(root); err != nil {
		return directive.Directive{}, err
	}
	return d, d.Validate()
}

// tokenFields lists the fields of a token's payload. The first two are required.
var tokenFields = []string{
	"level", "exp", "sample_per_mille", "ring_buffer", "capture", "tenant", "index", "principal", "endpoint",
}

// token reads a payload. It reads the fields that a publish body has too in the same way.
func (p *bodyParser) token(n node) (d directive.Directive, err error) {
	if n.kind != object {
		return d, mustBe(object, n)
	}
	d.ID, d.SamplePerMille = TokenID, 1000
	has := make(map[string]bool, len(tokenFields))
	for i := range n.entries {
		e := &n.entries[i]
		has[e.name] = true
		switch e.name {
		case "exp":
			d.ExpiresAt, err = p.exp(e.value)
			err = under(e.name, err)
		case "id", "ttl_secs", "expires_at", "instances", "max_per_second":
			err = unknownName(e.name, tokenFields)
		default:
			err = p.field(e.name, e.value, &d)
		}
		if err != nil {
			return d, err
		}
	}
	for _, name := range tokenFields[:2] {
		if !has[name] {
			return d, invalid(name, "is missing")
		}
	}
	return d, nil
}

// exp reads an expiry in Unix seconds.
func (p *bodyParser) exp(n node) (t time.Time, err error) {
	secs, err := integer(n, 1, directive.MaxMillis/1000)
	if err != nil {
		return t, err
	}
	t = time.Unix(secs, 0)
	switch {
	case !t.After(p.now):
		return t, invalid("", "is in the past")
	case t.After(p.now.Add(p.maxTTL)):
		return t, invalid("", fmt.Sprintf("is more than %v from now", p.maxTTL))
	}
	return t, nil
}
