package wire

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestParseAnnouncement(t *testing.T) {
	t.Parallel()
	assert.Equal(t, `{"version":42,"id":"ab"}`, string(Announcement{Version: 42, ID: "ab"}.Encode()))
	for text, want := range map[string]Announcement{
		`{"version":42,"id":"ab"}`:                  {Version: 42, ID: "ab"},
		`{"version":42,"id":"ab","spread_ms":1500}`: {Version: 42, ID: "ab", SpreadMillis: 1500},
		`{"id":"ab","version":1,"more":{}}`:         {Version: 1, ID: "ab"},
	} {
		got, ok := ParseAnnouncement(text)
		assert.True(t, ok, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{
		"", "look", "{}", "null", `{"version":0,"id":"ab"}`, `{"version":1,"id":""}`, `{"version":-1,"id":"ab"}`,
		`{"version":1.5,"id":"ab"}`, `{"version":"1","id":"ab"}`, `{"version":1,"id":"ab"}x`,
		`{"version":1,"id":"ab","spread_ms":9223372036854775807}`,
		`{"version":1,"id":"ab","report_ms":4294967297}`,
		`{"version":1,"id":"` + strings.Repeat("0a", 16) + `","report_ms":4294967297}`,
		`{"version":1,"id":"` + strings.Repeat("a", maxAnnouncementBytes) + `"}`,
	} {
		_, ok := ParseAnnouncement(text)
		assert.False(t, ok, text)
	}
}

func TestAnnouncement_SpreadIsBounded(t *testing.T) {
	t.Parallel()
	assert.Equal(t, MaxSpread, Announcement{SpreadMillis: 1 << 30}.Spread())
	assert.Zero(t, Announcement{SpreadMillis: -1}.Spread())
	assert.Equal(t, 500*time.Millisecond, Announcement{SpreadMillis: 500}.Spread())
}

func TestSpreadMillis(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		bytes       int
		subscribers int64
		want        int64
	}{
		{4 << 20, 0, 0},
		{1 << 10, 100_000, 0},
		{1 << 20, 256, 0},
		{1 << 20, 257, 501},
		{1 << 20, 511, 998},
		{1 << 20, 700, 1000},
		{4 << 20, 100_000, 1000},
	} {
		assert.Equal(t, c.want, SpreadMillis(c.bytes, c.subscribers), "%d bytes, %d subscribers", c.bytes, c.subscribers)
	}
}

func TestParseAnnouncement_FastPathIsTheSame(t *testing.T) {
	t.Parallel()
	id := strings.Repeat("0a", 16)
	for _, payload := range []string{
		`{"version":42,"id":"` + id + `"}`, `{"version":999999999999999,"id":"` + id + `"}`,
		`{"version":042,"id":"` + id + `"}`, `{"version":0,"id":"` + id + `"}`, `{"version":,"id":"` + id + `"}`,
		`{"version":4-2,"id":"` + id + `"}`, `{"version":42,"id":"` + id + `","x":""}`, `{"version":42,"id":"` + id + `"} `,
		`{"version":42,"id":"` + id + `","report_ms":250}`, `{"version":42,"id":"` + id + `","report_ms":0}`,
		`{"version":42,"id":"` + id + `","report_ms":}`, `{"version":42,"id":"` + id + `","report_ms":1,"spread_ms":1}`,
		`{"version":42,"id":"` + strings.ToUpper(id) + `"}`, `{"version":42,"id":"` + id[2:] + `"}`,
	} {
		got, ok := parseCanonical(payload)
		var want Announcement
		if ok {
			assert.NoError(t, json.Unmarshal([]byte(payload), &want), payload)
			assert.Equal(t, want, got, payload)
		}
	}
	for _, a := range []Announcement{{Version: 42, ID: id}, {Version: 42, ID: id, ReportMillis: 250}} {
		got, ok := parseCanonical(string(a.Encode()))
		assert.True(t, ok)
		assert.Equal(t, a, got)
	}
}

func TestReportMillis_FollowsTheFleet(t *testing.T) {
	t.Parallel()
	const small, large = 0, 128 << 10
	for subscribers, want := range map[int64][2]int64{
		-1: {}, 0: {}, 1: {}, 9: {}, 10: {0, 26}, 99: {0, 266}, 100: {25, 269}, 1000: {250, 2000}, 8000: {2000, 2000}, 1 << 60: {2000, 2000},
	} {
		assert.Equal(t, want[0], ReportMillis(small, subscribers), "%d subscribers", subscribers)
		assert.Equal(t, want[1], ReportMillis(large, subscribers), "%d subscribers", subscribers)
	}
	assert.Equal(t, int64(MaxReportSpread.Milliseconds()), ReportMillis(MaxValueBytes, 1<<60))
	assert.Equal(t, MaxReportSpread, Announcement{ReportMillis: 1 << 30}.ReportSpread())
	assert.Zero(t, Announcement{ReportMillis: -1}.ReportSpread())
}
