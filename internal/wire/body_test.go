package wire

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/directive"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 999_999, time.UTC)

// bodyOf puts the fields of one directive into a body.
func bodyOf(fields string) string {
	return `{"directives":[{"id":"a","level":"Shape","ttl_secs":60` + fields + `}]}`
}

const (
	notWhole = "must be a whole number, in digits alone: no sign, fraction or exponent"
	levels   = "unknown level: use Off, Shape, ShapeTiming or ShapeRewriteDiff"
)

func TestP5DoubtfulJSONBodiesAreRefused(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ body, path, reason string }{
		"tenant number":   {bodyOf(`,"tenant":5`), "directives[0].tenant", "must be a string, not a number"},
		"tenant boolean":  {bodyOf(`,"tenant":true`), "directives[0].tenant", "must be a string, not a boolean"},
		"tenant array":    {bodyOf(`,"tenant":["acme"]`), "directives[0].tenant", "must be a string, not an array"},
		"tenant object":   {bodyOf(`,"tenant":{}`), "directives[0].tenant", "must be a string, not an object"},
		"tenant null":     {bodyOf(`,"tenant":null`), "directives[0].tenant", "must be a string, not null"},
		"index null":      {bodyOf(`,"index":null`), "directives[0].index", "must be a string, not null"},
		"principal null":  {bodyOf(`,"principal":null`), "directives[0].principal", "must be a string, not null"},
		"endpoint null":   {bodyOf(`,"endpoint":null`), "directives[0].endpoint", "must be a string, not null"},
		"tenant empty":    {bodyOf(`,"tenant":""`), "directives[0].tenant", "must not be empty"},
		"tenant repeated": {bodyOf(`,"tenant":"a","tenant":"b"`), "directives[0].tenant", "is repeated"},
		"behind an escape": {
			bodyOf(`,"tenant":"a","\u0074enant":"b"`), "directives[0].tenant", "is repeated",
		},
		"id repeated":      {bodyOf(`,"id":"b"`), "directives[0].id", "is repeated"},
		"Tenant":           {bodyOf(`,"Tenant":"a"`), "directives[0]", `unknown field "Tenant": did you mean "tenant"?`},
		"tennant":          {bodyOf(`,"tennant":"a"`), "directives[0]", `unknown field "tennant": did you mean "tenant"?`},
		"something":        {bodyOf(`,"something":"a"`), "directives[0]", `unknown field "something"`},
		"long unknown":     {bodyOf(`,"` + strings.Repeat("é", 40) + `":1`), "directives[0]", `unknown field "` + strings.Repeat("é", 20) + `…"`},
		"level case":       {strings.Replace(bodyOf(""), "Shape", "shape", 1), "directives[0].level", levels},
		"level number":     {strings.Replace(bodyOf(""), `"Shape"`, "1", 1), "directives[0].level", "must be a string, not a number"},
		"endpoint case":    {bodyOf(`,"endpoint":"search"`), "directives[0].endpoint", "unknown endpoint: use IngestDoc, IngestBulk, Search, MultiSearch, Count, GetById, MultiGet, DeleteById, DeleteByQuery, Cursor, Admin or Unknown"},
		"endpoint Any":     {bodyOf(`,"endpoint":"Any"`), "directives[0].endpoint", "unknown endpoint: use IngestDoc, IngestBulk, Search, MultiSearch, Count, GetById, MultiGet, DeleteById, DeleteByQuery, Cursor, Admin or Unknown"},
		"sample negative":  {bodyOf(`,"sample_per_mille":-1`), "directives[0].sample_per_mille", notWhole},
		"sample minus 0":   {bodyOf(`,"sample_per_mille":-0`), "directives[0].sample_per_mille", notWhole},
		"sample fraction":  {bodyOf(`,"sample_per_mille":1.0`), "directives[0].sample_per_mille", notWhole},
		"sample exponent":  {bodyOf(`,"sample_per_mille":1e2`), "directives[0].sample_per_mille", notWhole},
		"sample above":     {bodyOf(`,"sample_per_mille":1001`), "directives[0].sample_per_mille", "must be 0 to 1000"},
		"sample overflow":  {bodyOf(`,"sample_per_mille":18446744073709551617`), "directives[0].sample_per_mille", "must be 0 to 1000"},
		"sample string":    {bodyOf(`,"sample_per_mille":"10"`), "directives[0].sample_per_mille", "must be a number, not a string"},
		"ring_buffer 1":    {bodyOf(`,"ring_buffer":1`), "directives[0].ring_buffer", "must be a boolean, not a number"},
		"ring_buffer text": {bodyOf(`,"ring_buffer":"true"`), "directives[0].ring_buffer", "must be a boolean, not a string"},
		"capture null":     {bodyOf(`,"capture":null`), "directives[0].capture", "must be a boolean, not null"},
		"ttl zero":         {strings.Replace(bodyOf(""), "60", "0", 1), "directives[0].ttl_secs", "must be 1 to 86400"},
		"ttl too long":     {strings.Replace(bodyOf(""), "60", "86401", 1), "directives[0].ttl_secs", "must be 1 to 86400"},
		"ttl negative":     {strings.Replace(bodyOf(""), "60", "-60", 1), "directives[0].ttl_secs", notWhole},
		"ttl null":         {strings.Replace(bodyOf(""), "60", "null", 1), "directives[0].ttl_secs", "must be a number, not null"},
		"ttl and expiry":   {bodyOf(`,"expires_at":"2026-03-01T13:00:00Z"`), "directives[0].expires_at", "ttl_secs and expires_at exclude each other: give one of the two"},
		"no end":           {`{"directives":[{"id":"a","level":"Off"}]}`, "directives[0].ttl_secs", "is missing, and so is expires_at: give one of the two"},
		"no id":            {`{"directives":[{"level":"Off","ttl_secs":1}]}`, "directives[0].id", "is missing"},
		"no level":         {`{"directives":[{"id":"a","ttl_secs":1}]}`, "directives[0].level", "is missing"},
		"same ids":         {`{"directives":[{"id":"a","level":"Off","ttl_secs":1},{"id":"a","level":"Off","ttl_secs":1}]}`, "directives[1].id", "is the same as that of directives[0]"},
		"no directives":    {`{}`, "directives", "is missing"},
		"Directives":       {`{"Directives":[]}`, "", `unknown field "Directives": did you mean "directives"?`},
		"twice":            {`{"directives":[],"directives":[]}`, "directives", "is repeated"},
		"more beside":      {`{"directives":[],"version":1}`, "", `unknown field "version"`},
		"directives null":  {`{"directives":null}`, "directives", "must be an array, not null"},
		"directive string": {`{"directives":["a"]}`, "directives[0]", "must be an object, not a string"},
		"array":            {`[]`, "", "must be an object, not an array"},
		"null":             {`null`, "", "must be an object, not null"},
		"nothing":          {"", "", "the body is empty"},
		"white space":      {" \n", "", "the body is empty"},
		"second value":     {`{"directives":[]} {}`, "", "something follows the end of the JSON, at line 1, column 18"},
		"garbage after":    {`{"directives":[]}x`, "", "something follows the end of the JSON, at line 1, column 18"},
		"cut":              {`{"directives":[`, "directives[0]", "not valid JSON: unexpected EOF, at line 1, column 16"},
		"comma":            {"{\n\"directives\":[],}", "", "not valid JSON: invalid character ',' at start of value, at line 2, column 16"},
		"byte order mark":  {"\uFEFF{}", "", "the body begins with a byte order mark: save it without"},
		"not UTF-8":        {bodyOf(",\"tenant\":\"\xff\""), "", "the body is not valid UTF-8"},
		"lone surrogate":   {bodyOf(`,"tenant":"\ud800"`), "directives[0].tenant", "not valid JSON: invalid surrogate pair, at line 1, column 66"},
		"deep":             {strings.Repeat("[", 1_000_000), strings.Repeat("[0]", 16), "is nested too deep"},
		"deep in a field":  {bodyOf(`,"tenant":` + strings.Repeat(`{"a":`, 100_000)), "directives[0].tenant" + strings.Repeat(".a", 13), "is nested too deep"},
		"expiry number":    {`{"directives":[{"id":"a","level":"Off","expires_at":1772370000}]}`, "directives[0].expires_at", "must be a string, not a number"},
		"expiry past":      {`{"directives":[{"id":"a","level":"Off","expires_at":"2026-03-01T12:00:00Z"}]}`, "directives[0].expires_at", "is in the past"},
		"expiry far":       {`{"directives":[{"id":"a","level":"Off","expires_at":"2026-03-02T12:00:00.001Z"}]}`, "directives[0].expires_at", "is more than 24h0m0s from now"},
		"expiry loose":     {`{"directives":[{"id":"a","level":"Off","expires_at":"2026-03-01T13:00:00,5Z"}]}`, "directives[0].expires_at", "must be a time as in RFC 3339, such as 2006-01-02T15:04:05Z"},
		"expiry no zone":   {`{"directives":[{"id":"a","level":"Off","expires_at":"2026-03-01T13:00:00"}]}`, "directives[0].expires_at", "must be a time as in RFC 3339, such as 2006-01-02T15:04:05Z"},
		"id long":          {`{"directives":[{"id":"` + strings.Repeat("x", 129) + `","level":"Off","ttl_secs":1}]}`, "directives[0].id", "is 129 bytes, the limit is 128"},
		"tenant long":      {bodyOf(`,"tenant":"` + strings.Repeat("x", 257) + `"`), "directives[0].tenant", "is 257 bytes, the limit is 256"},
		"too large":        {bodyOf(strings.Repeat(" ", MaxBodyBytes)), "", "the body is 4194361 bytes, the limit is 4194304"},
		"too many":         {`{"directives":[` + strings.Repeat(`{},`, directive.MaxDirectives) + `{}]}`, "directives", "holds 10001, the limit is 10000"},
		"too many values":  {`{"directives":[` + strings.Repeat(`1,`, maxNodes) + `1]}`, "directives[199998]", "the body holds more than 200000 values"},
		"too many fields":  {manyFields(maxEntries + 1), "", "has more than 64 fields"},
	}
	for name, c := range cases {
		_, err := ParseBody([]byte(c.body), now, BodyOptions{})
		assertRefused(t, name, err, c.path, c.reason)
	}
}

