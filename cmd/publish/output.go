package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/fleetdial/fleetdial"
)

func (a *app) writeRevision(rev fleetdial.Revision) error {
	_, err := a.stdout.Write(rev.AppendJSON(nil))
	return err
}

// writeRevisionLine is writeRevision in one line.
func (a *app) writeRevisionLine(rev fleetdial.Revision) error {
	var line bytes.Buffer
	if err := json.Compact(&line, rev.AppendJSON(nil)); err != nil {
		return err
	}
	line.WriteByte('\n')
	_, err := a.stdout.Write(line.Bytes())
	return err
}

// writeJSON writes a value in lines for people, writeJSONLine in one.
func (a *app) writeJSON(v any) error     { return encodeJSON(a.stdout, v, "  ") }
func (a *app) writeJSONLine(v any) error { return encodeJSON(a.stdout, v, "") }

func encodeJSON(out io.Writer, v any, indent string) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	return e.Encode(v)
}

// writeTable writes a row for each directive.
func (a *app) writeTable(set *fleetdial.Set, now time.Time) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tLEVEL\tSAMPLE\tTENANT\tINDEX\tPRINCIPAL\tENDPOINT\tRING\tCAPTURE\tENDS")
	for _, d := range set.Directives() {
		cells := []string{
			d.ID, d.Level.String(), sample(d.SamplePerMille), orAny(d.Match.Tenant), orAny(d.Match.Index),
			orAny(d.Match.Principal), orAny(endpointName(d.Match.Endpoint)), yes(d.RingBuffer), yes(d.Capture), ends(d.ExpiresAt, now),
		}
		for i := range cells {
			cells[i] = printable(cells[i])
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return w.Flush()
}

func sample(perMille int) string {
	if perMille == 1000 {
		return "all"
	}
	return fmt.Sprintf("%d/1000", perMille)
}

func orAny(name string) string {
	if name == "" {
		return "*"
	}
	return name
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "-"
}

func ends(at, now time.Time) string {
	if !at.After(now) {
		return "expired"
	}
	return "in " + at.Sub(now).Round(time.Second).String()
}

// printable quotes what a terminal would act upon, an eye could not see, or a table would take for its own: what others
// wrote is never a row.
func printable(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}

// printableLines is printable for a message that may have lines.
func printableLines(s string) string {
	for line := range strings.SplitSeq(s, "\n") {
		if printable(line) != line {
			return strconv.Quote(s)
		}
	}
	return s
}

func count(n int, noun string) string {
	return fmt.Sprintf("%d %s", n, plural(n, noun, noun+"s"))
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
