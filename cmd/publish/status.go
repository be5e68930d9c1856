package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
	"github.com/fleetdial/fleetdial/internal/overview"
	"github.com/fleetdial/fleetdial/internal/plain"
)

// statusFlags are the flags of status.
type statusFlags struct {
	wide, watch bool
	failOn      []string
	pending     time.Duration
}

func (a *app) statusCommand() *cobra.Command {
	var f statusFlags
	cmd := &cobra.Command{
		Use:   "status [INSTANCE]",
		Short: "Show which instances have the current revision",
		Long: `status shows the fleet's roster, which holds the last report of each instance.
Instances that need attention come first. The states are:

  SYNCED    the instance has the current revision
  PENDING   the instance follows the key, and the revision was published less than
            --pending ago
  STALE     the instance has another revision, or is not live, or its report is missing
            or invalid
  REJECTED  the instance rejected the current revision
  NEVER     the instance has not applied any revision, and is not PENDING
  GONE      the instance stopped reporting within the last hour, without leaving; the row
            shows its last report

WANT is the current version. LAG is the time from publishing the instance's revision
until the instance applied it. SKEW is the offset of Redis' clock from the instance's
clock. SIGNED BY is the key whose signature the instance verified. DIRECTIVES, shown if a
directive has instances, are the directives of the current version that concern the
instance, those with instances first.

With --fail-on, the exit code is 6 if REJECTED is named and an instance has that state,
or 5 if an instance has another named state, and 1 if the fleet has no revision and no
instance. With an INSTANCE, status shows the whole report of the instance, and
--fail-on applies to that instance only.`,
		Example: `  publish status --fail-on stale,rejected,gone` + "\n" + `  publish status web-3`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			if len(args) == 1 {
				if f.wide || f.watch {
					return usagef("--wide and --watch: not available with an INSTANCE")
				}
				return a.instance(cmd.Context(), args[0], f)
			}
			return a.status(cmd.Context(), f)
		},
		ValidArgsFunction: argumentsFrom(a.completeInstances),
	}
	cmd.Flags().BoolVar(&f.wide, "wide", false, "more columns of the roster")
	cmd.Flags().BoolVar(&f.watch, "watch", false, "refresh of the roster each second until Ctrl-C")
	cmd.Flags().StringSliceVar(&f.failOn, "fail-on", nil, "states that make the command fail (default none)")
	cmd.Flags().DurationVar(&f.pending, "pending", fleetdial.DefaultPendingTime,
		"time after a publish in which an instance that follows the key is PENDING; 0 disables PENDING")
	completeWith(cmd, "fail-on", "pending", "stale", "rejected", "never", "gone")
	return cmd
}

func (f *statusFlags) check() error {
	for i, name := range f.failOn {
		f.failOn[i] = strings.ToUpper(name)
		if !slices.Contains(overview.States[1:], fleetdial.InstanceState(f.failOn[i])) {
			return usagef("--fail-on: unknown state %q%s (pending, stale, rejected, never or gone)",
				name, didYouMean("", strings.ToLower(name), []string{"pending", "stale", "rejected", "never", "gone"}))
		}
	}
	if f.pending < 0 {
		return usagef("--pending: must not be negative")
	}
	return nil
}

// publisherConfig returns the configuration of a publisher that judges as the flags say.
func (f *statusFlags) publisherConfig() fleetdial.PublisherConfig {
	if f.pending == 0 {
		return fleetdial.PublisherConfig{PendingTime: -1}
	}
	return fleetdial.PublisherConfig{PendingTime: f.pending}
}

func (a *app) status(ctx context.Context, f statusFlags) error {
	p, done, err := a.publisher(f.publisherConfig())
	if err != nil {
		return err
	}
	defer done()
	if f.watch {
		return a.watchStatus(ctx, p, f)
	}
	view, err := a.readFleet(ctx, p)
	if err != nil {
		return err
	}
	roster := view.Roster
	text, err := a.statusText(view, f)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprint(a.stdout, text); err != nil {
		return err
	}
	if len(roster.Instances) > 0 || !errors.Is(roster.Err, fleetdial.ErrNoRevision) {
		return f.failOnError(roster)
	}
	if len(f.failOn) > 0 {
		return a.noRevisionError(roster.Err) // a mistyped fleet has no bad instance, and is not well
	}
	a.noteUnknownFleet(ctx, p)
	return nil
}

