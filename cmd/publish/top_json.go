package main

import (
	"time"

	"github.com/fleetdial/fleetdial/internal/overview"
)

// topJSON is the output of top with -o json.
type topJSON struct {
	Version     int64  `json:"version"`
	ID          string `json:"id,omitempty"`
	PublishedAt string `json:"published_at,omitempty"`
	Now         string `json:"now"`
	// Instances is how many instances are not GONE. Counted is how many of them have figures,
	// and Truncated how many of these have hits of more directives than they report.
	Instances int `json:"instances"`
	Counted   int `json:"instances_counted"`
	Truncated int `json:"instances_truncated"`
	// OldestReport is when the oldest of the figures were reported.
	OldestReport  string         `json:"oldest_report,omitempty"`
	Applied       int64          `json:"applied"`
	Capped        int64          `json:"capped"`
	RatePerSecond float64        `json:"rate_per_second"`
	Directives    []topDirective `json:"directives"`
	WithoutHits   []string       `json:"without_hits"`
	Uncounted     []string       `json:"without_figures"`
	Old           []oldJSON      `json:"old_figures"`
}

// topDirective is a directive. Its figures are absent if they are not known.
type topDirective struct {
	ID            string   `json:"id"`
	Level         string   `json:"level"`
	Applied       *int64   `json:"applied,omitempty"`
	Capped        *int64   `json:"capped,omitempty"`
	RatePerSecond *float64 `json:"rate_per_second,omitempty"`
	// Instances is how many instances evaluate the directive, and Reporting how many report
	// hits of it.
	Instances int    `json:"instances"`
	Reporting int    `json:"instances_with_hits"`
	ExpiresAt string `json:"expires_at"`
}

// oldJSON is an instance with old figures.
type oldJSON struct {
	Instance string `json:"instance"`
	AgeMS    int64  `json:"age_ms"`
}

func newTopJSON(v overview.Hits) topJSON {
	out := topJSON{
		Version: v.Revision.Version, ID: v.Revision.ID, Now: formatMillis(v.Roster.Now), Instances: len(v.Roster.Instances),
		Counted: v.Sums.Instances, Truncated: v.Sums.Truncated, Applied: v.Sums.Applied, Capped: v.Sums.Capped,
		RatePerSecond: v.Sums.Rate, Directives: []topDirective{}, WithoutHits: orEmpty(v.WithoutHits()),
		Uncounted: orEmpty(v.Uncounted()), Old: []oldJSON{},
	}
	if v.Revision.Version > 0 {
		out.PublishedAt = formatMillis(v.Revision.PublishedAt)
	}
	if !v.Sums.Oldest.IsZero() {
		out.OldestReport = formatMillis(v.Sums.Oldest)
	}
	for _, row := range v.Rows {
		d := topDirective{
			ID: row.ID, Level: row.Level.String(), Instances: row.Concerned, Reporting: row.Hits.Instances,
			ExpiresAt: formatMillis(row.ExpiresAt),
		}
		if row.IsKnown {
			d.Applied, d.Capped, d.RatePerSecond = &row.Hits.Applied, &row.Hits.Capped, &row.Hits.Rate
		}
		out.Directives = append(out.Directives, d)
	}
	for _, in := range v.Old() {
		out.Old = append(out.Old, oldJSON{in.Name, in.Age.Milliseconds()})
	}
	return out
}

// formatMillis returns a time with its milliseconds.
func formatMillis(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// orEmpty returns a list that is not nil.
func orEmpty(list []string) []string { return append([]string{}, list...) }
