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

	"github.com/fleetdial/fleetdial/internal/directive"
)

func goldenReport() *Report {
	at := time.UnixMilli(1_790_000_000_000)
	return &Report{
		Instance: "proxy-1~0a1b2c", Run: "0a1b2c3d4e5f6071", Shared: "proxy-1", Fleetdial: "v0.4.0", Labels: map[string]string{"zone": "a", "build": "77"},
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
		Counters:     map[string]int64{"applies": 41, "rejections.too_large": 1},
		Capabilities: []Capability{CapabilityCaptures, CapabilityRingBuffer}, Verifies: true, MaxFormat: 1,
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
	able := bareReport()
	able.Capabilities = []Capability{}
	back, err = DecodeReport(EncodeReport(able))
	require.NoError(t, err)
	assert.Equal(t, able, back, "an instance that can do nothing states that")
}

func TestEncodeReport_TruncatesLongTexts(t *testing.T) {
	t.Parallel()
	r := goldenReport()
	r.Error, r.Rejected.Error = strings.Repeat("ü", MaxErrorBytes), strings.Repeat("x\xff", MaxErrorBytes)
	for i := range directive.MaxLabels - 2 {
		r.Labels[strings.Repeat("l", directive.MaxLabelBytes-1)+string(rune('a'+i))] = strings.Repeat("v", directive.MaxLabelValueBytes)
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
	"run is no run":        func(m map[string]any) { m["run"] = "zz" },
	"shared name":          func(m map[string]any) { m["shared"] = "a b" },
	"many capabilities":    func(m map[string]any) { m["capabilities"] = make([]string, maxCapabilities+1) },
	"capability":           func(m map[string]any) { m["capabilities"] = []string{"a\x1b"} },
	"same capability":      func(m map[string]any) { m["capabilities"] = []string{"a", "a"} },
	"number in a list":     func(m map[string]any) { m["capabilities"] = []int{1} },
	"verifies is no flag":  func(m map[string]any) { m["verifies"] = 1 },
	"negative format":      func(m map[string]any) { m["max_format"] = -1 },
	"deep unknown field":   func(m map[string]any) { m["extra"] = nested(maxDepth + 1) },
	"float unknown field":  func(m map[string]any) { m["extra"] = 1.5 },
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
	"deep in applied":      func(m map[string]any) { m["applied"].(map[string]any)["more"] = nested(maxDepth + 1) },
	"less in applied":      func(m map[string]any) { delete(m["applied"].(map[string]any), "at") },
	"less in rejected":     func(m map[string]any) { delete(m["rejected"].(map[string]any), "at") },
	"negative version":     func(m map[string]any) { m["applied"].(map[string]any)["version"] = -4 },
	"fraction for version": func(m map[string]any) { m["applied"].(map[string]any)["version"] = 1.5 },
}

// nested returns lists in each other.
func nested(depth int) any {
	var v any = 1
	for range depth {
		v = []any{v}
	}
	return v
}

// changedReport returns a good report in which something is changed.
func changedReport(t *testing.T, change func(m map[string]any)) []byte {
	t.Helper()
	var m map[string]any
	require.NoError(t, msgpack.Unmarshal(EncodeReport(goldenReport()), &m))
	change(m)
	var buf bytes.Buffer
	e := msgpack.NewEncoder(&buf)
	e.SetSortMapKeys(true)
	e.UseCompactInts(true)
	require.NoError(t, e.Encode(m))
	return buf.Bytes()
}

func TestDecodeReport_RejectsMalformed(t *testing.T) {
	t.Parallel()
	got, err := DecodeReport(changedReport(t, func(map[string]any) {}))
	require.NoError(t, err, "the reference is good, in any order")
	require.Equal(t, goldenReport(), got)

	for name, change := range malformedReports {
		_, err := DecodeReport(changedReport(t, change))
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
	twice := bytes.Replace(value, []byte("\xa6source"), []byte("\xa6shared"), 1)
	_, err = DecodeReport(twice)
	assert.ErrorContains(t, err, "shared: is repeated")
}

// TestDecodeReport_IgnoresUnknownFields reads what a newer build may write.
func TestDecodeReport_IgnoresUnknownFields(t *testing.T) {
	t.Parallel()
	got, err := DecodeReport(changedReport(t, func(m map[string]any) {
		m["later"] = map[string]any{"a": []any{1, "x", nil, true}}
		m["a"] = nested(maxDepth)
		m["applied"].(map[string]any)["more"] = 1
		m["rejected"].(map[string]any)["more"] = "x"
	}))
	require.NoError(t, err)
	assert.Equal(t, goldenReport(), got)
}

// TestDecodeReport_OlderBuild reads a report without the fields that came later, and in the
// order that an older build had.
func TestDecodeReport_OlderBuild(t *testing.T) {
	t.Parallel()
	value, err := os.ReadFile(filepath.Join("testdata", "report_older.msgpack"))
	require.NoError(t, err)
	want := goldenReport()
	want.Instance, want.Run, want.Shared = "proxy-1-4711", "", ""
	want.Capabilities, want.Verifies, want.MaxFormat = nil, false, 0
	got, err := DecodeReport(value)
	require.NoError(t, err)
	assert.Equal(t, want, got)
	_, ok := DecodeOwner(value[:min(len(value), OwnerBytes)])
	assert.False(t, ok, "an older build names no run")
}

func TestDecodeOwner_ReadsStart(t *testing.T) {
	t.Parallel()
	r := goldenReport()
	r.Instance = strings.Repeat("n", MaxInstanceBytes)
	r.Every = time.Duration(maxMillis) * time.Millisecond
	r.StartedAt, r.WrittenAt = time.UnixMilli(directive.MaxMillis), time.UnixMilli(directive.MaxMillis-1)
	value := EncodeReport(r)
	require.Greater(t, len(value), OwnerBytes)
	want := Owner{r.Run, r.StartedAt, r.WrittenAt, r.Every}
	got, ok := DecodeOwner(value[:OwnerBytes])
	require.True(t, ok)
	assert.Equal(t, want, got)
	for n := range value[:120] {
		_, ok := DecodeOwner(value[:n])
		assert.False(t, ok, "truncated at %d", n)
	}
	_, ok = DecodeOwner([]byte("junk"))
	assert.False(t, ok)
}

func TestAsideName_Fits(t *testing.T) {
	t.Parallel()
	run := NewRun()
	assert.True(t, isHex(run, runDigits/2))
	assert.Equal(t, "web~"+run[:6], AsideName("web", run))
	long := AsideName(strings.Repeat("n", MaxInstanceBytes), run)
	assert.Len(t, long, MaxInstanceBytes)
	assert.NoError(t, CheckInstance(long))
}

func TestCheckCapabilities(t *testing.T) {
	t.Parallel()
	require.NoError(t, CheckCapabilities(nil))
	require.NoError(t, CheckCapabilities([]Capability{CapabilityCaptures, CapabilityRingBuffer}))
	for _, bad := range [][]Capability{
		{""}, {"a b"}, {"a", "a"}, {Capability(strings.Repeat("c", maxWordBytes+1))}, make([]Capability, maxCapabilities+1),
	} {
		require.Error(t, CheckCapabilities(bad))
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
		{strings.Repeat("k", directive.MaxLabelBytes+1): "x"},
		{"zone": strings.Repeat("v", directive.MaxLabelValueBytes+1)},
		{"zone": "\xff"},
	} {
		require.Error(t, CheckLabels(bad))
	}
}

func FuzzDecodeReport(f *testing.F) {
	f.Add(EncodeReport(goldenReport()))
	f.Add(EncodeReport(bareReport()))
	f.Add(EncodeReport(countedReport()))
	f.Fuzz(func(t *testing.T, b []byte) {
		DecodeOwner(b)
		r, err := DecodeReport(b)
		if err != nil {
			return
		}
		back, err := DecodeReport(EncodeReport(r))
		require.NoError(t, err)
		require.Equal(t, r, back)
	})
}