func (a *app) rosterNow(ctx context.Context, p *fleetdial.Publisher) (fleetdial.Roster, error) {
	ctx, cancel := a.timed(ctx)
	defer cancel()
	return p.Roster(ctx)
}

// failOnError returns an error if an instance is in a state that --fail-on names.
func (f *statusFlags) failOnError(roster fleetdial.Roster) error {
	code := exitDone
	for _, in := range roster.Instances {
		if !slices.Contains(f.failOn, string(in.State)) {
			continue
		}
		if in.State == fleetdial.InstanceRejected {
			return &exitError{exitInstanceRejected, ""}
		}
		code = exitTimedOut
	}
	if code != exitDone {
		return &exitError{code, ""}
	}
	return nil
}

func (a *app) statusText(view overview.View, f statusFlags) (string, error) {
	roster := view.Roster
	var out bytes.Buffer
	if a.json() {
		if f.watch {
			err := a.encodeJSON(&out, newFleetJSON(view), "")
			return out.String(), err
		}
		err := a.encodeJSON(&out, newFleetJSON(view), "  ")
		return out.String(), err
	}
	w := tui.NewTable(&out)
	if w.Width = a.width(); f.wide {
		w.Width = 0
	}
	signed := slices.ContainsFunc(roster.Instances, func(in fleetdial.Instance) bool { return overview.Signer(in) != "" })
	header := statusHeader(f.wide || a.output == "wide")
	if signed {
		header = append(header, "SIGNED BY")
	}
	if len(view.Selecting) > 0 {
		header = append(header, "DIRECTIVES")
	}
	fmt.Fprintln(w, strings.Join(header, "\t"))
	rows := overview.WorstFirst(roster.Instances)
	for _, in := range rows {
		cells := statusRow(roster, in, f.wide || a.output == "wide")
		if signed {
			cells = append(cells, overview.Signer(in))
		}
		for i := range cells {
			cells[i] = plain.Cell(cells[i])
		}
		if len(view.Selecting) > 0 {
			directives, _ := view.DirectivesOf(in)
			cells = append(cells, directives.Text(3))
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	if err := w.Flush(); err != nil {
		return "", err
	}
	table := colourStates(out.String(), rows, a.palette(a.stdout))
	return table + a.summary(roster) + "\n", nil
}

func statusHeader(wide bool) []string {
	header := []string{"INSTANCE", "STATE", "APPLIED", "WANT", "AGE", "LAG", "SKEW", "LIBRARY", "ERROR"}
	if wide {
		header = append(header, "ID", "SUBSCRIBER", "SINCE", "SOURCE", "STARTED", "LABELS")
	}
	return header
}

func statusRow(roster fleetdial.Roster, in fleetdial.Instance, wide bool) []string {
	row := []string{in.Name, string(in.State), "", want(roster), overview.Age(roster, in), "", "", "", overview.Problem(in)}
	r := in.Report
	if r == nil {
		if wide {
			row = append(row, "", "", "", "", "", "")
		}
		return row
	}
	id := ""
	if r.Applied != nil {
		row[2], row[5], id = fmt.Sprint(r.Applied.Version), overview.Lag(r.Applied), r.Applied.ID
	}
	row[6], row[7] = r.ClockOffset.String(), r.Fleetdial
	if wide {
		row = append(row, id, string(r.State), plain.Time(r.Since), string(r.Source), plain.Time(r.StartedAt), overview.Labels(r.Labels))
	}
	return row
}

func want(roster fleetdial.Roster) string {
	if !roster.Published {
		return ""
	}
	return fmt.Sprint(roster.Version)
}

// summary describes the fleet in one line.
func (a *app) summary(roster fleetdial.Roster) string {
	line := fmt.Sprintf("fleet %s: ", a.fleet)
	switch {
	case roster.Err != nil:
		line += plain.Printable(roster.Err.Error())
	case roster.Version == 0:
		line += "empty value, no directives"
	default:
		line += fmt.Sprintf("version %d, published %v ago", roster.Version,
			max(0, roster.Now.Sub(roster.PublishedAt)).Round(time.Second))
	}
	line += "; " + plain.Count(len(roster.Instances), "instance")
	for _, state := range overview.States {
		n := 0
		for _, in := range roster.Instances {
			if in.State == state {
				n++
			}
		}
		if n > 0 {
			line += fmt.Sprintf(", %d %s", n, state)
		}
	}
	return line
}
