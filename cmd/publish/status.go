package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
)

// statusFlags say what status shows.
type statusFlags struct {
	wide, watch bool
	failOn      []string
}

// instanceStates are in the order in which the summary counts them.
var instanceStates = []fleetdial.InstanceState{
	fleetdial.InstanceSynced, fleetdial.InstanceStale, fleetdial.InstanceRejected, fleetdial.InstanceNever,
	fleetdial.InstanceGone,
}

func (a *app) statusCommand() *cobra.Command {
	var f statusFlags
	cmd := &cobra.Command{
		Use:   "status [INSTANCE]",
		Short: "Show which instances have the revision",
		Long: `status shows the fleet's roster: what each instance says of itself. An instance is

  SYNCED    it has the revision that is published
  STALE     it has another one, or cannot tell
  REJECTED  it refused the revision
  NEVER     it has not applied any
  GONE      it vanished without leaving, within the last hour

WANT is the version that is published, LAG how long after it was published an
instance applied its revision, SKEW how far Redis' clock is ahead of its own,
SIGNED BY whose signature of it the instance has checked.
--fail-on ends with code 6 if an instance is REJECTED and that was named, with
5 if one is in another state that was. With an INSTANCE, status shows all that it
says of itself, and --fail-on is about that one alone.`,
		Example: `  publish status --fail-on stale,rejected,gone` + "\n" + `  publish status web-3`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			if len(args) == 1 {
				if f.wide || f.watch {
					return usagef("--wide and --watch are for the whole roster, not for one instance")
				}
				return a.withPublisher(cmd.Context(), "", func(ctx context.Context, p *fleetdial.Publisher) error {
					return a.instance(ctx, p, args[0], f)
				})
			}
			return a.status(cmd.Context(), f)
		},
		ValidArgsFunction: argumentsFrom(a.completeInstances),
	}
	cmd.Flags().BoolVar(&f.wide, "wide", false, "show more columns of the roster")
	cmd.Flags().BoolVar(&f.watch, "watch", false, "go on with the roster until Ctrl-C")
	cmd.Flags().StringSliceVar(&f.failOn, "fail-on", nil, "fail if an instance is in one of these states")
	completeWith(cmd, "fail-on", "stale", "rejected", "never", "gone")
	return cmd
}

func (f *statusFlags) check() error {
	for i, name := range f.failOn {
		f.failOn[i] = strings.ToUpper(name)
		if !slices.Contains(instanceStates[1:], fleetdial.InstanceState(f.failOn[i])) {
			return usagef("--fail-on takes stale, rejected, never and gone, not %q", name)
		}
	}
	return nil
}