func assertRefused(t *testing.T, name string, err error, path, reason string) {
	t.Helper()
	invalid := new(directive.ValidationError)
	if assert.Error(t, err, name) && assert.True(t, errors.As(err, &invalid), name) {
		assert.Equal(t, path, invalid.Path, name)
		assert.Equal(t, reason, invalid.Reason, name)
	}
}

func TestP5DoubtfulYAMLBodiesAreRefused(t *testing.T) {
	t.Parallel()
	with := func(field string) string {
		return "directives:\n- id: a\n  level: Shape\n  ttl_secs: 60\n  " + field + "\n"
	}
	cases := map[string]struct{ body, path, reason string }{
		"number":          {with("tenant: 5"), "directives[0].tenant", "must be a string, not a number"},
		"octal":           {with("tenant: 0o17"), "directives[0].tenant", "must be a string, not a number"},
		"date":            {with("tenant: 2026-01-01"), "directives[0].tenant", "must be a string, not a number"},
		"infinity":        {with("tenant: .inf"), "directives[0].tenant", "must be a string, not a number"},
		"boolean":         {with("tenant: true"), "directives[0].tenant", "must be a string, not a boolean"},
		"yes":             {with("tenant: yes"), "directives[0].tenant", "must be a string: put it in quotes"},
		"NO":              {with("tenant: NO"), "directives[0].tenant", "must be a string: put it in quotes"},
		"nothing":         {with("tenant:"), "directives[0].tenant", "must be a string, not null"},
		"tilde":           {with("tenant: ~"), "directives[0].tenant", "must be a string, not null"},
		"null":            {with("tenant: Null"), "directives[0].tenant", "must be a string, not null"},
		"True":            {with("capture: True"), "directives[0].capture", "must be true or false"},
		"on":              {with("capture: on"), "directives[0].capture", "must be true or false"},
		"quoted boolean":  {with(`capture: "true"`), "directives[0].capture", "must be a boolean, not a string"},
		"hex":             {with("sample_per_mille: 0x10"), "directives[0].sample_per_mille", notWhole},
		"underscore":      {with("sample_per_mille: 1_0"), "directives[0].sample_per_mille", notWhole},
		"leading zero":    {with("sample_per_mille: 010"), "directives[0].sample_per_mille", notWhole},
		"plus":            {with("sample_per_mille: +10"), "directives[0].sample_per_mille", notWhole},
		"quoted number":   {with(`sample_per_mille: "10"`), "directives[0].sample_per_mille", "must be a number, not a string"},
		"repeated":        {with("tenant: a\n  tenant: b"), "directives[0].tenant", "is repeated"},
		"behind escape":   {with("tenant: a\n  \"\\x74enant\": b"), "directives[0].tenant", "is repeated"},
		"anchor":          {with("tenant: &x a"), "directives[0].tenant", "YAML anchors are not allowed, at line 5"},
		"alias":           {"directives: &x []\nmore: *x\n", "directives", "YAML anchors are not allowed, at line 1"},
		"tag":             {with("tenant: !!str 5"), "directives[0].tenant", "YAML tags are not allowed, at line 5"},
		"merge":           {with("<<: {tenant: a}"), "directives[0]", `unknown field "<<"`},
		"documents":       {with("tenant: a") + "---\n" + with("tenant: b"), "", "holds more than one YAML document"},
		"mapping key":     {with("? {a: b}\n  : c"), "directives[0]", "has a field whose name is no string, at line 5"},
		"only a comment":  {"# nothing\n", "", "the body is empty"},
		"only a document": {"---\n", "", "must be an object, not null"},
		"string":          {"directives\n", "", "must be an object, not a string"},
		"byte order mark": {"\uFEFFdirectives: []\n", "", "the body begins with a byte order mark: save it without"},
		"deep":            {"a: " + strings.Repeat("[", 1000) + strings.Repeat("]", 1000), "a" + strings.Repeat("[0]", 15), "is nested too deep"},
		"misspelt":        {with("end_point: Search"), "directives[0]", `unknown field "end_point": did you mean "endpoint"?`},
	}
	for name, c := range cases {
		_, err := ParseBody([]byte(c.body), now, BodyOptions{YAML: true})
		assertRefused(t, name, err, c.path, c.reason)
	}
	for _, broken := range []string{
		"a: b: c", "\tdirectives: []", "{", "directives: [}", strings.Repeat("[", 1_000_000), strings.Repeat("- ", 1_000_000),
	} {
		_, err := ParseBody([]byte(broken), now, BodyOptions{YAML: true})
		assert.Error(t, err, "%.20q", broken)
	}
}

