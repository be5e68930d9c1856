package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
	"github.com/fleetdial/fleetdial/internal/overview"
	"github.com/fleetdial/fleetdial/internal/plain"
	"github.com/fleetdial/fleetdial/internal/review"
)

// writeRevision writes a revision as indented JSON.
func (a *app) writeRevision(rev fleetdial.Revision) error {
	return a.writeJSON(a.revisionJSON(rev))
}

// writeRevisionLine writes a revision as JSON in one line.
func (a *app) writeRevisionLine(rev fleetdial.Revision) error {
	return a.writeJSONLine(a.revisionJSON(rev))
}

// writeBody writes a set as a publish body. A body has no fleet, so that it can be
// published to every fleet.
func (a *app) writeBody(set *fleetdial.Set) error {
	_, err := a.stdout.Write(plain.EscapeBody(fleetdial.AppendBody(nil, set)))
	return err
}

// writeJSON writes a value as indented JSON.
func (a *app) writeJSON(v any) error { return a.encodeJSON(a.stdout, v, "  ") }

// writeJSONLine writes a value as JSON in one line.
func (a *app) writeJSONLine(v any) error { return a.encodeJSON(a.stdout, v, "") }

// encodeJSON writes a value as JSON. It adds the name of the fleet to an object.
func (a *app) encodeJSON(out io.Writer, v any, indent string) error {
	object, err := a.withFleet(v).MarshalJSON()
	if err != nil {
		return err
	}
	shaped := bytes.NewBuffer(nil)
	if indent == "" {
		err = json.Compact(shaped, object)
	} else {
		err = json.Indent(shaped, object, "", indent)
	}
	if err != nil {
		return err
	}
	shaped.WriteByte('\n')
	_, err = out.Write(plain.EscapeJSON(shaped.Bytes()))
	return err
}

// fleetObject is a value that has the name of its fleet in JSON.
type fleetObject struct {
	value any
	fleet string
}

func (a *app) withFleet(v any) fleetObject { return fleetObject{v, a.fleet} }

// MarshalJSON adds the name of the fleet to an object that does not have it.
func (o fleetObject) MarshalJSON() ([]byte, error) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(o.value); err != nil {
		return nil, err
	}
	object := bytes.TrimSpace(text.Bytes())
	inner, isObject := bytes.CutSuffix(object, []byte("}"))
	if !isObject || hasFleet(object) {
		return object, nil
	}
	inner = bytes.TrimSpace(inner)
	comma := ","
	if len(inner) == 1 {
		comma = ""
	}
	fleet, err := json.Marshal(o.fleet)
	return fmt.Appendf(nil, `%s%s"fleet":%s}`, inner, comma, fleet), err
}

func hasFleet(object []byte) bool {
	var has struct {
		Fleet *string `json:"fleet"`
	}
	return json.Unmarshal(object, &has) == nil && has.Fleet != nil
}

// newTable returns a table on stdout. With -o wide, its width is not limited.
func (a *app) newTable() *tui.Table {
	w := tui.NewTable(a.stdout)
	w.Width = a.width()
	return w
}

// newList returns a table of names and values on stdout, which are never shortened.
func (a *app) newList() *tui.Table {
	w := tui.NewTable(a.stdout)
	w.Width = 0
	return w
}

// width returns the number of columns of a table, and 0 for no limit: with -o wide, and if
// stdout is not a terminal.
func (a *app) width() int {
	if a.output == "wide" {
		return 0
	}
	return tui.Width(a.stdout)
}

// palette returns the colours for a stream.
func (a *app) palette(stream any) tui.Palette {
	on := a.colour == "always"
	if a.colour == "auto" {
		on = tui.IsTerminal(stream) && !a.dumb && !a.noColour
	}
	if !on {
		return tui.Palette{}
	}
	return tui.Colours()
}

// redrawn returns the stream for a text that is redrawn in place. A terminal that cannot
// move its cursor is a stream like any other.
func (a *app) redrawn(stream io.Writer) io.Writer {
	if a.dumb {
		return struct{ io.Writer }{stream}
	}
	return stream
}

