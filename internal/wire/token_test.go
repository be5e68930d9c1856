package wire_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/wire"
)

var (
	tokenKey = []byte("0123456789abcdef0123456789abcdef")
	tokenNow = time.Unix(1_900_000_000-600, 0)
)

// foreignToken was made with Python's hmac. Its payload has the fields in another order
// than SignToken writes.
const foreignToken = "7b22657870223a313930303030303030302c226c6576656c223a22536861706554696d696e67222c2274656e616e74223a2261636d6522" +
	"2c2273616d706c655f7065725f6d696c6c65223a3235302c2272696e675f627566666572223a747275657d." +
	"cb849ddf903c78f5ccb253fad508cfd89193aa221e0211ac4ba48d73f158b23b"

// signed returns a token with the payload and a valid signature.
func signed(payload string) string {
	mac := hmac.New(sha256.New, tokenKey)
	mac.Write([]byte(payload))
	return hex.EncodeToString([]byte(payload)) + "." + hex.EncodeToString(mac.Sum(nil))
}

func parseToken(token string) (directive.Directive, error) {
	return wire.ParseToken(tokenKey, token, tokenNow, time.Hour)
}

func TestParseToken_ForeignToken(t *testing.T) {
	t.Parallel()
	want := directive.Directive{
		ID: wire.TokenID, Match: directive.Match{Tenant: "acme"}, Level: directive.ShapeTiming, SamplePerMille: 250,
		ExpiresAt: time.Unix(1_900_000_000, 0), RingBuffer: true,
	}
	for _, token := range []string{foreignToken, strings.ToUpper(foreignToken)} {
		d, err := parseToken(token)
		require.NoError(t, err)
		assert.Equal(t, want, d)
	}
}

func TestSignToken_RoundTrip(t *testing.T) {
	t.Parallel()
	d := directive.Directive{
		Match: directive.Match{Tenant: "acme", Index: "orders", Principal: "svc", Endpoint: directive.Search},
		Level: directive.ShapeRewriteDiff, SamplePerMille: 0, ExpiresAt: tokenNow.Add(time.Minute + time.Millisecond),
		RingBuffer: true, Capture: true,
	}
	token, err := wire.SignToken(tokenKey, d)
	require.NoError(t, err)
	got, err := parseToken(token)
	require.NoError(t, err)
	d.ID, d.ExpiresAt = wire.TokenID, tokenNow.Add(time.Minute)
	assert.Equal(t, d, got)
}

