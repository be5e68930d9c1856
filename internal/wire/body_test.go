package wire

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/directive"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 999_999, time.UTC)

// bodyOf returns a body whose only directive has the fields.
func bodyOf(fields string) string {
	return `{"directives":[{"id":"a","level":"Shape","ttl_secs":60` + fields + `}]}`
}

const (
	notInteger = "must be an integer (digits only, without sign, fraction or exponent)"
	notTime    = "must be a time in RFC 3339 (such as 2006-01-02T15:04:05Z)"
	levels     = "unknown level (use Off, Shape, ShapeTiming or ShapeRewriteDiff)"
	endpoints  = "unknown endpoint (use IngestDoc, IngestBulk, Search, MultiSearch, Count, GetById, MultiGet, DeleteById, " +
		"DeleteByQuery, Cursor, Admin or Unknown)"
)

// rejection is a body and the path and reason of its error.
type rejection struct{ body, path, reason string }

// requireRejected checks that ParseBody returns the error of each case.
func requireRejected(t *testing.T, opts BodyOptions, cases map[string]rejection) {
	t.Helper()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			set, err := ParseBody([]byte(c.body), now, opts)
			require.Nil(t, set)
			invalid := new(directive.ValidationError)
			require.ErrorAs(t, err, &invalid)
			require.Equal(t, c.path, invalid.Path)
			require.Equal(t, c.reason, invalid.Reason)
		})
	}
}

func TestParseBody_AllFields(t *testing.T) {
	t.Parallel()
	minute := time.Date(2026, 3, 1, 12, 1, 0, 0, time.UTC)
	want := []directive.Directive{
		{
			ID: "a", Level: directive.ShapeTiming, SamplePerMille: 100, ExpiresAt: minute, RingBuffer: true,
			Match: directive.Match{Tenant: "acme", Index: "orders", Principal: "svc", Endpoint: directive.GetByID},
		},
		{ID: "b", Level: directive.Off, SamplePerMille: 1000, ExpiresAt: minute.Add(time.Hour), Capture: true},
	}
	bodies := map[string]string{
		"JSON": `{"directives":[
			{"id":"a","level":"ShapeTiming","ttl_secs":60,"sample_per_mille":100,"ring_buffer":true,"capture":false,
			 "tenant":"acme","index":"orders","principal":"svc","endpoint":"GetById"},
			{"level":"Off","id":"b","expires_at":"2026-03-01T14:01:00+01:00","capture":true}]}`,
		"YAML": `# the reason
directives:
- id: a
  level: ShapeTiming
  ttl_secs: 60
  sample_per_mille: 100
  ring_buffer: true
  tenant: acme
  index: "orders"
  principal: 'svc'
  endpoint: GetById
- {id: b, level: Off, expires_at: 2026-03-01T13:01:00Z, capture: true}
`,
		"YAML that is JSON": `{"directives":[
  {"id":"a","level":"ShapeTiming","ttl_secs":60,"sample_per_mille":100,"ring_buffer":true,"tenant":"acme",
   "index":"orders","principal":"svc","endpoint":"GetById"},
  {"id":"b","level":"Off","expires_at":"2026-03-01T13:01:00Z","capture":true}]}`,
	}
	for name, body := range bodies {
		set, err := ParseBody([]byte(body), now, BodyOptions{YAML: strings.HasPrefix(name, "YAML")})
		require.NoError(t, err, name)
		got := set.Directives()
		require.Len(t, got, len(want), name)
		for i := range want {
			require.True(t, want[i].ExpiresAt.Equal(got[i].ExpiresAt), "%s: %v", name, got[i].ExpiresAt)
			got[i].ExpiresAt = want[i].ExpiresAt
		}
		require.Equal(t, want, got, name)
	}
}

