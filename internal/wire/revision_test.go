package wire

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/fleetdial/fleetdial/internal/directive"
)

var update = flag.Bool("update", false, "write the golden files again")

func newSet(t testing.TB, directives ...directive.Directive) *directive.Set {
	t.Helper()
	set, err := directive.NewSet(directives)
	require.NoError(t, err)
	return set
}

func goldenRevisions(t testing.TB) map[string]Revision {
	common := Revision{
		Version:     42,
		ID:          "00112233445566778899aabbccddeeff",
		PublishedAt: time.UnixMilli(1_790_000_000_123),
	}
	empty, incident := common, common
	empty.Set = newSet(t)
	incident.PublishedBy = "ops@host"
	incident.Reason = "Störung bei acme"
	incident.Set = newSet(t,
		directive.Directive{
			ID: "acme-search", Level: directive.ShapeTiming, SamplePerMille: 100,
			Match:     directive.Match{Tenant: "acme", Endpoint: directive.Search},
			ExpiresAt: time.UnixMilli(1_790_000_600_000),
		},
		directive.Directive{
			ID: "all", Level: directive.Off, SamplePerMille: 1000, RingBuffer: true, Capture: true,
			Match:     directive.Match{Tenant: "acme", Index: "orders", Principal: "svc", Endpoint: directive.Unknown},
			ExpiresAt: time.UnixMilli(directive.MaxMillis),
		},
	)
	canary := common
	canary.Set = newSet(t, canaryDirectives()...)
	return map[string]Revision{"empty": empty, "incident": incident, "canary": canary}
}

func TestEncode_GoldenBytes(t *testing.T) {
	t.Parallel()
	for name, rev := range goldenRevisions(t) {
		path := filepath.Join("testdata", name+".msgpack")
		got, err := Encode(rev)
		require.NoError(t, err)
		if *update {
			require.NoError(t, os.WriteFile(path, got, 0o644))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, want, got, "%s: Encode must return the golden bytes", name)

		back, err := Decode(want)
		require.NoError(t, err)
		assertSameRevision(t, rev, back)

		header, err := DecodeHeader(want[:min(len(want), HeaderBytes)])
		require.NoError(t, err)
		assert.Equal(t, rev.ID, header.ID)
		assert.Equal(t, rev.Version, header.Version)
		assert.True(t, rev.PublishedAt.Equal(header.PublishedAt))
	}
}

func assertSameRevision(t testing.TB, want, got Revision) {
	t.Helper()
	assert.Equal(t, want.Set.Directives(), got.Set.Directives())
	want.Set, got.Set = nil, nil
	assert.Equal(t, want, got)
}

func TestDecodeHeader_HeaderBytesSuffice(t *testing.T) {
	t.Parallel()
	rev := goldenRevisions(t)["incident"]
	rev.Version, rev.PublishedAt = directive.MaxMillis, time.UnixMilli(directive.MaxMillis)
	value, err := Encode(rev)
	require.NoError(t, err)
	_, err = DecodeHeader(value[:HeaderBytes])
	require.NoError(t, err)
}

// fields is a msgpack map that keeps its order. Tests change one field of it at a time.
type fields []any

func (f fields) EncodeMsgpack(e *msgpack.Encoder) error {
	if err := e.EncodeMapLen(len(f) / 2); err != nil {
		return err
	}
	return e.EncodeMulti(f...)
}

func (f fields) with(key string, value any) fields {
	out := append(fields{}, f...)
	for i := 0; i < len(out); i += 2 {
		if out[i] == key {
			out[i+1] = value
		}
	}
	return out
}

func (f fields) without(key string) fields {
	out := fields{}
	for i := 0; i < len(f); i += 2 {
		if f[i] != key {
			out = append(out, f[i], f[i+1])
		}
	}
	return out
}

var (
	goodDirective = fields{
		"id", "a", "level", "Shape", "sample_per_mille", 1000, "expires_at", 1_790_000_600_000,
		"ring_buffer", false, "capture", false, "tenant", "acme",
	}
	goodValue = fields{
		"format", 1, "id", strings.Repeat("0a", 16), "version", 1, "published_at", 1_790_000_000_000,
		"publisher", "p", "reason", "r", "directives",
		[]any{goodDirective},
	}
)

func withDirective(d any) fields { return goodValue.with("directives", []any{d}) }

func pack(t testing.TB, v any) []byte {
	t.Helper()
	b, err := msgpack.Marshal(v)
	require.NoError(t, err)
	return b
}

