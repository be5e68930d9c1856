package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/overview"
	"github.com/fleetdial/fleetdial/internal/plain"
)

// instance shows the report of one instance. It returns an error if the instance is in a
// state that --fail-on names.
func (a *app) instance(ctx context.Context, name string, f statusFlags) error {
	p, done, err := a.publisher(f.publisherConfig())
	if err != nil {
		return err
	}
	defer done()
	view, err := a.readFleet(ctx, p)
	if err != nil {
		return err
	}
	roster := &view.Roster
	i := slices.IndexFunc(roster.Instances, func(in fleetdial.Instance) bool { return in.Name == name })
	if i < 0 {
		if text := a.unknownFleet(ctx, p); text != "" {
			return &noFleetError{text}
		}
		return fmt.Errorf("instance %s: not in the roster of fleet %q%s", plain.Quoted(name), a.fleet, plain.Hint(name, instanceNames(roster.Instances)))
	}
	roster.Instances = roster.Instances[i : i+1]
	if err := a.writeInstance(view, roster.Instances[0]); err != nil {
		return err
	}
	return f.failOnError(*roster)
}

func (a *app) writeInstance(view overview.View, in fleetdial.Instance) error {
	roster := view.Roster
	directives, known := view.DirectivesOf(in)
	if a.json() {
		out := newInstanceJSON(in)
		if known {
			ids := directives.IDs()
			out.Directives = &ids
		}
		return a.writeJSON(out)
	}
	w := a.newList()
	row := func(name, value string) {
		fmt.Fprintf(w, "%s\t%s\n", plain.Printable(name), plain.Cell(value))
	}
	row("instance", in.Name)
	row("state", string(in.State))
	row("want", want(roster))
	row("last seen", lastSeen(roster, in))
	row("error", overview.Problem(in))
	row("shared name", in.Shared)
	fmt.Fprintf(w, "directives\t%s\n", directives.Text(namesShown))
	if r := in.Report; r != nil {
		row("subscriber", string(r.State)+" since "+plain.Time(r.Since))
		row("source", string(r.Source))
		if r.Applied != nil {
			row("applied", fmt.Sprintf("version %d %s at %s", r.Applied.Version, r.Applied.ID, plain.Time(r.Applied.At)))
			row("signed by", r.Applied.SignedBy)
			row("lag", overview.Lag(r.Applied))
		}
		if r.Rejected != nil {
			row("rejected", fmt.Sprintf("version %d %s at %s (%s): %s", r.Rejected.Version, r.Rejected.ID,
				plain.Time(r.Rejected.At), r.Rejected.Reason, r.Rejected.Error))
		}
		row("clock offset", r.ClockOffset.String())
		row("fleetdial", r.Fleetdial)
		row("started", plain.Time(r.StartedAt))
		row("report interval", r.Every.String())
		row("labels", overview.Labels(r.Labels))
		row("capabilities", capabilityText(r.Capabilities))
		row("verifies signatures", strconv.FormatBool(r.Verifies))
		row("max format", formatText(r.MaxFormat))
		row("run", r.Run)
		for _, name := range slices.Sorted(maps.Keys(r.Counters)) {
			row(name, fmt.Sprint(r.Counters[name]))
		}
	}
	return w.Flush()
}

func lastSeen(roster fleetdial.Roster, in fleetdial.Instance) string {
	if in.LastSeen.IsZero() {
		return ""
	}
	return plain.Time(in.LastSeen) + ", " + overview.Age(roster, in) + " ago"
}

// capabilityText returns what an instance can do, empty if it does not state that.
func capabilityText(all []fleetdial.Capability) string {
	if all == nil {
		return ""
	}
	if len(all) == 0 {
		return "none"
	}
	var words []string
	for _, c := range all {
		words = append(words, string(c))
	}
	return strings.Join(words, ",")
}

func formatText(format int) string {
	if format == 0 {
		return ""
	}
	return strconv.Itoa(format)
}

