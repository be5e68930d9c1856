package wire

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
)

func goldenReport() *Report {
	at := time.UnixMilli(1_790_000_000_000)
	return &Report{
		Instance: "proxy-1-4711", Fleetdial: "v0.4.0", Labels: map[string]string{"zone": "a", "build": "77"},
		StartedAt: at, WrittenAt: at.Add(time.Minute), Every: 10 * time.Second,
		State: "rejected", Since: at.Add(time.Second), Source: "live",
		Applied: &Applied{
			Version: 41, ID: strings.Repeat("a1", idBytes), PublishedAt: at, At: at.Add(3 * time.Millisecond),
		},
		Rejected: &Rejected{
			Version: 42, ID: strings.Repeat("b2", idBytes), Reason: "too_large", Error: "the value is larger",
			At: at.Add(time.Second),
		},
		Error: "the value is larger", ClockOffset: -3 * time.Second,
		Counters: map[string]int64{"applies": 41, "rejections.too_large": 1},
	}
}

// bareReport is what an instance says that has nothing yet.
func bareReport() *Report {
	at := time.UnixMilli(1_790_000_000_000)
	return &Report{
		Instance: "p", Labels: map[string]string{}, StartedAt: at, WrittenAt: at, Since: at, State: "stale",
		Source: "start", Counters: map[string]int64{},
	}
}

func TestEncodeReport_Golden(t *testing.T) {
	t.Parallel()
	path := filepath.Join("testdata", "report.msgpack")
	got := EncodeReport(goldenReport())
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, want, got, "the bytes in Redis are fixed")
	back, err := DecodeReport(want)
	require.NoError(t, err)
	assert.Equal(t, goldenReport(), back)

	back, err = DecodeReport(EncodeReport(bareReport()))
	require.NoError(t, err)
	assert.Equal(t, bareReport(), back)
}

func TestEncodeReport_TruncatesLongTexts(t *testing.T) {
	t.Parallel()
	r := goldenReport()
	r.Error, r.Rejected.Error = strings.Repeat("ü", MaxErrorBytes), strings.Repeat("x\xff", MaxErrorBytes)
	for i := range MaxLabels - 2 {
		r.Labels[strings.Repeat("l", MaxLabelBytes-1)+string(rune('a'+i))] = strings.Repeat("v", MaxLabelValueBytes)
	}
	require.NoError(t, CheckLabels(r.Labels))
	value := EncodeReport(r)
	require.LessOrEqual(t, len(value), MaxReportBytes)
	_, err := DecodeReport(value)
	require.NoError(t, err)
}

// malformedReports change one thing in a good report.
var malformedReports = map[string]func(m map[string]any){
	"missing state":        func(m map[string]any) { delete(m, "state") },
	"missing counters":     func(m map[string]any) { delete(m, "counters") },
	"unknown field":        func(m map[string]any) { m["extra"] = 1 },
	"other format":         func(m map[string]any) { m["format"] = 2 },
	"number for a name":    func(m map[string]any) { m["instance"] = 5 },
	"escape in a name":     func(m map[string]any) { m["instance"] = "a\x1b[2J" },
	"long name":            func(m map[string]any) { m["instance"] = strings.Repeat("n", MaxInstanceBytes+1) },
	"text for a time":      func(m map[string]any) { m["since"] = "now" },
	"negative time":        func(m map[string]any) { m["since"] = -1 },
	"nil error":            func(m map[string]any) { m["error"] = nil },
	"long error":           func(m map[string]any) { m["error"] = strings.Repeat("e", MaxErrorBytes+1) },
	"error not UTF-8":      func(m map[string]any) { m["error"] = "\xff" },
	"huge offset":          func(m map[string]any) { m["clock_offset_ms"] = int64(1) << 62 },
	"labels as text":       func(m map[string]any) { m["labels"] = "zone" },
	"too many counters":    func(m map[string]any) { m["counters"] = manyCounters() },
	"negative counter":     func(m map[string]any) { m["counters"] = map[string]int{"applies": -1} },
	"applied is no map":    func(m map[string]any) { m["applied"] = 1 },
	"id is no id":          func(m map[string]any) { m["applied"].(map[string]any)["id"] = "zz" },
	"more in applied":      func(m map[string]any) { m["applied"].(map[string]any)["more"] = 1 },
	"less in rejected":     func(m map[string]any) { delete(m["rejected"].(map[string]any), "at") },
	"negative version":     func(m map[string]any) { m["applied"].(map[string]any)["version"] = -4 },
	"fraction for version": func(m map[string]any) { m["applied"].(map[string]any)["version"] = 1.5 },
}

