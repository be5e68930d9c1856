package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/fleetdial/fleetdial"
)

// screen shows the demo: as plain lines, or as a table that is drawn anew in place.
type screen struct {
	pane
	began time.Time
}

func newScreen(out io.Writer) screen {
	return screen{pane: newPane(out), began: time.Now()}
}

// step tells what happens next, above the table.
func (s *screen) step(format string, args ...any) {
	fmt.Fprintf(s.out, "%s%5.1fs  %s\n", s.erase(), time.Since(s.began).Seconds(), fmt.Sprintf(format, args...))
}

// show draws the proxies and what they decide, in the place of what was drawn before.
func (s *screen) show(proxies, decisions [][]string) {
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	for _, row := range proxies {
		fmt.Fprintln(w, "        "+strings.Join(row, "\t"))
	}
	_ = w.Flush()
	for _, row := range decisions {
		fmt.Fprintln(w, "        "+strings.Join(row, "\t"))
	}
	_ = w.Flush()
	s.draw(table.String())
}

// rows tells of each proxy, and how long it took to have what was published last.
func (d *demo) rows() [][]string {
	rows := [][]string{{"PROXY", "STATE", "VERSION", "DIRECTIVES", "TOOK"}}
	for _, p := range d.proxies {
		status := p.sub.Status()
		took := "-"
		p.mu.Lock()
		if !d.published.IsZero() && p.applied.After(d.published) {
			took = fmt.Sprintf("%.1f ms", float64(p.applied.Sub(d.published).Microseconds())/1000)
		}
		p.mu.Unlock()
		rows = append(rows, []string{
			p.name, string(status.State), fmt.Sprint(status.Revision.Version), fmt.Sprint(p.sub.Load().Len()), took,
		})
	}
	return rows
}

// shortRequest is one that the directive of watchExpiry concerns.
var shortRequest = fleetdial.Request{Tenant: "globex", Index: "logs", Endpoint: fleetdial.GetByID, ID: "req-3"}

// demoRequests are what the first proxy is asked. The first two differ in nothing but the id that samples go by.
var demoRequests = []fleetdial.Request{
	{Tenant: "acme", Index: "orders", Endpoint: fleetdial.Search, ID: "req-1"},
	{Tenant: "acme", Index: "orders", Endpoint: fleetdial.Search, ID: "req-8"},
	{Tenant: "acme", Index: "orders", Endpoint: fleetdial.IngestBulk, ID: "req-2"},
	shortRequest,
}

func (d *demo) decisions() [][]string {
	rows := [][]string{{"REQUEST", "TENANT", "ENDPOINT", "LEVEL", "RING", "BY"}}
	for _, req := range demoRequests {
		got := d.proxies[0].sub.Decide(req)
		rows = append(rows, []string{
			req.ID, req.Tenant, req.Endpoint.String(), got.Level.String(), yes(got.RingBuffer), orDash(got.By),
		})
	}
	return rows
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
