package vectors

import (
	"fmt"
	"slices"
	"strings"
)

// announcement is a line of announcements.jsonl.
type announcement struct {
	vector
	Payload hexBytes `json:"payload_hex"`
	// Announcement is null for any other message.
	Announcement *announced `json:"announcement"`
}

type announced struct {
	Version int64  `json:"version"`
	ID      string `json:"id"`
}

// announcements returns the lines of announcements.jsonl.
func announcements() []announcement {
	all := slices.Concat(goodAnnouncements(), otherMessages())
	for c := range corpusOf("announcement") {
		all = append(all, announcement{vector: named("fuzzed message "+c.name, "A2"), Payload: c.bytes})
	}
	return all
}

func goodAnnouncements() (all []announcement) {
	id := revisionID
	for _, c := range []struct {
		name, payload string
		version       int64
		id            string
	}{
		{"as fleetdial writes it", `{"version":42,"id":"` + id + `"}`, 42, id},
		{"with a time to report", `{"version":42,"id":"` + id + `","report_ms":250}`, 42, id},
		{"with a time to fetch", `{"version":42,"id":"` + id + `","spread_ms":500}`, 42, id},
		{"with both times", `{"version":42,"id":"` + id + `","spread_ms":500,"report_ms":2000}`, 42, id},
		{"with times beyond the limits", `{"version":42,"id":"` + id + `","spread_ms":100000,"report_ms":100000}`, 42, id},
		{"with a negative time", `{"version":42,"id":"` + id + `","spread_ms":-1}`, 42, id},
		{"with a time of 0", `{"version":42,"id":"` + id + `","spread_ms":0}`, 42, id},
		{"keys in another order", `{"id":"` + id + `","version":42}`, 42, id},
		{"an unknown key", `{"version":42,"id":"` + id + `","more":{"a":[1,null,"x"]}}`, 42, id},
		{"an unknown key first", `{"more":null,"version":42,"id":"` + id + `"}`, 42, id},
		{"white space", " {\n\t\"version\" : 42 , \"id\" : \"" + id + "\" }\r\n", 42, id},
		{"escapes", `{"\u0076ersion":42,"id":"\u0030` + id[1:] + `"}`, 42, id},
		{"the lowest version", `{"version":1,"id":"` + id + `"}`, 1, id},
		{"the highest version", fmt.Sprintf(`{"version":%d,"id":"%s"}`, maxMillis, id), maxMillis, id},
	} {
		all = append(all, announcement{named(c.name, "A1 A2"), hexBytes(c.payload), &announced{c.version, c.id}})
	}
	return all
}

// otherMessages are messages that are no announcements.
func otherMessages() (all []announcement) {
	id := revisionID
	for _, c := range []struct{ name, payload string }{
		{"nothing", ""},
		{"a word", "look"},
		{"an empty object", "{}"},
		{"null", "null"},
		{"a number", "42"},
		{"a list", `[42,"` + id + `"]`},
		{"no id", `{"version":42}`},
		{"no version", `{"id":"` + id + `"}`},
		{"a version of 0", `{"version":0,"id":"` + id + `"}`},
		{"a negative version", `{"version":-1,"id":"` + id + `"}`},
		{"a version with a fraction", `{"version":1.5,"id":"` + id + `"}`},
		{"a version in a string", `{"version":"42","id":"` + id + `"}`},
		{"a version of null", `{"version":null,"id":"` + id + `"}`},
		{"an empty id", `{"version":42,"id":""}`},
		{"an id of a number", `{"version":42,"id":42}`},
		{"an id of null", `{"version":42,"id":null}`},
		{"a time in a string", `{"version":42,"id":"` + id + `","spread_ms":"500"}`},
		{"a time with a fraction", `{"version":42,"id":"` + id + `","report_ms":0.5}`},
		{"data after the end", `{"version":42,"id":"` + id + `"}x`},
		{"two announcements", `{"version":42,"id":"` + id + `"}{"version":43,"id":"` + id + `"}`},
		{"truncated", `{"version":42,"id":"` + id},
		{"a number with a leading zero", `{"version":042,"id":"` + id + `"}`},
		{"single quotes", `{'version':42,'id':'` + id + `'}`},
		{"a comma at the end", `{"version":42,"id":"` + id + `",}`},
		{"a byte order mark", "\ufeff" + `{"version":42,"id":"` + id + `"}`},
		{"bytes that are not UTF-8", "\xff\xfe\x00"},
		{"the value itself", string(someRevision(someDirective()).pack())},
		{"1 KiB of spaces", strings.Repeat(" ", 1024)},
		{"1 KiB of brackets", strings.Repeat("[", 1024)},
		{"10 KB", strings.Repeat("x", 10_000)},
	} {
		all = append(all, announcement{vector: named(c.name, "A2"), Payload: hexBytes(c.payload)})
	}
	return all
}