func TestGoodBodies(t *testing.T) {
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
		"YAML": `# what for
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
			assert.True(t, want[i].ExpiresAt.Equal(got[i].ExpiresAt), "%s: %v", name, got[i].ExpiresAt)
			got[i].ExpiresAt = want[i].ExpiresAt
		}
		assert.Equal(t, want, got, name)
	}
}

func TestBodiesAtTheLimits(t *testing.T) {
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
		assert.NoError(t, err, name)
	}
	_, err := ParseBody([]byte(strings.Replace(bodyOf(""), "60", "172800", 1)), now, BodyOptions{MaxTTL: 48 * time.Hour})
	assert.NoError(t, err)
}

func manyFields(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"f%d":1`, i)
	}
	return "{" + b.String()[1:] + "}"
}

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

func TestRevisionAsJSON(t *testing.T) {
	t.Parallel()
	got := AppendRevision(nil, goldenRevisions(t)["incident"])
	assert.Equal(t, `{
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

func fuzzBody(f *testing.F, yaml bool) {
	f.Add([]byte(bodyOf(`,"tenant":"acme","endpoint":"Search"`)))
	f.Add([]byte(`{"directives":[{"id":"b","level":"Off","expires_at":"2026-03-01T13:01:00Z","capture":true}]}`))
	f.Add([]byte(bodyOf(`,"tenant":"a","\u0074enant":"b"`)))
	f.Add([]byte("directives:\n- id: a\n  level: Off\n  ttl_secs: 60\n  tenant: &x |\n    b\n"))
	f.Add([]byte("directives:\n- {id: a, level: Off, expires_at: 2026-03-01T13:01:00Z}\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		set, err := ParseBody(body, now, BodyOptions{YAML: yaml})
		if err != nil {
			invalid := new(directive.ValidationError)
			require.True(t, errors.As(err, &invalid), "%v", err)
			return
		}
		again, err := ParseBody(AppendBody(nil, set), now, BodyOptions{})
		require.NoError(t, err)
		require.Equal(t, set.Directives(), again.Directives())
	})
}

func FuzzJSONBody(f *testing.F) { fuzzBody(f, false) }
func FuzzYAMLBody(f *testing.F) { fuzzBody(f, true) }

func BenchmarkParseBody(b *testing.B) {
	body := []byte(manyBody(directive.MaxDirectives))
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		_, err := ParseBody(bytes.Clone(body), now, BodyOptions{})
		require.NoError(b, err)
	}
}
