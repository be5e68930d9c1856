package wire

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/fleetdial/fleetdial/internal/directive"
)

func share(perMille int) *int { return &perMille }

// canaryDirectives returns directives with each field of format 2.
func canaryDirectives() []directive.Directive {
	d := func(id string, change func(*directive.Directive)) directive.Directive {
		d := directive.Directive{
			ID: id, Level: directive.Shape, SamplePerMille: 1000, ExpiresAt: time.UnixMilli(1_790_000_600_000),
		}
		change(&d)
		return d
	}
	return []directive.Directive{
		d("everywhere", func(d *directive.Directive) { d.Match.Tenant = "acme" }),
		d("all", func(d *directive.Directive) {
			d.Instances = &directive.Instances{
				Names: []string{"proxy-2", "proxy-1"}, Labels: map[string]string{"zone": "eu", "canary": "yes"}, PerMille: share(100),
			}
			d.MaxPerSecond = directive.MaxRate
		}),
		d("names", func(d *directive.Directive) { d.Instances = &directive.Instances{Names: []string{"proxy-1"}} }),
		d("labels", func(d *directive.Directive) {
			d.Instances = &directive.Instances{Labels: map[string]string{"zone": "Süd"}}
		}),
		d("share", func(d *directive.Directive) { d.Instances = &directive.Instances{PerMille: share(0)} }),
		d("limit", func(d *directive.Directive) { d.MaxPerSecond = 1 }),
	}
}

// formatIn returns the format that a value names. Its key is the first of the map.
func formatIn(t require.TestingT, value []byte) int {
	const head = "\x87\xa6format"
	require.True(t, bytes.HasPrefix(value, []byte(head)), "%x", value[:min(len(value), 16)])
	return int(value[len(head)])
}

func TestEncode_LowestFormat(t *testing.T) {
	t.Parallel()
	rev := goldenRevisions(t)["empty"]
	for id, want := range map[string]int{"everywhere": 1, "all": 2, "names": 2, "labels": 2, "share": 2, "limit": 2} {
		for _, d := range canaryDirectives() {
			if d.ID != id {
				continue
			}
			rev.Set = newSet(t, d)
			value, err := Encode(rev)
			require.NoError(t, err)
			assert.Equal(t, want, formatIn(t, value), id)
			assert.Equal(t, want, FormatOf(rev.Set), id)
		}
	}
	assert.Equal(t, 1, FormatOf(nil))
	// The bytes of format 1 are those of the golden files, which are older than format 2.
	for name, rev := range goldenRevisions(t) {
		value, err := Encode(rev)
		require.NoError(t, err)
		assert.Equal(t, map[string]int{"empty": 1, "incident": 1, "canary": 2}[name], formatIn(t, value), name)
	}
}

func TestDecode_HigherFormatThanNeeded(t *testing.T) {
	t.Parallel()
	rev, err := Decode(pack(t, goodValue.with("format", 2)))
	require.NoError(t, err)
	again, err := Encode(rev)
	require.NoError(t, err)
	assert.Equal(t, 1, formatIn(t, again))
}

// unknownFormats are formats that no release has read.
var unknownFormats = []int64{0, MaxFormat + 1, 127, 128, directive.MaxMillis}

func TestDecode_UnknownFormat(t *testing.T) {
	t.Parallel()
	for _, format := range unknownFormats {
		for name, value := range map[string]fields{
			"a value":               goodValue,
			"an unknown field":      append(goodValue, "more", 1),
			"a wrong type":          goodValue.with("directives", 5),
			"a directive's field":   withDirective(append(goodDirective, "more", fields{"a", 1})),
			"nothing behind header": goodValue[:8],
		} {
			packed := pack(t, value.with("format", format))
			want := fmt.Sprintf("format: is %d, this fleetdial reads up to 2", format)
			_, err := Decode(packed)
			assert.EqualError(t, err, want, name)
			for _, prefix := range [][]byte{packed, packed[:min(len(packed), HeaderBytes)]} {
				head, err := DecodeHeader(prefix)
				assert.EqualError(t, err, want, name)
				assert.Equal(t, strings.Repeat("0a", 16), head.ID, name)
				assert.EqualValues(t, 1, head.Version, name)
				assert.EqualValues(t, 1_790_000_000_000, head.PublishedAt.UnixMilli(), name)
			}
		}
	}
}

// TestDecodeHeader_UnknownFormatWithAnotherHeader checks that the error names the format if a
// later format changes the header too.
func TestDecodeHeader_UnknownFormatWithAnotherHeader(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]fields{
		"another key":  append(fields{"format", 3, "name", "x"}, goodValue[2:]...),
		"another type": goodValue.with("format", 3).with("version", "1"),
		"another id":   goodValue.with("format", 3).with("id", "x"),
		"no more":      {"format", 3},
	} {
		head, err := DecodeHeader(pack(t, value))
		assert.Zero(t, head, name)
		_, own := Decode(pack(t, value))
		assert.Equal(t, own, err, name)
		assert.EqualError(t, err, "format: is 3, this fleetdial reads up to 2", name)
	}
	for format, want := range map[any]string{
		"2": "format: must be of type integer, not string", nil: "format: must be of type integer, not nil",
		-1: "format: must be 0 to 99999999999999", true: "format: must be of type integer, not boolean",
	} {
		head, err := DecodeHeader(pack(t, goodValue.with("format", format)))
		assert.EqualError(t, err, want)
		assert.Zero(t, head, want)
	}
}

