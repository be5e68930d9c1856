package main

import "time"

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

func newTopJSON(v fleetHits) topJSON {
	out := topJSON{
		Version: v.revision.Version, ID: v.revision.ID, Now: formatMillis(v.roster.Now), Instances: len(v.roster.Instances),
		Counted: v.sums.Instances, Truncated: v.sums.Truncated, Applied: v.sums.Applied, Capped: v.sums.Capped,
		RatePerSecond: v.sums.Rate, Directives: []topDirective{}, WithoutHits: orEmpty(v.withoutHits()),
		Uncounted: orEmpty(v.uncounted()), Old: []oldJSON{},
	}
	if v.revision.Version > 0 {
		out.PublishedAt = formatMillis(v.revision.PublishedAt)
	}
	if !v.sums.Oldest.IsZero() {
		out.OldestReport = formatMillis(v.sums.Oldest)
	}
	for _, row := range v.rows {
		d := topDirective{
			ID: row.ID, Level: row.Level.String(), Instances: row.concerned, Reporting: row.hits.Instances,
			ExpiresAt: formatMillis(row.ExpiresAt),
		}
		if row.isKnown {
			d.Applied, d.Capped, d.RatePerSecond = &row.hits.Applied, &row.hits.Capped, &row.hits.Rate
		}
		out.Directives = append(out.Directives, d)
	}
	for _, in := range v.old() {
		out.Old = append(out.Old, oldJSON{in.name, in.age.Milliseconds()})
	}
	return out
}

// formatMillis returns a time with its milliseconds.
func formatMillis(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// orEmpty returns a list that is not nil.
func orEmpty(list []string) []string { return append([]string{}, list...) }
