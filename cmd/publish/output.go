package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
)

// writeRevision writes a revision as indented JSON.
func (a *app) writeRevision(rev fleetdial.Revision) error {
	_, err := a.stdout.Write(rev.AppendJSON(nil))
	return err
}

// writeRevisionLine writes a revision as JSON in one line.
func (a *app) writeRevisionLine(rev fleetdial.Revision) error {
	var line bytes.Buffer
	if err := json.Compact(&line, rev.AppendJSON(nil)); err != nil {
		return err
	}
	line.WriteByte('\n')
	_, err := a.stdout.Write(line.Bytes())
	return err
}

// writeJSON writes a value as indented JSON.
func (a *app) writeJSON(v any) error { return encodeJSON(a.stdout, v, "  ") }

// writeJSONLine writes a value as JSON in one line.
func (a *app) writeJSONLine(v any) error { return encodeJSON(a.stdout, v, "") }

func encodeJSON(out io.Writer, v any, indent string) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	return e.Encode(v)
}

// writeTable writes a table with a row for each directive.
func (a *app) writeTable(set *fleetdial.Set, now time.Time) error {
	w := tui.NewTable(a.stdout)
	fmt.Fprintln(w, "ID\tLEVEL\tSAMPLE\tTENANT\tINDEX\tPRINCIPAL\tENDPOINT\tRING\tCAPTURE\tENDS")
	for _, d := range set.Directives() {
		cells := []string{
			d.ID, d.Level.String(), sample(d.SamplePerMille), orAny(d.Match.Tenant), orAny(d.Match.Index),
			orAny(d.Match.Principal), orAny(endpointName(d.Match.Endpoint)),
			tui.YesOrDash(d.RingBuffer), tui.YesOrDash(d.Capture), remaining(d.ExpiresAt, now),
		}
		for i := range cells {
			cells[i] = tui.Printable(cells[i])
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return w.Flush()
}

// sample returns the cell of the column SAMPLE.
func sample(perMille int) string {
	if perMille == 1000 {
		return "all"
	}
	return fmt.Sprintf("%d/1000", perMille)
}

// orAny returns the cell of a field of a match, "*" for an unset field.
func orAny(name string) string {
	if name == "" {
		return "*"
	}
	return name
}

// remaining returns the cell of the column ENDS.
func remaining(at, now time.Time) string {
	if !at.After(now) {
		return "expired"
	}
	return "in " + at.Sub(now).Round(time.Second).String()
}