func TestDecode_RejectedFields(t *testing.T) {
	t.Parallel()
	_, err := Decode(pack(t, goodValue))
	require.NoError(t, err, "the unchanged value must be valid")

	d := goodDirective
	cases := map[string]struct {
		value any
		want  string
	}{
		"format":            {goodValue.with("format", 3), "format: is 3, this fleetdial reads up to 2"},
		"id short":          {goodValue.with("id", "0a"), "id: must be 32 hex digits in lower case"},
		"id upper":          {goodValue.with("id", strings.Repeat("0A", 16)), "id: must be 32 hex digits in lower case"},
		"version zero":      {goodValue.with("version", 0), "version: must be 1 to 99999999999999"},
		"version negative":  {goodValue.with("version", -1), "version: must be 1 to 99999999999999"},
		"version huge":      {goodValue.with("version", uint64(1)<<63), "version: must be 1 to 99999999999999"},
		"version nil":       {goodValue.with("version", nil), "version: must be of type integer, not nil"},
		"publisher missing": {goodValue.without("publisher"), "reason: found where publisher is expected"},
		"last missing":      {goodValue.without("directives"), "directives: is missing"},
		"order":             {append(fields{"id", "x"}, goodValue...), "id: found where format is expected"},
		"more":              {append(goodValue, "extra", 1), `unknown field "extra"`},
		"repeated":          {append(goodValue, "reason", "x"), "reason: is repeated"},
		"reason long":       {goodValue.with("reason", strings.Repeat("x", 1025)), "reason: is 1025 bytes, the limit is 1024"},
		"directives a map":  {goodValue.with("directives", fields{}), "directives: must be of type array, not map"},
		"directive array":   {withDirective([]int{1}), "directives[0]: must be of type map, not array"},
		"tenant number":     {withDirective(d.with("tenant", 5)), "directives[0].tenant: must be of type string, not integer"},
		"tenant nil":        {withDirective(d.with("tenant", nil)), "directives[0].tenant: must be of type string, not nil"},
		"tenant empty":      {withDirective(d.with("tenant", "")), "directives[0].tenant: must not be empty"},
		"tenant not UTF-8":  {withDirective(d.with("tenant", "\xff")), "directives[0].tenant: is not valid UTF-8"},
		"tenant repeated":   {withDirective(append(d, "tenant", "b")), "directives[0].tenant: is repeated"},
		"Tenant":            {withDirective(append(d.without("tenant"), "Tenant", "b")), `directives[0]: unknown field "Tenant"`},
		"level case":        {withDirective(d.with("level", "shape")), "directives[0].level: unknown level (use Off, Shape, ShapeTiming or ShapeRewriteDiff)"},
		"sample above":      {withDirective(d.with("sample_per_mille", 1001)), "directives[0].sample_per_mille: must be 0 to 1000"},
		"ring_buffer int":   {withDirective(d.with("ring_buffer", 1)), "directives[0].ring_buffer: must be of type boolean, not integer"},
		"capture missing":   {withDirective(d.without("capture")), "directives[0].capture: is missing"},
		"expires_at zero":   {withDirective(d.with("expires_at", 0)), "directives[0].expires_at: must be 1 to 99999999999999"},
		"same ids":          {goodValue.with("directives", []any{d, d}), "directives[1].id: is the same as that of directives[0]"},
	}
	for name, c := range cases {
		_, err := Decode(pack(t, c.value))
		assert.EqualError(t, err, c.want, name)
		invalid := new(directive.ValidationError)
		assert.True(t, errors.As(err, &invalid), name)
	}
}

// hostile returns bytes that are known to crash decoders or to exhaust their memory. Some
// are megabytes long.
func hostile(t testing.TB) map[string][]byte {
	good := pack(t, goodValue)
	return map[string][]byte{
		"empty":                   {},
		"nil":                     {0xc0},
		"array":                   {0x90},
		"array of 4 billion":      {0xdd, 0xff, 0xff, 0xff, 0xff},
		"map of 4 billion":        {0xdf, 0xff, 0xff, 0xff, 0xff},
		"string of 4 GB":          {0x81, 0xdb, 0xff, 0xff, 0xff, 0xff},
		"bin":                     {0x81, 0xa1, 'a', 0xc4, 0x00},
		"ext before a map":        {0xc7, 0x00, 0x01, 0x80},
		"float":                   append([]byte{0x81, 0xa1, 'a', 0xcb}, make([]byte, 8)...),
		"never used byte":         {0x81, 0xa1, 'a', 0xc1},
		"3 MB of nested arrays":   append([]byte{0x81, 0xa1, 'a'}, bytes.Repeat([]byte{0x91}, 3<<20)...),
		"3 MB of nested maps":     bytes.Repeat([]byte{0x81}, 3<<20),
		"4 MB of empty arrays":    append([]byte{0x81, 0xa1, 'a', 0xdd, 0x00, 0x3f, 0x00, 0x00}, bytes.Repeat([]byte{0x90}, 0x3f0000)...),
		"4 MB of empty maps":      append([]byte{0x87, 0xa1, 'a', 0xdd, 0x00, 0x3f, 0x00, 0x00}, bytes.Repeat([]byte{0x80}, 0x3f0000)...),
		"truncated":               good[:len(good)-1],
		"trailing":                append(bytes.Clone(good), 0x00),
		"signature is no map":     append(bytes.Clone(good), 0x91, 0x00),
		"data after a signature":  append(bytes.Clone(good), 0x80, 0x80),
		"signature nested deeply": append(bytes.Clone(good), append([]byte{0x81, 0xa1, 'a'}, bytes.Repeat([]byte{0x91}, 3<<20)...)...),
		"more than the limit":     append(bytes.Clone(good), bytes.Repeat([]byte{0x80}, MaxValueBytes)...),
		"10,001 empty directives": pack(t, goodValue.with("directives", make([]fields, directive.MaxDirectives+1))),
		"10,000 bad instances":    pack(t, goodValue.with("format", 2).with("directives", manyDirectives("instances", fields{"names", manyNames(9)}))),
		"10,000 bad labels":       pack(t, goodValue.with("format", 2).with("directives", manyDirectives("instances", fields{"labels", pairs(16)}))),
		"100 names announced":     pack(t, detailedValue("instances", fields{"names", make([]any, 100)})),
		"10,000 nil directives":   pack(t, goodValue.with("directives", make([]any, directive.MaxDirectives))),
	}
}