var (
	someShare     = rapid.SampledFrom([]*int{nil, share(0), share(1), share(500), share(1000)})
	someInstances = rapid.Custom(func(t *rapid.T) *directive.Instances {
		name := rapid.OneOf(rapid.StringMatching(`[!-~]{1,128}`), rapid.StringMatching(`proxy-[0-9]`))
		// Words that YAML versions interpret differently are among the labels.
		text := rapid.OneOf(rapid.StringOfN(rapid.RuneFrom(nil, unicode.Letter, unicode.Digit, unicode.Punct), 1, 16, 64), rapid.SampledFrom([]string{"no", "y", "1", "null", "~", "1:30", "<<", "=", "a.b"}))
		in := &directive.Instances{PerMille: someShare.Draw(t, "share")}
		if names := rapid.SliceOfNDistinct(name, 0, 5, rapid.ID).Draw(t, "names"); len(names) > 0 {
			in.Names = names
		}
		if labels := rapid.MapOfN(text, text, 0, 5).Draw(t, "labels"); len(labels) > 0 {
			in.Labels = labels
		}
		if in.Names == nil && in.Labels == nil && in.PerMille == nil {
			return nil
		}
		return in
	})
	someDetailed = rapid.Custom(func(t *rapid.T) *directive.Set {
		all := make([]directive.Directive, rapid.IntRange(0, 12).Draw(t, "n"))
		for i := range all {
			all[i] = directive.Directive{
				ID: fmt.Sprint("d", i), SamplePerMille: rapid.IntRange(0, 1000).Draw(t, "sample"),
				ExpiresAt: time.UnixMilli(now.UnixMilli() + rapid.Int64Range(1, 86_400_000).Draw(t, "life")),
				Instances: someInstances.Draw(t, "instances"), Capture: rapid.Bool().Draw(t, "capture"),
				MaxPerSecond: rapid.SampledFrom([]int{0, 0, 1, 100, directive.MaxRate}).Draw(t, "limit"),
			}
		}
		set, err := directive.NewSet(all)
		require.NoError(t, err)
		return set
	})
)

// TestFormat2_RoundTrips encodes any set in msgpack, JSON and YAML.
func TestFormat2_RoundTrips(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rev := Revision{Version: 1, ID: NewID(), PublishedAt: time.UnixMilli(now.UnixMilli()), Set: someDetailed.Draw(t, "set")}
		value, err := Encode(rev)
		require.NoError(t, err)
		back, err := Decode(value)
		require.NoError(t, err)
		require.Equal(t, rev.Set.Directives(), back.Set.Directives())
		again, err := Encode(back)
		require.NoError(t, err)
		require.Equal(t, value, again, "labels are sorted, so that a set has one encoding")

		body := AppendBody(nil, rev.Set)
		fromJSON, err := ParseBody(body, now, BodyOptions{})
		require.NoError(t, err, "%s", body)
		require.Equal(t, rev.Set.Directives(), fromJSON.Directives())
		fromYAML, err := ParseBody(body, now, BodyOptions{YAML: true})
		require.NoError(t, err, "%s", body)
		require.Equal(t, rev.Set.Directives(), fromYAML.Directives())
		fromYAML, err = ParseBody(blockYAML(rev.Set), now, BodyOptions{YAML: true})
		require.NoError(t, err)
		require.Equal(t, rev.Set.Directives(), fromYAML.Directives())
	})
}

// blockYAML returns a body in block style, with quotes around the names and values that need
// them.
func blockYAML(set *directive.Set) []byte {
	var b strings.Builder
	b.WriteString("directives:\n")
	if set.Len() == 0 {
		return []byte("directives: []\n")
	}
	for _, d := range set.Directives() {
		fmt.Fprintf(&b, "- id: %s\n  level: %s\n  sample_per_mille: %d\n  expires_at: %s\n  capture: %v\n",
			d.ID, d.Level, d.SamplePerMille, d.ExpiresAt.UTC().Format(millis), d.Capture)
		if d.MaxPerSecond != 0 {
			fmt.Fprintf(&b, "  max_per_second: %d\n", d.MaxPerSecond)
		}
		if in := d.Instances; in != nil {
			b.WriteString("  instances:\n")
			if in.PerMille != nil {
				fmt.Fprintf(&b, "    per_mille: %d\n", *in.PerMille)
			}
			for i, name := range in.Names {
				if i == 0 {
					b.WriteString("    names:\n")
				}
				fmt.Fprintf(&b, "    - %s\n", quoted(name))
			}
			if in.Labels != nil {
				b.WriteString("    labels:\n")
			}
			for name, value := range in.Labels {
				fmt.Fprintf(&b, "      %s: %s\n", quoted(name), quoted(value))
			}
		}
	}
	return []byte(b.String())
}

// quoted returns a string as it is written in YAML, in quotes unless it is a plain word.
func quoted(text string) string {
	if strings.HasPrefix(text, "proxy-") && !strings.Contains(text, ":") {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

// TestDecode_ManyNamesAllocateLittle is not parallel, because it measures the allocations of the
// whole process.
func TestDecode_ManyNamesAllocateLittle(t *testing.T) {
	all := make([]directive.Directive, 2000)
	for i := range all {
		all[i] = directive.Directive{ID: fmt.Sprint(i), ExpiresAt: time.UnixMilli(1), Instances: &directive.Instances{}}
		for c := '!'; c <= '~'; c++ {
			all[i].Instances.Names = append(all[i].Instances.Names, string(c))
		}
	}
	rev := goldenRevisions(t)["empty"]
	rev.Set = newSet(t, all...)
	value, err := Encode(rev)
	require.NoError(t, err)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = Decode(value)
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	assert.LessOrEqual(t, after.TotalAlloc-before.TotalAlloc, uint64(10*len(value)), "a name of one byte takes two in the value")
}
