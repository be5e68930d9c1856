package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
)

// topText returns the table of the hits, and below it a summary and what is not known. A
// height, unless it is 0, limits the number of lines.
func (a *app) topText(v fleetHits, height int) (string, error) {
	notes := a.topNotes(v)
	rows := v.rows
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
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d/%d\t%s\n", tui.Printable(row.ID), hits, rate, capped,
			row.concerned, len(v.roster.Instances), left(row.ExpiresAt, v.roster.Now))
	}
	if err := w.Flush(); err != nil {
		return "", err
	}
	if more := len(v.rows) - len(rows); more > 0 {
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
func hitsCells(row hitsRow) (hits, rate, capped string) {
	if !row.isKnown {
		return "-", "-", "-"
	}
	return fmt.Sprint(row.hits.Applied), rateText(row.hits.Rate), fmt.Sprint(row.hits.Capped)
}

// rateText returns a rate with three digits or more.
func rateText(perSecond float64) string {
	decimals := 0
	switch {
	case perSecond == 0:
	case perSecond < 1:
		decimals = 3
	case perSecond < 10:
		decimals = 2
	case perSecond < 1000:
		decimals = 1
	}
	return strconv.FormatFloat(perSecond, 'f', decimals, 64) + "/s"
}

// left returns the cell of the column LEFT.
func left(at, now time.Time) string { return strings.TrimPrefix(remaining(at, now), "in ") }

// topNotes returns the lines below the table.
func (a *app) topNotes(v fleetHits) []string {
	notes := []string{a.topHeadline(v), topSummary(v)}
	if names := v.uncounted(); len(names) > 0 {
		notes = append(notes, fmt.Sprintf("no figures from %s: %s", tui.Count(len(names), "instance"), some(words(names))))
	}
	if n := v.sums.Truncated; n > 0 {
		notes = append(notes, fmt.Sprintf("lower bounds: %s with more than %d directives that have hits",
			tui.Count(n, "instance"), fleetdial.MaxReportedHits))
	}
	if old := v.old(); len(old) > 0 {
		var names []string
		for _, in := range old {
			names = append(names, fmt.Sprintf("%s (%v)", tui.Word(in.name), in.age.Round(time.Second)))
		}
		notes = append(notes, fmt.Sprintf("figures older than %v: %s", oldFigures, some(names)))
	}
	if ids := v.withoutHits(); len(ids) > 0 {
		notes = append(notes, noHitsText(ids))
	}
	return notes
}

// noHitsText names the directives without a hit.
func noHitsText(ids []string) string { return "no hits: " + some(words(ids)) }

// topHeadline describes the current revision in one line.
func (a *app) topHeadline(v fleetHits) string {
	line := fmt.Sprintf("fleet %s: ", a.fleet)
	if v.revision.Version == 0 {
		line += "empty value, no directives"
	} else {
		line += fmt.Sprintf("version %d, published %v ago", v.revision.Version,
			max(0, v.roster.Now.Sub(v.revision.PublishedAt)).Round(time.Second))
	}
	if signature := a.signature(v.revision); signature != "" {
		line += "; " + signature
	}
	return line
}

// topSummary describes the fleet's hits in one line.
func topSummary(v fleetHits) string {
	line := fmt.Sprintf("%s, %d with figures", tui.Count(len(v.roster.Instances), "instance"), v.sums.Instances)
	if v.sums.Instances > 0 {
		line += fmt.Sprintf("; %s, %s, %d capped", tui.Count(int(v.sums.Applied), "hit"), rateText(v.sums.Rate), v.sums.Capped)
	}
	return line
}
