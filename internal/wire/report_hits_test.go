package wire

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// counted returns the hits of a directive.
func counted(id string, applied, capped int64) directive.DirectiveHits {
	return directive.DirectiveHits{ID: id, Hits: directive.Hits{Applied: applied, Capped: capped}}
}

// countedReport returns a report with hits.
func countedReport() *Report {
	r := goldenReport()
	r.Hits = NewReportHits([]directive.DirectiveHits{counted("a", 7, 0), counted("b", 1200, 300)},
		map[string]int64{"b": 1000}, 10*time.Second)
	return r
}

func TestNewReportHits_LargestFirst(t *testing.T) {
	t.Parallel()
	var all []directive.DirectiveHits
	for i := range MaxReportedHits + 8 {
		all = append(all, counted(fmt.Sprintf("d%02d", i), int64(i/2), int64(i%2)))
	}
	h := NewReportHits(all, map[string]int64{"d39": 12, "d38": 100}, 2500*time.Millisecond+time.Microsecond)
	require.Len(t, h.Directives, MaxReportedHits)
	assert.Equal(t, ReportedHits{counted("d39", 19, 1), 7}, h.Directives[0])
	assert.Equal(t, ReportedHits{counted("d37", 18, 1), 18}, h.Directives[1], "d37 was not known")
	assert.Equal(t, ReportedHits{counted("d38", 19, 0), 19}, h.Directives[2], "the id breaks the tie, and d38 began again")
	assert.Equal(t, directive.Hits{Applied: 380, Capped: 20}, h.Total, "with those that are left out")
	assert.Equal(t, 2500*time.Millisecond, h.Window, "in whole milliseconds")
	assert.True(t, slices.IsSortedFunc(all, func(a, b directive.DirectiveHits) int { return strings.Compare(a.ID, b.ID) }),
		"the argument is as before")
}

func TestEncodeReport_HitsRoundTrip(t *testing.T) {
	t.Parallel()
	none := goldenReport()
	none.Hits = NewReportHits(nil, nil, 0)
	for _, r := range []*Report{countedReport(), none} {
		back, err := DecodeReport(EncodeReport(r))
		require.NoError(t, err)
		assert.Equal(t, r, back)
	}
	assert.NotContains(t, string(EncodeReport(goldenReport())), "hits", "a report of an instance that does not count")
	huge := countedReport()
	huge.Hits.Total.Applied, huge.Hits.Directives[0].Recent = 1<<60, 1<<60
	back, err := DecodeReport(EncodeReport(huge))
	require.NoError(t, err)
	assert.EqualValues(t, directive.MaxMillis, back.Hits.Total.Applied)
	assert.EqualValues(t, directive.MaxMillis, back.Hits.Directives[0].Recent)
}

// TestEncodeReport_LargestFits encodes a report whose every part is as large as it may be.
func TestEncodeReport_LargestFits(t *testing.T) {
	t.Parallel()
	r := goldenReport()
	r.Instance, r.Shared = strings.Repeat("i", MaxInstanceBytes), strings.Repeat("s", MaxInstanceBytes)
	r.Fleetdial = strings.Repeat("v", maxWordBytes)
	r.Error, r.Rejected.Error = strings.Repeat("e", MaxErrorBytes), strings.Repeat("r", MaxErrorBytes)
	r.Applied.SignedBy, r.Applied.Digest = strings.Repeat("a", 2*keyIDBytes), strings.Repeat("a", 2*digestBytes)
	r.Every, r.ClockOffset, r.MaxFormat = time.Duration(maxMillis)*time.Millisecond, -time.Duration(maxMillis)*time.Millisecond, 1<<30
	r.Labels, r.Counters, r.Capabilities = map[string]string{}, map[string]int64{}, nil
	for i := range directive.MaxLabels {
		r.Labels[fmt.Sprintf("%0*d", directive.MaxLabelBytes, i)] = strings.Repeat("v", directive.MaxLabelValueBytes)
	}
	for i := range maxCapabilities {
		r.Capabilities = append(r.Capabilities, Capability(fmt.Sprintf("%0*d", maxWordBytes, i)))
	}
	for i := range maxCounters {
		r.Counters[fmt.Sprintf("%0*d", len("rejections.unknown_key"), i)] = directive.MaxMillis
	}
	r.Hits = &ReportHits{Window: r.Every, Total: directive.Hits{Applied: directive.MaxMillis, Capped: directive.MaxMillis}}
	for i := range MaxReportedHits {
		id := fmt.Sprintf("%0*d", directive.MaxIDBytes, i)
		r.Hits.Directives = append(r.Hits.Directives, ReportedHits{counted(id, directive.MaxMillis, directive.MaxMillis), directive.MaxMillis})
	}
	require.NoError(t, CheckLabels(r.Labels))
	value := EncodeReport(r)
	assert.LessOrEqual(t, len(value), MaxReportBytes)
	back, err := DecodeReport(value)
	require.NoError(t, err)
	assert.Equal(t, r, back)
}

