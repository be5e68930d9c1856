package main

import (
	"bytes"
	"fmt"
	"time"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
	"github.com/fleetdial/fleetdial/internal/overview"
	"github.com/fleetdial/fleetdial/internal/plain"
)

// topText returns the table of the hits, and below it a summary and what is not known. A
// height, unless it is 0, limits the number of lines.
func (a *app) topText(v overview.Hits, height int) (string, error) {
	notes := a.topNotes(v)
	rows := v.Rows
	if height > 0 {
		// The header, the line of the directives left out, and the line of the cursor.
		rows = rows[:min(len(rows), max(1, height-len(notes)-3))]
	}
	var out bytes.Buffer
	w := tui.NewTable(&out)
	w.Width = a.width()
	w.Long = [][]int{{0}}
	fmt.Fprintln(w, "ID\tHITS\tRATE\tCAPPED\tINSTANCES\tLEFT")
	for _, row := range rows {
		hits, rate, capped := hitsCells(row)
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d/%d\t%s\n", plain.Printable(row.ID), hits, rate, capped,
			row.Concerned, len(v.Roster.Instances), plain.Left(row.ExpiresAt, v.Roster.Now))
	}
	if err := w.Flush(); err != nil {
		return "", err
	}
	if more := len(v.Rows) - len(rows); more > 0 {
		fmt.Fprintf(&out, "and %d more\n", more)
	}
	// A line that is wider than the terminal would take two lines, which the pane does not know.
	lines := tui.NewTable(&out)
	if lines.Width = 0; height > 0 {
		lines.Width = w.Width
	}
	for _, note := range notes {
		fmt.Fprintln(lines, note)
	}
	err := lines.Flush()
	return out.String(), err
}

// hitsCells returns the cells of the columns HITS, RATE and CAPPED.
func hitsCells(row overview.HitsRow) (hits, rate, capped string) {
	if !row.IsKnown {
		return "-", "-", "-"
	}
	return fmt.Sprint(row.Hits.Applied), plain.Rate(row.Hits.Rate), fmt.Sprint(row.Hits.Capped)
}

// topNotes returns the lines below the table.
func (a *app) topNotes(v overview.Hits) []string {
	notes := []string{a.topHeadline(v), topSummary(v)}
	if names := v.Uncounted(); len(names) > 0 {
		notes = append(notes, fmt.Sprintf("no figures from %s: %s", plain.Count(len(names), "instance"), plain.First(5, plain.Words(names))))
	}
	if n := v.Sums.Truncated; n > 0 {
		notes = append(notes, fmt.Sprintf("lower bounds: %s with more than %d directives that have hits",
			plain.Count(n, "instance"), fleetdial.MaxReportedHits))
	}
	if old := v.Old(); len(old) > 0 {
		var names []string
		for _, in := range old {
			names = append(names, fmt.Sprintf("%s (%v)", plain.Word(in.Name), in.Age.Round(time.Second)))
		}
		notes = append(notes, fmt.Sprintf("figures older than %v: %s", overview.OldFigures, plain.First(5, names)))
	}
	if ids := v.WithoutHits(); len(ids) > 0 {
		notes = append(notes, noHitsText(ids))
	}
	return notes
}

// noHitsText names the directives without a hit.
func noHitsText(ids []string) string { return "no hits: " + plain.First(5, plain.Words(ids)) }

// topHeadline describes the current revision in one line.
func (a *app) topHeadline(v overview.Hits) string {
	line := fmt.Sprintf("fleet %s: ", a.fleet)
	if v.Revision.Version == 0 {
		line += "empty value, no directives"
	} else {
		line += fmt.Sprintf("version %d, published %v ago", v.Revision.Version,
			max(0, v.Roster.Now.Sub(v.Revision.PublishedAt)).Round(time.Second))
	}
	if signature := a.signature(v.Revision); signature != "" {
		line += "; " + signature
	}
	return line
}

// topSummary describes the fleet's hits in one line.
func topSummary(v overview.Hits) string {
	line := fmt.Sprintf("%s, %d with figures", plain.Count(len(v.Roster.Instances), "instance"), v.Sums.Instances)
	if v.Sums.Instances > 0 {
		line += fmt.Sprintf("; %s, %s, %d capped", plain.Count(int(v.Sums.Applied), "hit"), plain.Rate(v.Sums.Rate), v.Sums.Capped)
	}
	return line
}
