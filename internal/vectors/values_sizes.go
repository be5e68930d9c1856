package vectors

import (
	"bytes"
	"slices"
)

// maxValueBytes is the largest value that is accepted.
const maxValueBytes = 4_194_304

// hostile returns short bytes that are known to crash decoders or to exhaust their memory.
func hostile() (all []value) {
	example := someRevision(someDirective()).pack()
	for _, c := range []struct {
		name, rules string
		packed      []byte
	}{
		{"an array of 4 billion", "V14", []byte{0xdd, 0xff, 0xff, 0xff, 0xff}},
		{"a map of 4 billion", "V14", []byte{0xdf, 0xff, 0xff, 0xff, 0xff}},
		{"a string of 4 GB", "V14", []byte{0x81, 0xdb, 0xff, 0xff, 0xff, 0xff}},
		{"a bin of 4 GB", "V14", []byte{0xc6, 0xff, 0xff, 0xff, 0xff}},
		{"4 billion directives", "V14", append(someRevision().fields().pack()[:len(someRevision().pack())-1], 0xdd, 0xff, 0xff, 0xff, 0xff)},
		{"65535 directives", "V14", append(someRevision().fields().pack()[:len(someRevision().pack())-1], 0xdc, 0xff, 0xff)},
		{"4 billion names of instances", "V14", withOne2(someDirective().fields().with("instances",
			fields{{str("names"), []byte{0xdd, 0xff, 0xff, 0xff, 0xff}}}.pack()).pack()).pack()},
		{"a map of 4 billion labels", "V14", withOne2(someDirective().fields().with("instances",
			fields{{str("labels"), []byte{0xdf, 0xff, 0xff, 0xff, 0xff}}}.pack()).pack()).pack()},
		{"an ext before a map", "V3", []byte{0xc7, 0x00, 0x01, 0x80}},
		{"1000 nested arrays", "V3", bytes.Repeat([]byte{0x91}, 1000)},
		{"1000 nested maps", "V3", bytes.Repeat([]byte{0x81}, 1000)},
		{"1000 nested arrays as a directive", "V3", withOne(bytes.Repeat([]byte{0x91}, 1000)).pack()},
		{"1000 nested maps as a tenant", "V3", withOne(someDirective().fields().with("tenant", bytes.Repeat([]byte{0x81}, 1000)).pack()).pack()},
		{"text", "V3", []byte("directives")},
		{"the publish body", "V3", []byte(`{"directives":[]}`)},
		{"a line feed", "V3", []byte("\n")},
		{"a line feed after the end", "V2", append(bytes.Clone(example), '\n')},
		{"a byte 0 after the end", "V2", append(bytes.Clone(example), 0)},
		{"nil after the end", "V2", append(bytes.Clone(example), 0xc0)},
		{"an array after the end", "V2", append(bytes.Clone(example), 0x90)},
		{"a string after the end", "V2", append(bytes.Clone(example), 0xa1, 'a')},
		{"10000 directives of nil", "V3", someRevision().fields().with("directives", array(slices.Repeat([][]byte{{0xc0}}, 10_000)...)).pack()},
		{"10001 empty directives", "V6 V7", someRevision().fields().with("directives", array(slices.Repeat([][]byte{{0x80}}, 10_001)...)).pack()},
		{"a byte before the value", "V3", append([]byte{0}, example...)},
	} {
		all = append(all, rejected(c.name, c.rules, malformed, c.packed))
	}
	return all
}

// sizes returns values about as large as the largest value that is accepted.
func sizes() (all []value) {
	rev := someRevision(someDirective())
	padded := func(v value, n int) { all = append(all, changed(v, func(v *value) { v.PadTo = n })) }
	// The value ends with the head of a string, which the appended bytes fill.
	filled := func(total int) []byte {
		b := append(rev.pack(), 0x81, 0xa1, 'a')
		return append(b, texts.head(total-len(b)-5, 4)...)
	}
	padded(accepted("the largest value", "V1", filled(maxValueBytes), rev), maxValueBytes)
	padded(rejected("one byte more than the largest value", "V1", tooLarge, filled(maxValueBytes+1)), maxValueBytes+1)
	padded(rejected("zero bytes after the end", "V2", malformed, rev.pack()), maxValueBytes)
	padded(rejected("too many zero bytes after the end", "V1", tooLarge, rev.pack()), maxValueBytes+1)
	padded(rejected("zero bytes only", "V1", tooLarge, nil), maxValueBytes+1)
	padded(rejected("too many zero bytes after a truncated value", "V1", tooLarge, rev.pack()[:20]), maxValueBytes+1000)
	return all
}

// secondMaps returns values that something follows. No signature is checked.
func secondMaps() (all []value) {
	rev := someRevision(someDirective())
	follow := func(more ...byte) []byte { return append(rev.pack(), more...) }
	for _, c := range []struct {
		name   string
		packed []byte
	}{
		{"an empty map", follow(0x80)},
		{"a map of another key", follow(0x81, 0xa1, 'a', 0x01)},
		{"a signature that is not canonical", follow(fields{{str("key"), str("k")}, {str("signature"), str("s")}}.pack()...)},
		{"a signature", sign(rev.pack(), redisKey, 1)},
		{"a signature of other bytes", append(rev.pack(), signature(1, make([]byte, 64))...)},
		{"a map with lists and booleans", follow(0x82, 0xa1, 'a', 0x92, 0xc3, 0x90, 0xa1, 'b', 0x81, 0xa1, 'c', 0xd1, 0xff, 0x00)},
		{"a map as map32", follow(0xdf, 0, 0, 0, 1, 0xa1, 'a', 0x01)},
		{"15 nested lists in a map", follow(append(append([]byte{0x81, 0xa1, 'a'}, bytes.Repeat([]byte{0x91}, 15)...), 0)...)},
	} {
		all = append(all, accepted(c.name+" after the revision", "G7", c.packed, rev))
	}
	whole := sign(rev.pack(), redisKey, 1)
	for _, c := range []struct {
		name   string
		packed []byte
	}{
		{"a truncated map", follow(0x81, 0xa1, 'a')},
		{"a truncated signature", whole[:len(whole)-1]},
		{"two maps", follow(0x80, 0x80)},
		{"a signature and a byte", append(bytes.Clone(whole), 0)},
		{"two signatures", append(bytes.Clone(whole), whole[len(whole)-signatureBytes:]...)},
		{"a list", follow(0x91, 0x00)},
		{"a map with a float", follow(append([]byte{0x81, 0xa1, 'a'}, float64Item...)...)},
		{"a map with a bin", follow(0x81, 0xa1, 'a', 0xc4, 0x01, 0x00)},
		{"a map with an ext", follow(0x81, 0xa1, 'a', 0xd4, 0x01, 0x00)},
		{"a map with the byte c1", follow(0x81, 0xa1, 'a', 0xc1)},
		{"a map of 4 billion", follow(0xdf, 0xff, 0xff, 0xff, 0xff)},
	} {
		all = append(all, rejected(c.name+" after the revision", "V2 G7", malformed, c.packed))
	}
	return append(all, rejected("a bad revision before a signature", "G7", invalid,
		sign(rev.fields().with("version", integer(0)).pack(), redisKey, 1)))
}
