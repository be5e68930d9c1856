package demo

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
	"github.com/fleetdial/fleetdial/internal/plain"
)

// screen shows the steps of the demo above one table, which is redrawn in place on a
// terminal.
type screen struct {
	pane  *tui.Pane
	began time.Time
}

func newScreen(out io.Writer) screen {
	return screen{pane: tui.NewPane(out), began: time.Now()}
}

// step writes the next step above the table.
func (s *screen) step(format string, args ...any) {
	s.pane.Print(fmt.Sprintf("%5.1fs  %s", time.Since(s.began).Seconds(), fmt.Sprintf(format, args...)))
}

// show draws the proxies and their decisions.
func (s *screen) show(proxies, decisions [][]string) {
	var text strings.Builder
	for _, rows := range [][][]string{proxies, decisions} {
		w := tui.NewTable(&text)
		for _, row := range rows {
			fmt.Fprintln(w, "        "+strings.Join(row, "\t"))
		}
		_ = w.Flush()
	}
	s.pane.Draw(text.String())
}

func (d *demo) draw() { d.screen.show(d.proxyRows(), d.decisionRows()) }

// redraw draws only on a terminal, because the same table would repeat on other streams.
func (d *demo) redraw() {
	if d.screen.pane.Live {
		d.draw()
	}
}

// proxyRows returns the state of each proxy, and how long each took to apply the last
// published revision.
func (d *demo) proxyRows() [][]string {
	rows := [][]string{{"PROXY", "STATE", "VERSION", "DIRECTIVES", "TOOK"}}
	for _, p := range d.proxies {
		status := p.sub.Status()
		took := "-"
		if t, ok := p.appliedSince(d.published); ok {
			took = fmt.Sprintf("%.1f ms", float64(t.Microseconds())/1000)
		}
		rows = append(rows, []string{
			p.name, string(status.State), fmt.Sprint(status.Revision.Version),
			fmt.Sprint(p.sub.Load().Len()), took,
		})
	}
	return rows
}

// shortRequest matches the directive that showCanary and showExpiry add.
var shortRequest = fleetdial.Request{Tenant: "globex", Index: "logs", Endpoint: fleetdial.GetByID, ID: "req-3"}

// requests are the requests whose decisions the demo shows. The first two differ only in
// their id: the first is in the sample of acme-search, the second is not.
var requests = []fleetdial.Request{
	{Tenant: "acme", Index: "orders", Endpoint: fleetdial.Search, ID: "req-1"},
	{Tenant: "acme", Index: "orders", Endpoint: fleetdial.Search, ID: "req-8"},
	{Tenant: "acme", Index: "orders", Endpoint: fleetdial.IngestBulk, ID: "req-2"},
	shortRequest,
}

// decisionRows returns the decisions of the first proxy, and how many proxies record each
// request.
func (d *demo) decisionRows() [][]string {
	rows := [][]string{{"REQUEST", "TENANT", "ENDPOINT", "LEVEL", "RING", "BY", "RECORDED ON"}}
	for _, req := range requests {
		got := d.proxies[0].sub.Decide(req)
		recording := 0
		for _, p := range d.proxies {
			if p.sub.Decide(req).Level != fleetdial.Off {
				recording++
			}
		}
		rows = append(rows, []string{
			req.ID, req.Tenant, req.Endpoint.String(), got.Level.String(),
			plain.YesOrDash(got.RingBuffer), plain.Cell(got.By), fmt.Sprintf("%d of %d", recording, len(d.proxies)),
		})
	}
	return rows
}
