package vectors

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	fleet "github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// unquoted returns the bytes in a file of a fuzz corpus with one argument.
func unquoted(t *testing.T, text string) []byte {
	t.Helper()
	_, argument, ok := strings.Cut(text, "(")
	require.True(t, ok)
	s, err := strconv.Unquote(strings.TrimSuffix(strings.TrimSpace(argument), ")"))
	require.NoError(t, err)
	return []byte(s)
}

// read decodes the lines of a file as a program of another language does.
func read[T any](t *testing.T, name string) (all []T) {
	t.Helper()
	for line := range bytes.Lines(files()[name]) {
		var v T
		d := json.NewDecoder(bytes.NewReader(line))
		d.DisallowUnknownFields()
		require.NoError(t, d.Decode(&v), name)
		all = append(all, v)
	}
	return all
}

func milli(at int64) time.Time { return time.UnixMilli(at) }

// ofFleet returns a directive as fleetdial has it.
func ofFleet(t *testing.T, d *directive) fleet.Directive {
	t.Helper()
	level, err := fleet.ParseLevel(d.Level)
	require.NoError(t, err)
	out := fleet.Directive{
		ID: d.ID, Match: fleet.Match{Tenant: d.Tenant, Index: d.Index, Principal: d.Principal, Endpoint: endpointNamed(t, d.Endpoint)},
		Level: level, SamplePerMille: d.SamplePerMille, ExpiresAt: milli(d.ExpiresAt), RingBuffer: d.RingBuffer, Capture: d.Capture,
		MaxPerSecond: d.MaxPerSecond,
	}
	if in := d.Instances; in != nil {
		out.Instances = &fleet.Instances{Names: in.Names, Labels: in.Labels, PerMille: in.PerMille}
	}
	return out
}

func endpointNamed(t *testing.T, name string) fleet.Endpoint {
	t.Helper()
	if name == "" {
		return fleet.AnyEndpoint
	}
	endpoint, err := fleet.ParseEndpoint(name)
	require.NoError(t, err)
	return endpoint
}

func assertDirectives(t *testing.T, want []directive, got []fleet.Directive, name string) {
	t.Helper()
	require.Len(t, got, len(want), name)
	for i := range want {
		d := ofFleet(t, &want[i])
		assert.True(t, d.ExpiresAt.Equal(got[i].ExpiresAt), name)
		got[i].ExpiresAt = d.ExpiresAt
		assert.Equal(t, d, got[i], name)
	}
}

// accept does what a subscriber does with a value.
func accept(t *testing.T, v *value) (wire.Revision, wire.RejectReason, error) {
	t.Helper()
	packed := append([]byte(nil), v.Value...)
	if more := v.PadTo - len(packed); more > 0 {
		packed = append(packed, make([]byte, more)...)
	}
	if len(packed) > wire.MaxValueBytes {
		return wire.Revision{}, wire.RejectTooLarge, errors.New("too large")
	}
	var keys []ed25519.PublicKey
	for _, key := range v.Keys {
		keys = append(keys, ed25519.PublicKey(key))
	}
	ring, err := wire.NewKeyring(keys)
	require.NoError(t, err)
	rev, reason, err := wire.Accept(packed, ring, v.RedisKey)
	if err == nil && rev.Verified && v.Applied != nil && rev.Version <= v.Applied.Version && rev.ID != v.Applied.ID {
		return rev, wire.RejectReplayed, errors.New("replayed")
	}
	return rev, reason, err
}

func TestValues_Wire(t *testing.T) {
	t.Parallel()
	for _, v := range read[value](t, "values.jsonl") {
		rev, reason, err := accept(t, &v)
		if !v.Accept {
			assert.Error(t, err, v.Name)
			assert.Equal(t, broad(v.Reason), broad(string(reason)), "%s: %v", v.Name, err)
			assert.Nil(t, v.Revision, v.Name)
			continue
		}
		if !assert.NoError(t, err, v.Name) {
			continue
		}
		want := v.Revision
		assert.Equal(t, want.Version, rev.Version, v.Name)
		assert.Equal(t, want.ID, rev.ID, v.Name)
		assertDirectives(t, want.Directives, rev.Set.Directives(), v.Name)
		assert.Equal(t, want.SignedBy != "", rev.Verified, v.Name)
		if rev.Verified {
			assert.Equal(t, want.SignedBy, rev.SignedBy, v.Name)
		}
		if want.Version != 0 {
			assert.Equal(t, want.PublishedAt, rev.PublishedAt.UnixMilli(), v.Name)
			assert.Equal(t, *want.Publisher, rev.PublishedBy, v.Name)
			assert.Equal(t, *want.Reason, rev.Reason, v.Name)
		}
	}
}

