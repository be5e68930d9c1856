package vectors

import (
	"bytes"
	"fmt"
	"slices"
)

// value is a line of values.jsonl.
type value struct {
	vector
	Level    string     `json:"level"`
	Value    hexBytes   `json:"value_hex"`
	PadTo    int        `json:"pad_to,omitempty"`
	Keys     []hexBytes `json:"keys_hex,omitempty"`
	RedisKey string     `json:"redis_key,omitempty"`
	Applied  *applied   `json:"applied,omitempty"`
	Accept   bool       `json:"accept"`
	Revision *revision  `json:"revision,omitempty"`
	Reason   string     `json:"reason,omitempty"`
}

// applied is the newest signed revision that was applied before.
type applied struct {
	Version int64  `json:"version"`
	ID      string `json:"id"`
}

// The reasons of a rejection.
const (
	tooLarge   = "too_large"
	malformed  = "malformed"
	invalid    = "invalid"
	isUnsigned = "unsigned"
	unknownKey = "unknown_key"
	altered    = "altered"
	replayed   = "replayed"
)

// values returns the lines of values.jsonl.
func values() []value {
	return slices.Concat(
		goodValues(), widths(), formats(), goodInstances(), unicodeNames(),
		truncations(), wrongTypes(), wrongKeys(), wrongBounds(), wrongNames(), wrongInstances(), wrongUTF8(), hostile(),
		sizes(), secondMaps(), signatures(), alterations(), replays(), corpus(),
	)
}

// accepted returns a line for a value that holds the revision.
func accepted(name, rules string, packed []byte, rev revision) value {
	return value{vector: named(name, rules), Level: "L1", Value: packed, Accept: true, Revision: &rev}
}

func rejected(name, rules, reason string, packed []byte) value {
	return value{vector: named(name, rules), Level: "L1", Value: packed, Reason: reason}
}

// withOne returns the example with other bytes for its directive.
func withOne(packed []byte) fields {
	return someRevision().fields().with("directives", array(packed))
}

// withOne2 is withOne in format 2.
func withOne2(packed []byte) fields { return withOne(packed).with("format", integer(2)) }

func goodValues() (all []value) {
	good := func(name, rules string, rev revision) { all = append(all, accepted(name, rules, rev.pack(), rev)) }
	good("the example of the specification", "V5 V6", someRevision(someDirective()))
	good("no directives", "V7", someRevision())
	all = append(all, accepted("the empty value", "V13", nil, revision{Directives: []directive{}}))
	for _, level := range levels {
		good("level "+level, "V9", someRevision(changed(someDirective(), func(d *directive) { d.Level = level })))
	}
	for _, endpoint := range endpoints {
		good("endpoint "+endpoint, "V9", someRevision(changed(someDirective(), func(d *directive) { d.Endpoint = endpoint })))
	}
	for _, flags := range [][2]bool{{true, false}, {false, true}, {true, true}} {
		good(fmt.Sprintf("ring_buffer %v, capture %v", flags[0], flags[1]), "V6",
			someRevision(changed(someDirective(), func(d *directive) { d.RingBuffer, d.Capture = flags[0], flags[1] })))
	}
	full := directive{
		ID: "full", Level: "ShapeRewriteDiff", SamplePerMille: 1, ExpiresAt: maxMillis, RingBuffer: true, Capture: true,
		Tenant: "acme", Index: "orders", Principal: "svc", Endpoint: "Unknown",
	}
	good("all keys of format 1", "V6", someRevision(full))
	bare := directive{ID: "b", Level: "Off", ExpiresAt: 1}
	good("required keys only", "V6", someRevision(bare))
	good("two directives", "V8", someRevision(full, bare))
	for _, n := range []int{15, 16, 31, 32} {
		good(fmt.Sprintf("%d directives", n), "V4", someRevision(manyDirectives(n)...))
	}
	all = append(all, orders(full)...)
	return append(all, goodBounds()...)
}

// manyDirectives returns n directives as short as possible, with different ids.
func manyDirectives(n int) []directive {
	all := make([]directive, n)
	for i := range all {
		all[i] = directive{ID: fmt.Sprint(i), Level: "Off", ExpiresAt: 1}
	}
	return all
}

// orders returns values in which the keys of a directive are in other orders.
func orders(d directive) (all []value) {
	rev := someRevision(d)
	reversed := slices.Clone(d.fields())
	slices.Reverse(reversed)
	all = append(all, accepted("keys of a directive reversed", "V6", withOne(reversed.pack()).pack(), rev))
	for i := range d.fields() {
		f := d.fields()
		rotated := slices.Concat(f[i:], f[:i])
		if i == 0 {
			continue
		}
		all = append(all, accepted(fmt.Sprintf("keys of a directive begin with key %d", i), "V6", withOne(rotated.pack()).pack(), rev))
	}
	return all
}