// malformedHits change one thing in the hits of a good report.
var malformedHits = map[string]func(m map[string]any, item, total map[string]any){
	"no window":           func(m, _, _ map[string]any) { delete(m, "hits_window_ms") },
	"no total":            func(m, _, _ map[string]any) { delete(m, "hits_total") },
	"no hits":             func(m, _, _ map[string]any) { delete(m, "hits") },
	"hits are no list":    func(m, _, _ map[string]any) { m["hits"] = map[string]any{} },
	"hits are nil":        func(m, _, _ map[string]any) { m["hits"] = nil },
	"many hits":           func(m, item, _ map[string]any) { m["hits"] = manyHits(item) },
	"same id":             func(m, item, _ map[string]any) { m["hits"] = []any{item, item} },
	"item is no map":      func(m, _, _ map[string]any) { m["hits"] = []any{1} },
	"no id":               func(_, item, _ map[string]any) { delete(item, "id") },
	"no recent":           func(_, item, _ map[string]any) { delete(item, "recent") },
	"empty id":            func(_, item, _ map[string]any) { item["id"] = "" },
	"long id":             func(_, item, _ map[string]any) { item["id"] = strings.Repeat("i", directive.MaxIDBytes+1) },
	"id is not UTF-8":     func(_, item, _ map[string]any) { item["id"] = "\xff" },
	"negative applied":    func(_, item, _ map[string]any) { item["applied"] = -1 },
	"large applied":       func(_, item, _ map[string]any) { item["applied"] = int64(directive.MaxMillis) + 1 },
	"fraction of capped":  func(_, item, _ map[string]any) { item["capped"] = 1.5 },
	"text for recent":     func(_, item, _ map[string]any) { item["recent"] = "1" },
	"deep in an item":     func(_, item, _ map[string]any) { item["more"] = nested(maxDepth + 1) },
	"negative window":     func(m, _, _ map[string]any) { m["hits_window_ms"] = -1 },
	"huge window":         func(m, _, _ map[string]any) { m["hits_window_ms"] = int64(1) << 62 },
	"total is no map":     func(m, _, _ map[string]any) { m["hits_total"] = 1 },
	"no applied in total": func(_, _, total map[string]any) { delete(total, "applied") },
	"negative total":      func(_, _, total map[string]any) { total["capped"] = -1 },
}

func manyHits(item map[string]any) (all []any) {
	for i := range MaxReportedHits + 1 {
		another := maps.Clone(item)
		another["id"] = fmt.Sprint(i)
		all = append(all, another)
	}
	return all
}

func TestDecodeReport_RejectsMalformedHits(t *testing.T) {
	t.Parallel()
	changed := func(change func(m, item, total map[string]any)) error {
		_, err := DecodeReport(changedReport(t, func(m map[string]any) {
			item := map[string]any{"id": "a", "applied": 3, "capped": 2, "recent": 1}
			total := map[string]any{"applied": 3, "capped": 2}
			m["hits"], m["hits_window_ms"], m["hits_total"] = []any{item}, 1000, total
			change(m, item, total)
		}))
		return err
	}
	require.NoError(t, changed(func(m, item, total map[string]any) {}), "the reference is good")
	require.NoError(t, changed(func(_, item, total map[string]any) {
		item["more"], total["more"] = "x", nested(3)
	}), "what a newer build may write")
	for name, change := range malformedHits {
		assert.Error(t, changed(change), name)
	}
	value := EncodeReport(countedReport())
	for n := range value {
		_, err := DecodeReport(value[:n])
		assert.Error(t, err, "truncated at %d", n)
	}
}
