package vectors

import (
	"bytes"
	"fmt"
)

// wrongBounds returns values in which a number or a length is not within its bounds.
func wrongBounds() (all []value) {
	rev := func(name, key string, packed []byte) {
		all = append(all, rejected(name, "V7", invalid, someRevision(someDirective()).fields().with(key, packed).pack()))
	}
	one := func(name, key string, packed []byte) {
		all = append(all, rejected(name, "V7", invalid, withOne2(someDirective().fields().with(key, packed).pack()).pack()))
	}
	for _, n := range outside {
		rev("version "+n.name, "version", n.packed)
		rev("published_at "+n.name, "published_at", n.packed)
		one("expires_at "+n.name, "expires_at", n.packed)
		if n.name != "0" {
			one("sample_per_mille "+n.name, "sample_per_mille", n.packed)
		}
		one("max_per_second "+n.name, "max_per_second", n.packed)
	}
	one("sample_per_mille 1001", "sample_per_mille", integer(1001))
	one("sample_per_mille 65536", "sample_per_mille", integer(65_536)) // 0 in 16 bits
	one("max_per_second 1000001", "max_per_second", integer(1_000_001))
	rev("publisher of 257 bytes", "publisher", str(letters(257)))
	rev("publisher of 255 characters and 510 bytes", "publisher", str(string(bytes.Repeat([]byte("é"), 255))))
	rev("reason of 1025 bytes", "reason", str(letters(1025)))
	for _, c := range []struct {
		key   string
		bytes int
	}{{"id", 129}, {"tenant", 257}, {"index", 257}, {"principal", 257}} {
		one(fmt.Sprintf("directives[0].%s of %d bytes", c.key, c.bytes), c.key, str(letters(c.bytes)))
		one(fmt.Sprintf("directives[0].%s is empty", c.key), c.key, str(""))
	}
	one("directives[0].tenant of 65536 bytes", "tenant", str(letters(65_536))) // 0 in 16 bits
	all = append(all, rejected("10001 directives", "V7", invalid, someRevision(manyDirectives(10_001)...).pack()))
	return all
}

// outside are integers that no key takes, except 0.
var outside = []struct {
	name   string
	packed []byte
}{
	{"0", integer(0)},
	{"-1", integer(-1)},
	{"-33", integer(-33)},
	{"-2^63", signed(-1<<63, 8)},
	{"10^14", integer(maxMillis + 1)},
	{"2^63-1", unsigned(1<<63-1, 8)},
	{"2^63", unsigned(1<<63, 8)},
	{"2^64-1", unsigned(1<<64-1, 8)},
	{"2^64-1000", unsigned(1<<64-1000, 8)},
}

// wrongNames returns values with an id, a level or an endpoint that does not exist.
func wrongNames() (all []value) {
	f := someRevision(someDirective()).fields()
	for _, id := range []string{
		"", "0a", revisionID[1:], revisionID + "0", "0A" + revisionID[2:], "0g" + revisionID[2:], "0x" + revisionID[2:], " " + revisionID[1:],
		"é" + revisionID[2:], revisionID[:31] + "\x00",
	} {
		all = append(all, rejected(fmt.Sprintf("id %q", id), "V7", invalid, f.with("id", str(id)).pack()))
	}
	for _, level := range []string{"", "shape", "SHAPE", "off", "Off ", "Any", "Shapetiming", "ShapeTimin", "ShapeTimings", "Off\x00", "Ｏff"} {
		all = append(all, rejected(fmt.Sprintf("level %q", level), "V9", invalid,
			withOne(someDirective().fields().with("level", str(level)).pack()).pack()))
	}
	for _, endpoint := range []string{"", "Any", "search", "SEARCH", "GetByID", "Searches", "Sea", "unknown", "*", "Search\x00"} {
		all = append(all, rejected(fmt.Sprintf("endpoint %q", endpoint), "V9", invalid,
			withOne(someDirective().fields().with("endpoint", str(endpoint)).pack()).pack()))
	}
	return all
}

// notUTF8 are bytes that are not valid UTF-8.
var notUTF8 = []struct{ name, bytes string }{
	{"a byte ff", "\xff"},
	{"a continuation without a start", "a\x80"},
	{"a start without a continuation", "\xc3"},
	{"two of three bytes", "\xe2\x82"},
	{"an overlong form of 0", "\xc0\x80"},
	{"an overlong form of a slash", "\xe0\x80\xaf"},
	{"a surrogate", "\xed\xa0\x80"},
	{"a pair of surrogates", "\xed\xa0\xbd\xed\xb8\x80"},
	{"a character beyond 10ffff", "\xf4\x90\x80\x80"},
	{"ISO 8859-1", "St\xf6rung"},
}

func wrongUTF8() (all []value) {
	for _, c := range notUTF8 {
		bad := func(key string, f fields) {
			all = append(all, rejected(fmt.Sprintf("%s with %s", key, c.name), "V7", invalid, f.pack()))
		}
		for _, key := range []string{"publisher", "reason"} {
			bad(key, someRevision().fields().with(key, str(c.bytes)))
		}
		for _, key := range []string{"id", "tenant", "index", "principal"} {
			bad("directives[0]."+key, withOne(someDirective().fields().with(key, str(c.bytes)).pack()))
		}
		labels := func(name, value string) fields {
			in := fields{{str("labels"), fields{{str(name), str(value)}}.pack()}}
			return withOne2(someDirective().fields().with("instances", in.pack()).pack())
		}
		bad("the name of a label", labels(c.bytes, "eu"))
		bad("the value of a label", labels("zone", c.bytes))
	}
	return all
}