// fleetJSON is the output of status -o json.
type fleetJSON struct {
	Version   int64          `json:"version"`
	ID        string         `json:"id"`
	Published bool           `json:"published"`
	Error     string         `json:"error,omitempty"`
	Instances []instanceJSON `json:"instances"`
}

type instanceJSON struct {
	Instance   string            `json:"instance"`
	State      string            `json:"state"`
	LastSeen   string            `json:"last_seen"`
	Error      string            `json:"error,omitempty"`
	Applied    *revisionJSON     `json:"applied,omitempty"`
	Rejected   *revisionJSON     `json:"rejected,omitempty"`
	Subscriber string            `json:"subscriber,omitempty"`
	Since      string            `json:"since,omitempty"`
	Source     string            `json:"source,omitempty"`
	SkewMS     int64             `json:"clock_offset_ms"`
	Fleetdial  string            `json:"fleetdial,omitempty"`
	StartedAt  string            `json:"started_at,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
	Counters   map[string]int64  `json:"counters,omitempty"`

	SharedName   string                  `json:"shared_name,omitempty"`
	Run          string                  `json:"run,omitempty"`
	Capabilities *[]fleetdial.Capability `json:"capabilities,omitempty"`
	Verifies     bool                    `json:"verifies_signatures,omitempty"`
	// Directives are the directives that concern the instance. status without an INSTANCE has
	// them if a directive has instances.
	Directives *[]string `json:"directives,omitempty"`
	MaxFormat  int       `json:"max_format,omitempty"`
}

type revisionJSON struct {
	Version int64  `json:"version"`
	ID      string `json:"id"`
	At      string `json:"at"`
	LagMS   *int64 `json:"lag_ms,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Signed  string `json:"signed_by,omitempty"`
	Error   string `json:"error,omitempty"`
}

func newFleetJSON(view overview.View) fleetJSON {
	roster := view.Roster
	out := fleetJSON{
		Version: roster.Version, ID: roster.ID, Published: roster.Published,
		Instances: make([]instanceJSON, len(roster.Instances)),
	}
	if roster.Err != nil {
		out.Error = roster.Err.Error()
	}
	for i, in := range roster.Instances {
		out.Instances[i] = newInstanceJSON(in)
		if directives, known := view.DirectivesOf(in); len(view.Selecting) > 0 && known {
			ids := directives.IDs()
			out.Instances[i].Directives = &ids
		}
	}
	return out
}

func newInstanceJSON(in fleetdial.Instance) instanceJSON {
	out := instanceJSON{
		Instance: in.Name, State: string(in.State), Error: overview.Problem(in), SharedName: in.Shared,
	}
	if !in.LastSeen.IsZero() {
		out.LastSeen = plain.Time(in.LastSeen)
	}
	r := in.Report
	if r == nil {
		return out
	}
	if a := r.Applied; a != nil {
		lag := a.At.Sub(a.PublishedAt).Milliseconds()
		out.Applied = &revisionJSON{Version: a.Version, ID: a.ID, At: plain.Time(a.At), LagMS: &lag, Signed: a.SignedBy}
	}
	if j := r.Rejected; j != nil {
		out.Rejected = &revisionJSON{Version: j.Version, ID: j.ID, At: plain.Time(j.At), Reason: string(j.Reason), Error: j.Error}
	}
	out.Subscriber, out.Since, out.Source = string(r.State), plain.Time(r.Since), string(r.Source)
	out.SkewMS, out.Fleetdial, out.StartedAt = r.ClockOffset.Milliseconds(), r.Fleetdial, plain.Time(r.StartedAt)
	out.Labels, out.Counters = r.Labels, r.Counters
	out.Run, out.Verifies, out.MaxFormat = r.Run, r.Verifies, r.MaxFormat
	if r.Capabilities != nil {
		out.Capabilities = &r.Capabilities
	}
	return out
}