func TestDecodeReport_RejectsMalformed(t *testing.T) {
	t.Parallel()
	good := func() map[string]any {
		var m map[string]any
		require.NoError(t, msgpack.Unmarshal(EncodeReport(goldenReport()), &m))
		return m
	}
	inOrder := func(m map[string]any) []byte {
		var buf bytes.Buffer
		e := msgpack.NewEncoder(&buf)
		e.SetSortMapKeys(false)
		e.UseCompactInts(true)
		require.NoError(t, e.EncodeMapLen(len(m)))
		for _, key := range append(reportKeys, "extra") {
			v, has := m[key]
			if !has {
				continue
			}
			require.NoError(t, e.EncodeString(key))
			switch key {
			case "applied":
				writeInOrder(t, e, v, "version", "id", "published_at", "at", "more")
			case "rejected":
				writeInOrder(t, e, v, "version", "id", "reason", "error", "at")
			default:
				require.NoError(t, e.Encode(v))
			}
		}
		return buf.Bytes()
	}
	_, err := DecodeReport(inOrder(good()))
	require.NoError(t, err, "the reference is good")

	for name, change := range malformedReports {
		m := good()
		change(m)
		_, err := DecodeReport(inOrder(m))
		assert.Error(t, err, name)
	}
	value := EncodeReport(goldenReport())
	for n := range value {
		_, err := DecodeReport(value[:n])
		assert.Error(t, err, "truncated at %d", n)
	}
	_, err = DecodeReport(append(value, 0xc0))
	assert.ErrorContains(t, err, "data after the end")
	_, err = DecodeReport(make([]byte, MaxReportBytes+1))
	assert.ErrorContains(t, err, "more than 16384 bytes")
}

func writeInOrder(t *testing.T, e *msgpack.Encoder, v any, keys ...string) {
	m, isMap := v.(map[string]any)
	if !isMap {
		require.NoError(t, e.Encode(v))
		return
	}
	require.NoError(t, e.EncodeMapLen(len(m)))
	for _, key := range keys {
		if value, has := m[key]; has {
			require.NoError(t, e.EncodeString(key))
			require.NoError(t, e.Encode(value))
		}
	}
}

func manyCounters() map[string]int {
	m := make(map[string]int)
	for i := range maxCounters + 1 {
		m[strings.Repeat("c", i+1)] = i
	}
	return m
}

func TestCheckInstanceAndLabels(t *testing.T) {
	t.Parallel()
	require.NoError(t, CheckInstance(strings.Repeat("n", MaxInstanceBytes)))
	for _, bad := range []string{"", strings.Repeat("n", MaxInstanceBytes+1), "a b", "ü", "a\n"} {
		require.Error(t, CheckInstance(bad), "%q", bad)
	}
	require.NoError(t, CheckLabels(nil))
	require.NoError(t, CheckLabels(map[string]string{"zone": ""}))
	for _, bad := range []map[string]string{
		{"": "x"},
		{strings.Repeat("k", MaxLabelBytes+1): "x"},
		{"zone": strings.Repeat("v", MaxLabelValueBytes+1)},
		{"zone": "\xff"},
	} {
		require.Error(t, CheckLabels(bad))
	}
}

func FuzzDecodeReport(f *testing.F) {
	f.Add(EncodeReport(goldenReport()))
	f.Add(EncodeReport(bareReport()))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := DecodeReport(b)
		if err != nil {
			return
		}
		back, err := DecodeReport(EncodeReport(r))
		require.NoError(t, err)
		require.Equal(t, r, back)
	})
}