// goodBounds returns values whose fields are as small or as large as is accepted.
func goodBounds() (all []value) {
	rev := func(name string, change func(*revision)) {
		r := changed(someRevision(someDirective()), change)
		all = append(all, accepted(name, "V7", r.pack(), r))
	}
	one := func(name string, change func(*directive)) {
		r := someRevision(changed(someDirective(), change))
		all = append(all, accepted(name, "V7", r.pack(), r))
	}
	for _, n := range []int64{1, 127, 128, 255, 256, 65_535, 65_536, 1<<32 - 1, 1 << 32, maxMillis} {
		rev(fmt.Sprint("version ", n), func(r *revision) { r.Version = n })
		rev(fmt.Sprint("published_at ", n), func(r *revision) { r.PublishedAt = n })
		one(fmt.Sprint("expires_at ", n), func(d *directive) { d.ExpiresAt = n })
	}
	for _, n := range []int{0, 1, 31, 32, 255, 256} {
		rev(fmt.Sprintf("publisher of %d bytes", n), func(r *revision) { r.Publisher = pointer(letters(n)) })
	}
	for _, n := range []int{0, 1, 256, 1023, 1024} {
		rev(fmt.Sprintf("reason of %d bytes", n), func(r *revision) { r.Reason = pointer(letters(n)) })
	}
	for _, n := range []int{1, 31, 32, 127, 128} {
		one(fmt.Sprintf("directive id of %d bytes", n), func(d *directive) { d.ID = letters(n) })
	}
	for _, n := range []int{1, 31, 32, 255, 256} {
		one(fmt.Sprintf("tenant of %d bytes", n), func(d *directive) { d.Tenant = letters(n) })
		one(fmt.Sprintf("index of %d bytes", n), func(d *directive) { d.Index = letters(n) })
		one(fmt.Sprintf("principal of %d bytes", n), func(d *directive) { d.Principal = letters(n) })
	}
	for _, n := range []int{0, 1, 127, 128, 255, 256, 999, 1000} {
		one(fmt.Sprint("sample_per_mille ", n), func(d *directive) { d.SamplePerMille = n })
	}
	for _, id := range []string{"00112233445566778899aabbccddeeff", string(bytes.Repeat([]byte("0"), 32)), string(bytes.Repeat([]byte("f"), 32))} {
		rev("id "+id, func(r *revision) { r.ID = id })
	}
	return all
}

// unicodeNames returns values with names that are valid UTF-8.
func unicodeNames() (all []value) {
	for _, c := range []struct{ name, text string }{
		{"two bytes", "\u0080\u07ff"},
		{"three bytes", "\u0800\ud7ff\ue000\uffff"},
		{"four bytes", "\U00010000\U0010ffff"},
		{"the byte 0", "\x00"},
		{"a byte order mark", "\ufeffacme"},
		{"a line feed and an escape", "\n\x1b[2J"},
		{"a space at the end", "acme "},
		{"a line separator", "a\u2028b"},
	} {
		r := someRevision(directive{
			ID: c.text, Level: "Shape", SamplePerMille: 1000, ExpiresAt: expiresAt, Tenant: c.text, Index: c.text, Principal: c.text,
		})
		r.Publisher, r.Reason = pointer(c.text), pointer(c.text)
		all = append(all, accepted("names with "+c.name, "V7", r.pack(), r))
	}
	composed, decomposed := someDirective(), someDirective()
	composed.ID, decomposed.ID = "\u00e9", "e\u0301"
	r := someRevision(composed, decomposed)
	all = append(all, accepted("ids that differ in normalization only", "V7 V8", r.pack(), r))
	upper := someDirective()
	upper.ID = "A"
	r = someRevision(someDirective(), upper)
	return append(all, accepted("ids that differ in case only", "V7 V8", r.pack(), r))
}

var levels = []string{"Off", "Shape", "ShapeTiming", "ShapeRewriteDiff"}

var endpoints = []string{
	"IngestDoc", "IngestBulk", "Search", "MultiSearch", "Count", "GetById", "MultiGet", "DeleteById", "DeleteByQuery", "Cursor",
	"Admin", "Unknown",
}

// letters returns n letters.
func letters(n int) string {
	out := make([]byte, n)
	for i := range out {
		out[i] = 'a' + byte(i%26)
	}
	return string(out)
}

func pointer[T any](v T) *T { return &v }