func TestDecode_HostileBytesAllocateLittle(t *testing.T) {
	// The test is not parallel, because it measures the allocations of the whole process.
	for name, b := range hostile(t) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Decode(b)
		_, headerErr := DecodeHeader(b)
		runtime.ReadMemStats(&after)
		require.Error(t, err, name)
		if len(b) < 10 {
			require.Error(t, headerErr, name)
		}
		allocated := after.TotalAlloc - before.TotalAlloc
		assert.LessOrEqual(t, allocated, uint64(4*len(b)+16<<10), "%s: %d bytes allocated for %d", name, allocated, len(b))
	}
}

func TestDecode_SignatureAccepted(t *testing.T) {
	t.Parallel()
	signed := append(pack(t, goodValue), pack(t, fields{"key", "k", "signature", "s"})...)
	rev, err := Decode(signed)
	require.NoError(t, err)
	assert.Equal(t, 1, rev.Set.Len())
}

func TestEncode_TooLarge(t *testing.T) {
	t.Parallel()
	rev := goldenRevisions(t)["empty"]
	all := make([]directive.Directive, directive.MaxDirectives)
	long := strings.Repeat("n", directive.MaxNameBytes)
	for i := range all {
		all[i] = directive.Directive{
			ID: NewID(), Match: directive.Match{Tenant: long, Index: long}, ExpiresAt: rev.PublishedAt,
		}
	}
	rev.Set = newSet(t, all...)
	_, err := Encode(rev)
	assert.ErrorContains(t, err, "the limit is 4194304")
}

func FuzzDecode(f *testing.F) {
	for _, rev := range goldenRevisions(f) {
		value, err := Encode(rev)
		require.NoError(f, err)
		f.Add(value)
	}
	for _, b := range hostile(f) {
		if len(b) < 1<<10 {
			f.Add(b)
		}
	}
	for _, fields := range detailSeeds {
		set, err := ParseBody([]byte(bodyOf(fields)), now, BodyOptions{})
		if err != nil {
			continue
		}
		value, err := Encode(Revision{Version: 1, ID: NewID(), PublishedAt: now, Set: set})
		require.NoError(f, err)
		f.Add(value)
		f.Add(append(value, "\x81\xa3key\xa1a"...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		rev, err := Decode(b)
		if err != nil {
			return
		}
		again, err := Encode(rev)
		require.NoError(t, err)
		require.Equal(t, FormatOf(rev.Set), formatIn(t, again))
		back, err := Decode(again)
		require.NoError(t, err)
		assertSameRevision(t, Revision{
			Version: rev.Version, ID: rev.ID, PublishedAt: rev.PublishedAt, PublishedBy: rev.PublishedBy, Reason: rev.Reason, Set: rev.Set,
		}, back)
		requireMeans(t, asMsgpack(t, b), rev.Set)
		header, err := DecodeHeader(b[:min(len(b), HeaderBytes)])
		require.NoError(t, err, "DecodeHeader must accept the header of a valid value")
		require.Equal(t, rev.ID, header.ID)
	})
}

func FuzzDecodeHeader(f *testing.F) {
	for _, b := range hostile(f) {
		f.Add(b[:min(len(b), HeaderBytes)])
	}
	f.Add(pack(f, goodValue)[:HeaderBytes])
	for _, format := range unknownFormats {
		f.Add(pack(f, goodValue.with("format", format))[:HeaderBytes])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		header, err := DecodeHeader(b)
		invalid, _ := errors.AsType[*directive.ValidationError](err)
		if err != nil && (invalid == nil || invalid.Path != "format") {
			require.Zero(t, header)
			return
		}
		// A revision comes with the error for an unknown format, unless its header is another.
		if header != (Revision{}) || err == nil {
			require.NoError(t, checkID(header.ID))
			require.Positive(t, header.Version)
			require.Positive(t, header.PublishedAt.UnixMilli())
		}
	})
}

func TestDecode_MaxDepth(t *testing.T) {
	t.Parallel()
	// The signature may nest. Its own map is the first level.
	withSignature := func(arrays int) []byte {
		b := append(pack(t, goodValue), 0x81, 0xa1, 'a')
		return append(append(b, bytes.Repeat([]byte{0x91}, arrays)...), 0x00)
	}
	_, err := Decode(withSignature(maxDepth - 1))
	require.NoError(t, err)
	_, err = Decode(withSignature(maxDepth))
	assert.ErrorContains(t, err, "nested too deeply")
}
