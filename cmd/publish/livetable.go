package main

import (
	"context"
	"fmt"
	"time"

	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
	"github.com/fleetdial/fleetdial/internal/plain"
)

// liveTable is a table that is read again and again. While Redis does not reply, it keeps the
// last table, dimmed and with its age.
type liveTable struct {
	app  *app
	pane *tui.Pane
	// every is how often the table is read. Half of it is how long a reading may take before
	// the table counts as old.
	every time.Duration
	// read returns the table.
	read func(ctx context.Context) (string, error)
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

// tableReading is the result of one reading of a live table.
type tableReading struct {
	table string
	err   error
}

// watchTable shows a table until ctx ends. read runs on a goroutine of its own, once at a
// time. If the first reading fails, watchTable returns its error.
func (a *app) watchTable(ctx context.Context, every time.Duration, read func(context.Context) (string, error)) error {
	v := &liveTable{app: a, pane: tui.NewPane(a.redrawn(a.stdout)), every: every, read: read}
	return v.run(ctx)
}

func (v *liveTable) run(ctx context.Context) error {
	readings := make(chan tableReading, 1)
	begin := func() {
		v.began = time.Now()
		go func() {
			limited, cancel := context.WithTimeout(ctx, v.app.timeout)
			defer cancel()
			table, err := v.read(limited)
			readings <- tableReading{table, err}
		}()
	}
	begin()
	ticker := time.NewTicker(v.every)
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
				v.table, v.at = r.table, time.Now()
			}
			v.draw(time.Now())
		case now := <-ticker.C:
			if v.began.IsZero() {
				begin()
			} else {
				v.draw(now)
			}
		}
	}
}

// draw shows the last table and, if it is old, its age and why.
func (v *liveTable) draw(now time.Time) {
	late := !v.began.IsZero() && now.Sub(v.began) >= v.every/2
	if v.failure == nil && !late {
		if v.pane.Live || v.table != v.shown {
			v.pane.Draw(v.table)
		}
		v.shown = v.table
		return
	}
	why := "redis does not reply"
	if v.failure != nil {
		why = plain.Printable(v.failure.Error())
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