// broad makes one reason of two between which a program is free.
func broad(reason string) string {
	if reason == malformed {
		return invalid
	}
	return reason
}

func TestAnnouncements_Wire(t *testing.T) {
	t.Parallel()
	for _, v := range read[announcement](t, "announcements.jsonl") {
		got, ok := wire.ParseAnnouncement(string(v.Payload))
		if v.Announcement == nil {
			assert.False(t, ok, v.Name)
			continue
		}
		assert.True(t, ok, v.Name)
		assert.Equal(t, *v.Announcement, announced{got.Version, got.ID}, v.Name)
	}
}

func TestTokens_Wire(t *testing.T) {
	t.Parallel()
	for _, v := range read[token](t, "tokens.jsonl") {
		d, err := wire.ParseToken(v.Key, v.Token, milli(v.Now), time.Duration(v.MaxTTL)*time.Millisecond)
		if v.Accept {
			if assert.NoError(t, err, v.Name) {
				assertDirectives(t, []directive{*v.Directive}, []fleet.Directive{d}, v.Name)
			}
			continue
		}
		switch v.Reason {
		case "key":
			assert.ErrorIs(t, err, wire.ErrTokenKey, v.Name)
		case malformed:
			assert.ErrorIs(t, err, wire.ErrTokenMalformed, v.Name)
		case "forged":
			assert.ErrorIs(t, err, wire.ErrTokenForged, v.Name)
		default:
			assert.Equal(t, invalid, v.Reason, v.Name)
			assert.ErrorAs(t, err, new(*fleet.ValidationError), v.Name)
		}
	}
}

func TestReports_Wire(t *testing.T) {
	t.Parallel()
	for _, v := range read[report](t, "reports.jsonl") {
		r, err := wire.DecodeReport(v.Report)
		if !v.Accept {
			assert.Error(t, err, v.Name)
			continue
		}
		if assert.NoError(t, err, v.Name) {
			assert.JSONEq(t, string(v.Fields), string(reportJSON(t, r)), v.Name)
		}
	}
}

// reportJSON returns a report as the vectors have it.
func reportJSON(t *testing.T, r *wire.Report) []byte {
	t.Helper()
	m := map[string]any{
		"format": 1, "instance": r.Instance, "started_at": r.StartedAt.UnixMilli(), "written_at": r.WrittenAt.UnixMilli(),
		"every_ms": r.Every.Milliseconds(), "fleetdial": r.Fleetdial, "labels": r.Labels, "state": r.State, "since": r.Since.UnixMilli(),
		"source": r.Source, "error": r.Error, "clock_offset_ms": r.ClockOffset.Milliseconds(), "counters": r.Counters,
	}
	optional := func(key string, isSet bool, v any) {
		if isSet {
			m[key] = v
		}
	}
	optional("run", r.Run != "", r.Run)
	optional("shared", r.Shared != "", r.Shared)
	optional("capabilities", r.Capabilities != nil, r.Capabilities)
	optional("verifies", r.Verifies, true)
	optional("max_format", r.MaxFormat != 0, r.MaxFormat)
	if a := r.Applied; a != nil {
		applied := map[string]any{"version": a.Version, "id": a.ID, "published_at": a.PublishedAt.UnixMilli(), "at": a.At.UnixMilli()}
		if a.SignedBy != "" {
			applied["signed_by"] = a.SignedBy
		}
		if a.Digest != "" {
			applied["digest"] = a.Digest
		}
		m["applied"] = applied
	}
	if j := r.Rejected; j != nil {
		m["rejected"] = map[string]any{"version": j.Version, "id": j.ID, "reason": j.Reason, "error": j.Error, "at": j.At.UnixMilli()}
	}
	out, err := json.Marshal(m)
	require.NoError(t, err)
	return out
}

func TestBodies_Wire(t *testing.T) {
	t.Parallel()
	for _, v := range read[body](t, "bodies.jsonl") {
		text := append([]byte(nil), v.Body...)
		if more := v.PadTo - len(text); more > 0 {
			text = append(text, bytes.Repeat([]byte{' '}, more)...)
		}
		set, err := wire.ParseBody(text, milli(v.Now), wire.BodyOptions{MaxTTL: time.Duration(v.MaxTTL) * time.Millisecond, YAML: v.Format == "yaml"})
		if !v.Accept {
			assert.Error(t, err, v.Name)
			continue
		}
		if assert.NoError(t, err, v.Name) {
			assertDirectives(t, *v.Directives, set.Directives(), v.Name)
		}
	}
}
