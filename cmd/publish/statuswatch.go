package main

import (
	"context"
	"fmt"
	"time"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
)

// refreshEvery is how often status --watch reads the roster, and how long a reading may take
// before the table counts as old.
const refreshEvery = time.Second

// rosterReading is the result of one reading of the roster.
type rosterReading struct {
	view fleetView
	err  error
}

// statusView is what status --watch shows.
type statusView struct {
	app  *app
	pane *tui.Pane
	// table is the last table, read at the time at.
	table string
	at    time.Time
	// began is when the reading under way began, zero if there is none.
	began time.Time
	// failure is why the last reading failed.
	failure error
	// shown is what a stream that is no terminal got last.
	shown string
}

// watchStatus shows the roster until ctx ends. While Redis does not reply, it keeps the last
// table, dimmed and with its age.
func (a *app) watchStatus(ctx context.Context, p *fleetdial.Publisher, f statusFlags) error {
	v := &statusView{app: a, pane: tui.NewPane(a.redrawn(a.stdout))}
	readings := make(chan rosterReading, 1)
	var last fleetView
	read := func() {
		v.began = time.Now()
		earlier := last
		go func() {
			limited, cancel := context.WithTimeout(ctx, a.timeout)
			defer cancel()
			view, err := readFleet(limited, p, earlier)
			readings <- rosterReading{view, err}
		}()
	}
	read()
	ticker := time.NewTicker(refreshEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			if !v.began.IsZero() {
				<-readings
			}
			return nil
		case r := <-readings:
			v.began = time.Time{}
			if ctx.Err() != nil {
				return nil
			}
			if r.err != nil && v.table == "" {
				return r.err
			}
			if v.failure = r.err; r.err == nil {
				last = r.view
				text, err := a.statusText(r.view, f)
				if err != nil {
					return err
				}
				v.table, v.at = text, time.Now()
			}
			v.draw(time.Now())
		case now := <-ticker.C:
			if v.began.IsZero() {
				read()
			} else {
				v.draw(now)
			}
		}
	}
}

// draw shows the last table and, if it is old, its age and why.
func (v *statusView) draw(now time.Time) {
	late := !v.began.IsZero() && now.Sub(v.began) >= refreshEvery/2
	if v.failure == nil && !late {
		if v.pane.Live || v.table != v.shown {
			v.pane.Draw(v.table)
		}
		v.shown = v.table
		return
	}
	why := "redis does not reply"
	if v.failure != nil {
		why = tui.Printable(v.failure.Error())
	}
	if !v.pane.Live {
		if v.shown != why {
			v.app.messagef("fleet %s: %s", v.app.fleet, why)
		}
		v.shown = why
		return
	}
	if v.table == "" {
		return
	}
	p := v.app.palette(v.app.stdout)
	age := now.Sub(v.at).Round(time.Second)
	v.pane.Draw(fmt.Sprintf("%s%s%sfleet %s: %s; the table is %v old\n", p.Dim, p.Plain(v.table), p.End, v.app.fleet, why, age))
}