func TestParseBody_ExpiresAt(t *testing.T) {
	t.Parallel()
	const past, far = "is in the past", "is more than 24h0m0s from now"
	for written, reason := range map[string]string{
		"2026-03-01T12:00:00.001Z":     "",
		"2026-03-01T12:00:00.0019999Z": "",
		"2026-03-01T13:00:00Z":         "",
		"2026-03-02T02:00:00+14:00":    past,
		"2026-03-02T02:00:01+14:00":    "",
		"2026-03-01T13:00:00-00:00":    "",
		"2026-03-01T23:59:00-12:00":    "",
		"2026-03-02T12:00:00Z":         "",
		"2026-03-02T12:00:00.000999Z":  "",
		"2026-03-02T12:00:00.001Z":     far,
		"9999-12-31T23:59:59Z":         far,
		"2026-03-01T12:00:00Z":         past,
		"2026-03-01T12:00:00.0009999Z": past, // after now, and not after now in whole milliseconds
		"2026-03-01T12:59:59+01:00":    past,
		"0000-01-01T00:00:00Z":         past,
		"2026-03-01T13:00:00,5Z":       notTime,
		"2026-03-01T13:00:00.Z":        notTime,
		"2026-03-01T13:00:00":          notTime,
		"2026-03-01T13:00Z":            notTime,
		"2026-03-01T9:00:00Z":          notTime,
		"2026-03-02T1:00:00Z":          notTime,
		"2026-03-01T24:00:00Z":         notTime,
		"2026-03-01T13:00:60Z":         notTime,
		"2026-02-29T13:00:00Z":         notTime,
		"2026-03-02T13:00:00+24:00":    notTime,
		"2026-03-01T15:00:00+02:60":    notTime,
		"2026-03-01T15:00:00+0200":     notTime,
		"2026-03-01T13:00:00 Z":        notTime,
		"2026-03-01 13:00:00Z":         notTime,
		"2026-03-01t13:00:00Z":         notTime,
		"2026-03-01T13:00:00z":         notTime,
		"2026-03-01":                   notTime,
		" 2026-03-01T13:00:00Z":        notTime,
		"2026-03-01T13:00:00Z\\n":      notTime,
		"+2026-03-01T13:00:00Z":        notTime,
		"１２３４-03-01T13:00:00Z":         notTime,
		"tomorrow":                     notTime,
		"":                             notTime,
	} {
		body := `{"directives":[{"id":"a","level":"Off","expires_at":"` + written + `"}]}`
		for _, yaml := range []bool{false, true} {
			set, err := ParseBody([]byte(body), now, BodyOptions{YAML: yaml})
			if reason != "" {
				require.EqualError(t, err, "directives[0].expires_at: "+reason, written)
				continue
			}
			require.NoError(t, err, written)
			again, err := ParseBody(AppendBody(nil, set), now, BodyOptions{})
			require.NoError(t, err, written)
			require.Equal(t, set.Directives(), again.Directives(), written)
		}
	}
}

// TestParseBody_TTLRoundedDown checks that a TTL counts from now in whole milliseconds,
// rounded down, so that a directive never lasts longer than its TTL.
func TestParseBody_TTLRoundedDown(t *testing.T) {
	t.Parallel()
	for _, nanos := range []int{0, 1, 999_999, 1_000_000, 999_999_999} {
		at := time.Date(2026, 3, 1, 12, 0, 0, nanos, time.UTC)
		set, err := ParseBody([]byte(bodyOf("")), at, BodyOptions{})
		require.NoError(t, err)
		end := set.Directives()[0].ExpiresAt
		require.False(t, end.After(at.Add(time.Minute)))
		require.Less(t, at.Add(time.Minute).Sub(end), time.Millisecond)
	}
}

func TestParseBody_AtLimits(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"empty set":   `{"directives":[]}`,
		"longest id":  `{"directives":[{"id":"` + strings.Repeat("x", 128) + `","level":"Off","ttl_secs":1}]}`,
		"longest":     bodyOf(`,"tenant":"` + strings.Repeat("x", 256) + `"`),
		"sample 0":    bodyOf(`,"sample_per_mille":0`),
		"sample 1000": bodyOf(`,"sample_per_mille":1000`),
		"24 hours":    strings.Replace(bodyOf(""), "60", "86400", 1),
		"latest":      `{"directives":[{"id":"a","level":"Off","expires_at":"2026-03-02T12:00:00Z"}]}`,
		"largest":     bodyOf(strings.Repeat(" ", MaxBodyBytes-len(bodyOf("")))),
		"10,000":      manyBody(directive.MaxDirectives),
	} {
		_, err := ParseBody([]byte(body), now, BodyOptions{})
		require.NoError(t, err, name)
	}
	_, err := ParseBody([]byte(strings.Replace(bodyOf(""), "60", "172800", 1)), now, BodyOptions{MaxTTL: 48 * time.Hour})
	require.NoError(t, err)
	_, err = ParseBody([]byte(bodyOf("")), now, BodyOptions{MaxTTL: time.Minute})
	require.NoError(t, err)
	_, err = ParseBody([]byte(bodyOf("")), now, BodyOptions{MaxTTL: time.Minute - 1})
	require.EqualError(t, err, "directives[0].ttl_secs: must be 1 to 59")
}