// writeTable writes a table with a row for each directive. hits, if not nil, tells what the
// directives have counted, and origins, if not nil, who added them. On a terminal, the table
// leaves out what no directive has. ON and MAX/S are left out of every table in which no
// directive has them.
func (a *app) writeTable(set *fleetdial.Set, now time.Time, hits map[string]overview.HitsRow, origins map[string]overview.Origin) error {
	w := a.newTable()
	all := set.Directives()
	header, row := wideHeader, wideRow
	if w.Width > 0 {
		header, row = narrowHeader, narrowRow
		if slices.ContainsFunc(all, func(d fleetdial.Directive) bool { return d.RingBuffer || d.Capture }) {
			header, row = append(narrowHeader[:4:4], "ALSO", "MATCH"), narrowRowWithAlso
		}
		w.Long = [][]int{{0}, {len(header) - 1}}
	}
	if set.IsDetailed() {
		w.Long = append([][]int{{len(header)}}, w.Long...)
		header = append(header[:len(header):len(header)], "ON", "MAX/S")
	}
	if hits != nil {
		header = append(header[:len(header):len(header)], "HITS", "RATE")
	}
	if origins != nil {
		w.Long = append([][]int{{len(header)}}, w.Long...)
		header = append(header[:len(header):len(header)], "ADDED BY")
	}
	fmt.Fprintln(w, strings.Join(header, "\t"))
	for _, d := range all {
		cells := row(d, now)
		if set.IsDetailed() {
			cells = append(cells, review.FieldText(d, fleetdial.FieldInstances), review.FieldText(d, fleetdial.FieldMaxPerSecond))
		}
		if hits != nil {
			counted, rate, _ := hitsCells(hits[d.ID])
			cells = append(cells, counted, rate)
		}
		if origins != nil {
			cells = append(cells, originCell(origins, d.ID, w.Width == 0))
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return w.Flush()
}

func originCell(origins map[string]overview.Origin, id string, wide bool) string {
	o, known := origins[id]
	switch {
	case !known:
		return "-"
	case wide:
		return fmt.Sprintf("%s, version %d", plain.Cell(o.By), o.Version)
	}
	return plain.Cell(o.By)
}

var (
	wideHeader = []string{
		"ID", "LEVEL", "SAMPLE", "TENANT", "INDEX", "PRINCIPAL", "ENDPOINT", "RING", "CAPTURE", "ENDS",
	}
	narrowHeader = []string{"ID", "ENDS", "LEVEL", "SAMPLE", "MATCH"}
)

func wideRow(d fleetdial.Directive, now time.Time) []string {
	return []string{
		plain.Printable(d.ID), d.Level.String(), plain.Sample(d.SamplePerMille), nameOrAny(d.Match.Tenant), nameOrAny(d.Match.Index),
		nameOrAny(d.Match.Principal), nameOrAny(review.EndpointName(d.Match.Endpoint)),
		plain.YesOrDash(d.RingBuffer), plain.YesOrDash(d.Capture), plain.Remaining(d.ExpiresAt, now),
	}
}

func narrowRow(d fleetdial.Directive, now time.Time) []string {
	share := "all"
	if d.SamplePerMille != 1000 {
		share = strconv.FormatFloat(float64(d.SamplePerMille)/10, 'f', -1, 64) + "%"
	}
	return []string{
		plain.Printable(d.ID), strings.TrimPrefix(plain.Remaining(d.ExpiresAt, now), "in "), d.Level.String(), share, shortTargets(d.Match),
	}
}

// shortTargets is targets without the word endpoint, because the name of an endpoint is no
// other name.
func shortTargets(m fleetdial.Match) string {
	endpoint := review.EndpointName(m.Endpoint)
	if m.Endpoint = fleetdial.AnyEndpoint; m == (fleetdial.Match{}) && endpoint != "" {
		return endpoint
	}
	return strings.TrimSpace(review.Targets(m) + " " + endpoint)
}

func narrowRowWithAlso(d fleetdial.Directive, now time.Time) []string {
	var also []string
	if d.RingBuffer {
		also = append(also, "ring")
	}
	if d.Capture {
		also = append(also, "cap")
	}
	return slices.Insert(narrowRow(d, now), 4, plain.DashIfEmpty(strings.Join(also, "+")))
}

// nameOrAny returns a field of a match, "*" for an unset field.
func nameOrAny(name string) string {
	if name == "" {
		return "*"
	}
	return plain.Printable(name)
}
