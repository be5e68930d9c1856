package vectors

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// report is a line of reports.jsonl.
type report struct {
	vector
	Report hexBytes        `json:"report_hex"`
	Accept bool            `json:"accept"`
	Fields json.RawMessage `json:"report,omitempty"`
}

// entry is one key of a report with its value: a string, an int64, a bool, a list of strings or
// another table.
type entry struct {
	key   string
	value any
}

type table []entry

// pack returns the table in msgpack.
func (t table) pack() fields {
	var f fields
	for _, e := range t {
		f = f.plus(e.key, packAny(e.value))
	}
	return f
}

func packAny(v any) []byte {
	switch v := v.(type) {
	case string:
		return str(v)
	case int64:
		return integer(v)
	case bool:
		return boolean(v)
	case []string:
		var items [][]byte
		for _, s := range v {
			items = append(items, str(s))
		}
		return array(items...)
	case table:
		return v.pack().pack()
	}
	panic(fmt.Sprintf("a report has no values of type %T", v))
}

// MarshalJSON returns an object with the keys in their order.
func (t table) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, e := range t {
		if i > 0 {
			out.WriteByte(',')
		}
		key, err := json.Marshal(e.key)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(e.value)
		if err != nil {
			return nil, err
		}
		out.Write(slices.Concat(key, []byte{':'}, value))
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// with returns the table with another value for a key, which is added if it is not there.
func (t table) with(key string, value any) table {
	out := slices.Clone(t)
	for i := range out {
		if out[i].key == key {
			out[i].value = value
			return out
		}
	}
	return append(out, entry{key, value})
}

func (t table) without(keys ...string) table {
	return slices.DeleteFunc(slices.Clone(t), func(e entry) bool { return slices.Contains(keys, e.key) })
}

var (
	appliedTable = table{
		{"version", int64(41)},
		{"id", strings.Repeat("a1", 16)},
		{"published_at", publishedAt},
		{"at", publishedAt + 3},
		{"signed_by", "34750f98bd59fcfc"},
		{"digest", "0011223344556677"},
	}
	rejectedTable = table{
		{"version", int64(42)},
		{"id", strings.Repeat("b2", 16)},
		{"reason", tooLarge},
		{"error", "the value is larger"},
		{"at", publishedAt + 1000},
	}
	// wholeReport has every key.
	wholeReport = table{
		{"format", int64(1)},
		{"instance", "proxy-1~0a1b2c"},
		{"run", "0a1b2c3d4e5f6071"},
		{"started_at", publishedAt},
		{"written_at", publishedAt + 60_000},
		{"every_ms", int64(10_000)},
		{"shared", "proxy-1"},
		{"fleetdial", "v0.4.0"},
		{"labels", table{{"build", "77"}, {"zone", "a"}}},
		{"state", "rejected"},
		{"since", publishedAt + 1000},
		{"source", "live"},
		{"applied", appliedTable},
		{"rejected", rejectedTable},
		{"error", "the value is larger"},
		{"clock_offset_ms", int64(-3000)},
		{"counters", table{{"applies", int64(41)}, {"rejections.too_large", int64(1)}}},
		{"capabilities", []string{"captures", "ring_buffer"}},
		{"verifies", true},
		{"max_format", int64(2)},
	}
	optionalKeys = []string{"run", "shared", "applied", "rejected", "capabilities", "verifies", "max_format"}
)

// reports returns the lines of reports.jsonl.
func reports() []report {
	return slices.Concat(goodReports(), laterReports(), wrongReportKeys(), wrongReports(), brokenReports())
}

func goodReport(name, rules string, packed []byte, want table) report {
	text, err := want.MarshalJSON()
	if err != nil {
		panic(err) // the values of a table always encode
	}
	return report{named(name, rules), packed, true, text}
}

func goodReports() (all []report) {
	good := func(name string, t table) { all = append(all, goodReport(name, "R2 R3 R4", t.pack().pack(), t)) }
	good("every key", wholeReport)
	good("required keys only", wholeReport.without(optionalKeys...))
	for _, key := range optionalKeys {
		good("without "+key, wholeReport.without(key))
	}
	for _, state := range []string{"live", "stale", "missing", "rejected", "empty"} {
		good("state "+state, wholeReport.with("state", state))
	}
	for _, source := range []string{"start", "snapshot", "live"} {
		good("source "+source, wholeReport.with("source", source))
	}
	for _, reason := range []string{tooLarge, "wrong_type", malformed, invalid, isUnsigned, unknownKey, altered, replayed} {
		all = append(all, goodReport("reason "+reason, "R5", wholeReport.with("rejected", rejectedTable.with("reason", reason)).pack().pack(),
			wholeReport.with("rejected", rejectedTable.with("reason", reason))))
	}
	good("nothing applied yet", wholeReport.without("applied", "rejected").with("state", "stale").with("source", "start"))
	good("the empty value applied", wholeReport.with("applied", table{
		{"version", int64(0)}, {"id", ""}, {"published_at", int64(0)}, {"at", publishedAt},
	}))
	good("a value rejected that names no revision", wholeReport.with("rejected", rejectedTable.with("version", int64(0)).with("id", "")))
	good("no labels and counters", wholeReport.with("labels", table{}).with("counters", table{}))
	good("no capabilities", wholeReport.with("capabilities", []string{}))
	good("a name of 128 bytes", wholeReport.with("instance", letters(128)))
	good("an error of 512 bytes", wholeReport.with("error", letters(512)))
	good("a clock that is ahead", wholeReport.with("clock_offset_ms", int64(3_600_000)))
	good("a clock that is days behind", wholeReport.with("clock_offset_ms", int64(-864_000_000)))
	good("max_format 1", wholeReport.with("max_format", int64(1)))
	good("32 counters", wholeReport.with("counters", manyCounters(32)))
	good("16 labels", wholeReport.with("labels", numbered(16)))
	good("the longest label", wholeReport.with("labels", table{{letters(64), letters(256)}}))
	return all
}

// numbered returns n labels.
func numbered(n int) (t table) {
	for i := range n {
		t = append(t, entry{fmt.Sprintf("l%02d", i), "v"})
	}
	return t
}

func manyCounters(n int) (t table) {
	for i := range n {
		t = append(t, entry{fmt.Sprintf("c%02d", i), int64(i)})
	}
	return t
}

// laterReports are reports of later builds, with keys in other orders and other widths.
func laterReports() (all []report) {
	good := func(name string, f fields) { all = append(all, goodReport(name, "R2", f.pack(), wholeReport)) }
	f := wholeReport.pack()
	good("an unknown key at the end", f.plus("later", table{{"a", int64(1)}}.pack().pack()))
	good("an unknown key at the beginning", f.inserted(0, "a", array(str("x"), boolean(true))))
	good("an unknown key of nested lists", f.plus("later", append(bytes.Repeat([]byte{0x91}, 10), 1)))
	good("an unknown key with maps", f.plus("later", array(table{{"id", "a"}, {"applied", int64(3)}}.pack().pack())))
	good("an unknown key in applied", f.with("applied", appliedTable.pack().plus("more", integer(1)).pack()))
	good("an unknown key in rejected", f.with("rejected", rejectedTable.pack().plus("more", str("x")).pack()))
	reversed := slices.Clone(f)
	slices.Reverse(reversed)
	good("keys reversed", reversed)
	wide := slices.Clone(f)
	for i := range wide {
		wide[i] = pair{widest(wide[i].key), widest(wide[i].value)}
	}
	all = append(all, goodReport("other widths", "R2 V4", wide.packAs(4), wholeReport))
	return all
}

func badReport(name, rules string, packed []byte) report {
	return report{vector: named(name, rules), Report: packed}
}

func wrongReportKeys() (all []report) {
	f := wholeReport.pack()
	for _, e := range wholeReport {
		if !slices.Contains(optionalKeys, e.key) {
			all = append(all, badReport(e.key+" is missing", "R3", f.without(e.key).pack()))
		}
		all = append(all, badReport(e.key+" is repeated", "R2 V6", f.plus(e.key, packAny(e.value)).pack()))
		for _, it := range items {
			if it.name == "nil" || it.name == "a float64" || it.name == "a bin8" {
				all = append(all, badReport(e.key+" is "+it.name, "R2 V3", f.with(e.key, it.packed).pack()))
			}
		}
	}
	for _, e := range appliedTable[:4] {
		all = append(all, badReport("applied."+e.key+" is missing", "R3", f.with("applied", appliedTable.without(e.key).pack().pack()).pack()))
		all = append(all, badReport("applied."+e.key+" is repeated", "R2 V6",
			f.with("applied", appliedTable.pack().plus(e.key, packAny(e.value)).pack()).pack()))
	}
	for _, e := range rejectedTable {
		all = append(all, badReport("rejected."+e.key+" is missing", "R3", f.with("rejected", rejectedTable.without(e.key).pack().pack()).pack()))
	}
	return all
}

func wrongReports() (all []report) {
	bad := func(name, key string, v any) {
		all = append(all, badReport(name, "R2 R3", wholeReport.with(key, v).pack().pack()))
	}
	bad("format 0", "format", int64(0))
	bad("format 2", "format", int64(2))
	for _, name := range []string{"", "a b", "a\x1b[2J", "ü", "a\n", letters(129)} {
		bad(fmt.Sprintf("instance %.20q", name), "instance", name)
	}
	bad("shared with a space", "shared", "a b")
	for _, run := range []string{"", "zz", "0a1b2c3d4e5f607", "0A1B2C3D4E5F6071", "0a1b2c3d4e5f60712"} {
		bad(fmt.Sprintf("run %q", run), "run", run)
	}
	for _, key := range []string{"started_at", "written_at", "every_ms", "since", "max_format"} {
		bad(key+" is negative", key, int64(-1))
	}
	for _, key := range []string{"started_at", "written_at", "since"} {
		bad(key+" is text", key, "now")
		bad(key+" is beyond the bounds", key, maxMillis+1)
	}
	bad("an error of 513 bytes", "error", letters(513))
	bad("an error that is not UTF-8", "error", "\xff")
	bad("a state of a number", "state", int64(1))
	bad("labels of text", "labels", "zone")
	bad("a label of a number", "labels", table{{"zone", int64(1)}})
	bad("17 labels", "labels", numbered(17))
	bad("the name of a label of 65 bytes", "labels", table{{letters(65), "a"}})
	bad("the value of a label of 257 bytes", "labels", table{{"zone", letters(257)}})
	bad("a label that is not UTF-8", "labels", table{{"zone", "\xff"}})
	bad("the same label twice", "labels", table{{"zone", "a"}, {"zone", "a"}})
	bad("33 counters", "counters", manyCounters(33))
	bad("a negative counter", "counters", table{{"applies", int64(-1)}})
	bad("the same counter twice", "counters", table{{"a", int64(1)}, {"a", int64(1)}})
	bad("a counter of text", "counters", table{{"applies", "1"}})
	bad("the same capability twice", "capabilities", []string{"a", "a"})
	bad("a capability of an escape", "capabilities", []string{"a\x1b"})
	bad("an empty capability", "capabilities", []string{""})
	bad("verifies is a number", "verifies", int64(1))
	bad("applied is a number", "applied", int64(1))
	bad("applied has no id", "applied", appliedTable.with("id", "zz"))
	bad("applied has a negative version", "applied", appliedTable.with("version", int64(-4)))
	bad("applied has a short digest", "applied", appliedTable.with("digest", "00"))
	bad("applied has a key in upper case", "applied", appliedTable.with("signed_by", "34750F98BD59FCFC"))
	bad("rejected has no id", "rejected", rejectedTable.with("id", revisionID[1:]))
	return all
}

// brokenReports are no reports.
func brokenReports() (all []report) {
	packed := wholeReport.pack().pack()
	for n := 0; n < len(packed); n += 7 {
		all = append(all, badReport(fmt.Sprintf("the first %d of %d bytes", n, len(packed)), "R2 V2", packed[:n]))
	}
	for _, c := range []struct {
		name   string
		packed []byte
	}{
		{"a byte after the end", append(bytes.Clone(packed), 0)},
		{"a map after the end", append(bytes.Clone(packed), 0x80)},
		{"an empty map", []byte{0x80}},
		{"a list", []byte{0x90}},
		{"text", []byte("junk")},
		{"a map of 4 billion", []byte{0xdf, 0xff, 0xff, 0xff, 0xff}},
		{"a revision", someRevision(someDirective()).pack()},
	} {
		all = append(all, badReport(c.name, "R2 V2", c.packed))
	}
	// The string of an unknown key fills the report.
	room := 16_384 - len(wholeReport.pack().plus("later", str(letters(256))).pack()) + 256
	large := wholeReport.pack().plus("later", str(strings.Repeat("x", room)))
	larger := wholeReport.pack().plus("later", str(strings.Repeat("x", room+1)))
	return append(all, goodReport("the largest report", "R2", large.pack(), wholeReport), badReport("one byte too many", "R2", larger.pack()))
}