// TestParseBody_ErrorsQuoteNoValues checks that no error quotes a value of the body,
// because proxies log errors.
func TestParseBody_ErrorsQuoteNoValues(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t"
	for _, field := range []string{
		"id", "level", "ttl_secs", "expires_at", "tenant", "index", "principal", "endpoint", "sample_per_mille", "capture",
		"instances", "max_per_second",
	} {
		for _, value := range []string{
			`"%s"`, `"%s`, `"\\q%s"`, `"%s\\ud800"`, "%s", "*%s", "&%s x", "!%s x", "!%s!x y", "!!int %s", "[%s", "{%s: 1", "@%s", "`%s", "%%%s",
			`"%s" "%[1]s"`, "a: %s: %[1]s", "|\n%s", "'%s", "%s\x00", "1%s", "-%s", "? %s", "<<: *%s", "\u2028%s", "!<%s", "!a%%zz%s x",
			`["%s"]`, `{"a":"%s"}`, `null,"tenant":"%s"`, `"%[1]s","%[2]s":"%[1]s"`,
		} {
			value = strings.SplitN(fmt.Sprintf(value, secret, field), "%!", 2)[0]
			for _, body := range []string{`{"directives":[{"` + field + `":` + value + `}]}`, "directives:\n- " + field + ": " + value + "\n"} {
				for _, yaml := range []bool{false, true} {
					_, err := ParseBody([]byte(body), now, BodyOptions{YAML: yaml})
					require.Error(t, err, body)
					if !strings.Contains(err.Error(), "unknown field") {
						require.NotContains(t, err.Error(), secret, body)
					}
				}
			}
		}
	}
}

// manyFields returns an object with n fields.
func manyFields(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"f%d":1`, i)
	}
	return "{" + b.String()[1:] + "}"
}

// manyBody returns a body with n directives.
func manyBody(n int) string {
	var b strings.Builder
	b.WriteString(`{"directives":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":"d%d","level":"Shape","ttl_secs":600,"tenant":"tenant-%d","endpoint":"Search"}`, i, i)
	}
	b.WriteString(`]}`)
	return b.String()
}

// yamlDirective returns directive i of manyBody as a YAML block.
func yamlDirective(i int) string {
	return fmt.Sprintf("- id: d%d\n  level: Shape\n  ttl_secs: 600\n  tenant: tenant-%d\n  endpoint: Search\n", i, i)
}

func TestRevision_AppendJSON(t *testing.T) {
	t.Parallel()
	got := goldenRevisions(t)["incident"].AppendJSON(nil)
	require.Equal(t, `{
  "version": 42,
  "id": "00112233445566778899aabbccddeeff",
  "published_at": "2026-09-21T14:13:20.123Z",
  "publisher": "ops@host",
  "reason": "Störung bei acme",
  "directives": [
    {
      "id": "acme-search",
      "level": "ShapeTiming",
      "sample_per_mille": 100,
      "expires_at": "2026-09-21T14:23:20.000Z",
      "ring_buffer": false,
      "capture": false,
      "tenant": "acme",
      "endpoint": "Search"
    },
    {
      "id": "all",
      "level": "Off",
      "sample_per_mille": 1000,
      "expires_at": "5138-11-16T09:46:39.999Z",
      "ring_buffer": true,
      "capture": true,
      "tenant": "acme",
      "index": "orders",
      "principal": "svc",
      "endpoint": "Unknown"
    }
  ]
}
`, string(got))
}
