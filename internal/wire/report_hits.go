package wire

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// MaxReportedHits is how many directives the hits of a report name.
const MaxReportedHits = 32

// ReportHits is what an instance has counted for the set in force.
type ReportHits struct {
	// Directives are the directives with the most hits, at most [MaxReportedHits], the one
	// with the most hits first.
	Directives []ReportedHits
	// Window is the time over which Recent counts.
	Window time.Duration
	// Total is what all directives of the set have counted, also those that are left out.
	Total directive.Hits
}

// ReportedHits is what one directive has counted.
type ReportedHits struct {
	directive.DirectiveHits
	// Recent is how many requests the directive applied to within the window.
	Recent int64
}

// NewReportHits returns what a report tells of the hits. Before is how many requests each
// directive had applied to when the window began. A directive that has counted less since
// then, or that was not known then, has counted everything within the window.
func NewReportHits(all []directive.DirectiveHits, before map[string]int64, window time.Duration) *ReportHits {
	out := &ReportHits{Window: max(0, window.Truncate(time.Millisecond))}
	largest := slices.Clone(all)
	slices.SortFunc(largest, func(a, b directive.DirectiveHits) int {
		return cmp.Or(cmp.Compare(b.Applied+b.Capped, a.Applied+a.Capped), strings.Compare(a.ID, b.ID))
	})
	for _, h := range all {
		out.Total.Applied += h.Applied
		out.Total.Capped += h.Capped
	}
	for _, h := range largest[:min(len(largest), MaxReportedHits)] {
		recent := h.Applied - before[h.ID]
		if recent < 0 {
			recent = h.Applied
		}
		out.Directives = append(out.Directives, ReportedHits{h, recent})
	}
	return out
}

// hits writes the three fields of the hits. Counts that are beyond the range are written as
// its end.
func (e encoder) hits(h *ReportHits) {
	if h == nil {
		return
	}
	_ = e.EncodeString("hits")
	_ = e.EncodeArrayLen(len(h.Directives))
	for _, d := range h.Directives {
		_ = e.EncodeMapLen(4)
		e.text("id", d.ID)
		e.count("applied", d.Applied)
		e.count("capped", d.Capped)
		e.count("recent", d.Recent)
	}
	e.integer("hits_window_ms", h.Window.Milliseconds())
	_ = e.EncodeString("hits_total")
	_ = e.EncodeMapLen(2)
	e.count("applied", h.Total.Applied)
	e.count("capped", h.Total.Capped)
}

func (e encoder) count(field string, n int64) { e.integer(field, min(n, directive.MaxMillis)) }

// The fields that an item of the hits, and their total, must have.
var (
	hitsFields  = []string{"id", "applied", "capped", "recent"}
	totalFields = []string{"applied", "capped"}
)

// hits reads the value of a field of the hits. It returns false for any other key.
func (d *reportReader) hits(key string, r *Report) bool {
	if key != "hits" && key != "hits_window_ms" && key != "hits_total" {
		return false
	}
	if r.Hits == nil {
		r.Hits = &ReportHits{}
	}
	switch key {
	case "hits":
		r.Hits.Directives = d.reportedHits()
	case "hits_window_ms":
		r.Hits.Window = time.Duration(d.number(key, 0, maxMillis)) * time.Millisecond
	default:
		d.fields(totalFields, func(name string) bool { return d.counts(name, &r.Hits.Total) })
	}
	return true
}

// reportedHits reads the items of the hits.
func (d *reportReader) reportedHits() (all []ReportedHits) {
	n := d.arrayOf("hits", MaxReportedHits)
	for range n {
		var h ReportedHits
		d.fields(hitsFields, func(name string) bool {
			switch name {
			case "id":
				h.ID = d.note("hits.id", directive.MaxIDBytes)
				if d.err == nil && h.ID == "" {
					d.err = invalid("hits.id", "must not be empty")
				}
			case "recent":
				h.Recent = d.number("hits.recent", 0, directive.MaxMillis)
			default:
				return d.counts(name, &h.Hits)
			}
			return true
		})
		if d.err != nil {
			return nil
		}
		if slices.ContainsFunc(all, func(other ReportedHits) bool { return other.ID == h.ID }) {
			d.err = invalid("hits", "has a repeated id")
			return nil
		}
		all = append(all, h)
	}
	return all
}

// counts reads a count of hits. It returns false for any other field.
func (d *reportReader) counts(name string, h *directive.Hits) bool {
	switch name {
	case "applied":
		h.Applied = d.number("hits.applied", 0, directive.MaxMillis)
	case "capped":
		h.Capped = d.number("hits.capped", 0, directive.MaxMillis)
	default:
		return false
	}
	return true
}
