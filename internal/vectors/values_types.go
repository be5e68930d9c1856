package vectors

import (
	"bytes"
	"fmt"
)

var float64Item = []byte{0xcb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0}

// items are one or more items of each type of msgpack. Those without a kind are never accepted.
var items = []struct {
	name, kind string
	packed     []byte
}{
	{"nil", "", []byte{0xc0}},
	{"the unused byte c1", "", []byte{0xc1}},
	{"false", "boolean", []byte{0xc2}},
	{"true", "boolean", []byte{0xc3}},
	{"an integer", "integer", []byte{1}},
	{"a negative integer", "integer", []byte{0xff}},
	{"a uint16", "integer", []byte{0xcd, 1, 0}},
	{"a float32", "", []byte{0xca, 0x3f, 0x80, 0, 0}},
	{"a float64", "", float64Item},
	{"a string", "string", []byte{0xa1, '1'}},
	{"an empty string", "string", []byte{0xa0}},
	{"a bin8", "", append(binaries.head(1, 1), 'a')},
	{"a bin16", "", append(binaries.head(1, 2), 'a')},
	{"a bin32", "", append(binaries.head(1, 4), 'a')},
	{"an array", "array", []byte{0x90}},
	{"an array of one", "array", []byte{0x91, 0x01}},
	{"a map", "map", []byte{0x80}},
	{"a map of one", "map", []byte{0x81, 0xa1, 'a', 0x01}},
	{"a fixext1", "", []byte{0xd4, 1, 0}},
	{"an ext8", "", []byte{0xc7, 0, 1}},
	{"a timestamp", "", []byte{0xd6, 0xff, 0, 0, 0, 0}},
}

// place is a place in a value that takes items of one kind.
type place struct {
	name, kind string
	put        func(packed []byte) []byte
}

// wrongTypes returns values with each type at each place that does not take it.
func wrongTypes() (all []value) {
	for _, p := range places() {
		for _, it := range items {
			if it.kind == p.kind {
				continue
			}
			reason := invalid
			if it.kind == "" && it.name != "nil" {
				reason = malformed
			}
			all = append(all, rejected(fmt.Sprintf("%s is %s", p.name, it.name), "V3", reason, p.put(it.packed)))
		}
	}
	return all
}

func places() (all []place) {
	rev := someRevision(someDirective())
	all = append(all, place{"the value", "map", bytes.Clone})
	for i, kind := range []string{"integer", "string", "integer", "integer", "string", "string", "array"} {
		key := revisionKeys[i]
		all = append(all, place{key, kind, func(b []byte) []byte { return rev.fields().with(key, b).pack() }})
	}
	all = append(all, place{"a key of the revision", "string", func(b []byte) []byte {
		return rev.fields().renamed("reason", b).pack()
	}}, place{"a directive", "map", func(b []byte) []byte { return withOne(b).pack() }},
		place{"a key of a directive", "string", func(b []byte) []byte {
			return withOne(someDirective().fields().renamed("capture", b).pack()).pack()
		}})
	kinds := map[string]string{
		"sample_per_mille": "integer", "expires_at": "integer", "ring_buffer": "boolean", "capture": "boolean", "instances": "map",
		"max_per_second": "integer",
	}
	for _, key := range directiveKeys {
		kind, ok := kinds[key]
		if !ok {
			kind = "string"
		}
		all = append(all, place{"directives[0]." + key, kind, func(b []byte) []byte {
			return withOne2(someDirective().fields().with(key, b).pack()).pack()
		}})
	}
	return append(all, instancePlaces()...)
}

func instancePlaces() []place {
	in := (&instances{Names: []string{"web-1"}, Labels: map[string]string{"zone": "eu"}, PerMille: pointer(500)}).fields()
	put := func(change func(b []byte) fields) func([]byte) []byte {
		return func(b []byte) []byte {
			return withOne2(someDirective().fields().with("instances", change(b).pack()).pack()).pack()
		}
	}
	return []place{
		{"instances.names", "array", put(func(b []byte) fields { return in.with("names", b) })},
		{"instances.labels", "map", put(func(b []byte) fields { return in.with("labels", b) })},
		{"instances.per_mille", "integer", put(func(b []byte) fields { return in.with("per_mille", b) })},
		{"instances.names[0]", "string", put(func(b []byte) fields { return in.with("names", array(b)) })},
		{"the name of a label", "string", put(func(b []byte) fields { return in.with("labels", fields{{b, str("eu")}}.pack()) })},
		{"the value of a label", "string", put(func(b []byte) fields { return in.with("labels", fields{{str("zone"), b}}.pack()) })},
		{"a key of instances", "string", put(func(b []byte) fields { return in.renamed("per_mille", b) })},
	}
}

// truncations returns the example without its last bytes, for each number of bytes.
func truncations() (all []value) {
	whole := someRevision(someDirective()).pack()
	for n := 1; n < len(whole); n++ {
		all = append(all, rejected(fmt.Sprintf("the first %d of %d bytes", n, len(whole)), "V2", malformed, whole[:n]))
	}
	in := someDirective()
	in.Instances, in.MaxPerSecond = &instances{Names: []string{"n"}, Labels: map[string]string{"l": "v"}, PerMille: pointer(500)}, 300
	whole = someRevision(in).pack()
	from := bytes.Index(whole, str("instances"))
	for n := from; n < len(whole); n++ {
		all = append(all, rejected(fmt.Sprintf("format 2, the first %d of %d bytes", n, len(whole)), "V2", malformed, whole[:n]))
	}
	return all
}