func (a *app) status(ctx context.Context, f statusFlags) error {
	p, done, err := a.publisher(fleetdial.PublisherConfig{})
	if err != nil {
		return err
	}
	defer done()
	view := newPane(a.stdout)
	shown := ""
	for {
		roster, err := a.rosterNow(ctx, p)
		if err != nil && (!f.watch || shown == "") {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
		text := ""
		if err != nil {
			text = fmt.Sprintf("fleet %s: %s\n", a.fleet, printable(err.Error()))
		} else if text, err = a.statusText(roster, f); err != nil {
			return err
		}
		if !f.watch {
			_, err := fmt.Fprint(a.stdout, text)
			if err == nil {
				err = f.verdict(roster)
			}
			return err
		}
		if view.live || text != shown {
			view.draw(text)
		}
		shown = text
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
}

func (a *app) rosterNow(ctx context.Context, p *fleetdial.Publisher) (fleetdial.Roster, error) {
	ctx, cancel := a.timed(ctx)
	defer cancel()
	return p.Roster(ctx)
}

// verdict is the error for a fleet in which an instance is in a state that was named.
func (f *statusFlags) verdict(roster fleetdial.Roster) error {
	code := exitDone
	for _, in := range roster.Instances {
		if !slices.Contains(f.failOn, string(in.State)) {
			continue
		}
		if in.State == fleetdial.InstanceRejected {
			return &exitError{exitRejected, ""}
		}
		code = exitWaited
	}
	if code != exitDone {
		return &exitError{code, ""}
	}
	return nil
}

func (a *app) statusText(roster fleetdial.Roster, f statusFlags) (string, error) {
	var out bytes.Buffer
	if a.json() {
		if f.watch {
			err := encodeJSON(&out, newFleetJSON(roster), "")
			return out.String(), err
		}
		err := encodeJSON(&out, newFleetJSON(roster), "  ")
		return out.String(), err
	}
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	signed := slices.ContainsFunc(roster.Instances, func(in fleetdial.Instance) bool { return signer(in) != "" })
	head := statusHead(f.wide)
	if signed {
		head = append(head, "SIGNED BY")
	}
	fmt.Fprintln(w, strings.Join(head, "\t"))
	for _, in := range roster.Instances {
		cells := statusRow(roster, in, f.wide)
		if signed {
			cells = append(cells, signer(in))
		}
		for i := range cells {
			cells[i] = printable(orDash(cells[i]))
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	if err := w.Flush(); err != nil {
		return "", err
	}
	fmt.Fprintln(&out, a.summary(roster))
	return out.String(), nil
}

func statusHead(wide bool) []string {
	head := []string{"INSTANCE", "STATE", "APPLIED", "WANT", "AGE", "LAG", "SKEW", "LIBRARY", "ERROR"}
	if wide {
		head = append(head, "ID", "SUBSCRIBER", "SINCE", "SOURCE", "STARTED", "LABELS")
	}
	return head
}

func statusRow(roster fleetdial.Roster, in fleetdial.Instance, wide bool) []string {
	row := []string{in.Name, string(in.State), "", want(roster), age(roster, in), "", "", "", statusError(in)}
	r := in.Report
	if r == nil {
		if wide {
			row = append(row, "", "", "", "", "", "")
		}
		return row
	}
	id := ""
	if r.Applied != nil {
		row[2], row[5], id = fmt.Sprint(r.Applied.Version), lag(r.Applied), r.Applied.ID
	}
	row[6], row[7] = r.ClockOffset.String(), r.Fleetdial
	if wide {
		row = append(row, id, r.State, moment(r.Since), r.Source, moment(r.StartedAt), labelText(r.Labels))
	}
	return row
}

// signer is the key whose signature the instance has checked.
func signer(in fleetdial.Instance) string {
	if in.Report == nil || in.Report.Applied == nil {
		return ""
	}
	return in.Report.Applied.SignedBy
}

func want(roster fleetdial.Roster) string {
	if !roster.Published {
		return ""
	}
	return fmt.Sprint(roster.Version)
}

func age(roster fleetdial.Roster, in fleetdial.Instance) string {
	return max(0, roster.Now.Sub(in.LastSeen)).Round(100 * time.Millisecond).String()
}

// lag is how long after it was published a revision was applied. An empty value was published at no known time.
func lag(applied *fleetdial.Applied) string {
	if applied.Version == 0 {
		return ""
	}
	return max(0, applied.At.Sub(applied.PublishedAt)).Round(time.Millisecond).String()
}

func statusError(in fleetdial.Instance) string {
	switch {
	case in.Err != nil:
		return in.Err.Error()
	case in.Report == nil:
		return ""
	case in.State == fleetdial.InstanceRejected:
		return in.Report.Rejected.Error
	}
	return in.Report.Error
}

func labelText(labels map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		parts = append(parts, name+"="+labels[name])
	}
	return strings.Join(parts, ",")
}

// summary tells of the fleet in one line.
func (a *app) summary(roster fleetdial.Roster) string {
	line := fmt.Sprintf("fleet %s: ", a.fleet)
	switch {
	case roster.Err != nil:
		line += printable(roster.Err.Error())
	case roster.Version == 0:
		line += "the empty value, which clears it"
	default:
		line += fmt.Sprintf("version %d, published %v ago", roster.Version,
			max(0, roster.Now.Sub(roster.PublishedAt)).Round(time.Second))
	}
	line += "; " + count(len(roster.Instances), "instance")
	for _, state := range instanceStates {
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