func TestParseToken_Rejected(t *testing.T) {
	t.Parallel()
	good := signed(`{"level":"Shape","exp":1900000000}`)
	_, err := parseToken(good)
	require.NoError(t, err)
	for name, tt := range map[string]struct{ token, reason string }{
		"empty":               {"", "not a token"},
		"no dot":              {strings.ReplaceAll(good, ".", ""), "not a token"},
		"a second dot":        {good + ".00", "not a token"},
		"no hex":              {"x" + good, "not a token"},
		"odd hex":             {"0" + good, "not a token"},
		"too long":            {strings.Repeat("00", wire.MaxTokenBytes) + good, "not a token"},
		"no signature":        {good[:strings.Index(good, ".")+1], "not signed with this key"},
		"truncated signature": {good[:len(good)-2], "not signed with this key"},
		"other payload":       {"20" + good, "not signed with this key"},
		"no JSON":             {signed("level"), "line 1"},
		"a list":              {signed("[]"), "must be an object"},
		"no level":            {signed(`{"exp":1900000000}`), "level: is missing"},
		"no exp":              {signed(`{"level":"Shape"}`), "exp: is missing"},
		"unknown field":       {signed(`{"level":"Shape","exp":1900000000,"tennant":"a"}`), `did you mean "tenant"?`},
		"repeated field":      {signed(`{"level":"Shape","exp":1900000000,"exp":1900000001}`), "exp: is repeated"},
		"a publish body's":    {signed(`{"level":"Shape","exp":1900000000,"ttl_secs":5}`), "ttl_secs"},
		"instances":           {signed(`{"level":"Shape","exp":1900000000,"instances":{"names":["a"]}}`), `unknown field "instances"`},
		"max_per_second":      {signed(`{"level":"Shape","exp":1900000000,"max_per_second":5}`), `unknown field "max_per_second"`},
		"tenant no string":    {signed(`{"level":"Shape","exp":1900000000,"tenant":5}`), "tenant: must be a string"},
		"endpoint unknown":    {signed(`{"level":"Shape","exp":1900000000,"endpoint":"search"}`), "endpoint: "},
		"sample beyond":       {signed(`{"level":"Shape","exp":1900000000,"sample_per_mille":1001}`), "sample_per_mille: must be"},
		"ring_buffer string":  {signed(`{"level":"Shape","exp":1900000000,"ring_buffer":"yes"}`), "ring_buffer: must be"},
		"exp a string":        {signed(`{"level":"Shape","exp":"1900000000"}`), "exp: must be a number"},
		"exp past":            {signed(`{"level":"Shape","exp":1899999400}`), "exp: is in the past"},
		"exp too far":         {signed(`{"level":"Shape","exp":1900003001}`), "exp: is more than 1h0m0s from now"},
		"long name":           {signed(`{"level":"Shape","exp":1900000000,"tenant":"` + strings.Repeat("x", 257) + `"}`), "tenant: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parseToken(tt.token)
			require.ErrorContains(t, err, tt.reason)
		})
	}
}

func TestSignToken_KeyTooShort(t *testing.T) {
	t.Parallel()
	short := tokenKey[:wire.MinTokenKeyBytes-1]
	_, err := wire.SignToken(short, directive.Directive{})
	require.ErrorIs(t, err, wire.ErrTokenKey)
	_, err = wire.ParseToken(short, foreignToken, tokenNow, time.Hour)
	require.ErrorIs(t, err, wire.ErrTokenKey)
	_, err = wire.ParseToken(tokenKey[:wire.MinTokenKeyBytes], foreignToken, tokenNow, time.Hour)
	require.ErrorIs(t, err, wire.ErrTokenForged)
}

func TestSignToken_InvalidDirective(t *testing.T) {
	t.Parallel()
	_, err := wire.SignToken(tokenKey, directive.Directive{SamplePerMille: 2000, ExpiresAt: tokenNow})
	require.ErrorContains(t, err, "sample_per_mille")
}

// FuzzParseToken checks that an accepted token means the same after it is signed again.
func FuzzParseToken(f *testing.F) {
	f.Add(`{"level":"Shape","exp":1900000000}`)
	f.Add(`{"exp":1900000000,"level":"ShapeTiming","tenant":"acme","sample_per_mille":250,"ring_buffer":true,"capture":true}`)
	f.Fuzz(func(t *testing.T, payload string) {
		_, _ = parseToken(payload)
		d, err := parseToken(signed(payload))
		if err != nil {
			return
		}
		token, err := wire.SignToken(tokenKey, d)
		require.NoError(t, err)
		again, err := parseToken(token)
		require.NoError(t, err)
		require.Equal(t, d, again)
	})
}

func TestSignToken_InstancesAndLimit(t *testing.T) {
	t.Parallel()
	plain := directive.Directive{Level: directive.Shape, SamplePerMille: 1000, ExpiresAt: time.Now().Add(time.Hour)}
	_, err := wire.SignToken(tokenKey, plain)
	require.NoError(t, err)
	selecting, limited := plain, plain
	selecting.Instances, limited.MaxPerSecond = &directive.Instances{Names: []string{"a"}}, 5
	for path, d := range map[string]directive.Directive{"instances": selecting, "max_per_second": limited} {
		_, err := wire.SignToken(tokenKey, d)
		assert.EqualError(t, err, path+": cannot be in a token")
	}
}
