package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
)

// waitFlags say what is waited for.
type waitFlags struct {
	wait         bool
	timeout      time.Duration
	threshold    threshold
	minInstances int
	keepGoing    bool
}

func (w *waitFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	w.threshold = 1
	flags.DurationVar(&w.timeout, "wait-timeout", time.Minute, "how long to wait")
	flags.Var(&w.threshold, "threshold", "how much of the roster has to have it")
	flags.IntVar(&w.minInstances, "min-instances", 1, "how many have to have it at least; 0: an empty roster will do")
	flags.BoolVar(&w.keepGoing, "keep-going", false, "do not end at the first that refuses it")
}

func (w *waitFlags) check() error {
	if w.timeout <= 0 {
		return usagef("--wait-timeout has to be more than nothing")
	}
	if w.minInstances < 0 {
		return usagef("--min-instances cannot be negative")
	}
	return nil
}

// threshold is a share, written as a percentage.
type threshold float64

func (t *threshold) String() string { return strconv.FormatFloat(100*float64(*t), 'g', -1, 64) + "%" }
func (t *threshold) Type() string   { return "percent" }

func (t *threshold) Set(s string) error {
	number, isPercent := strings.CutSuffix(s, "%")
	share, err := strconv.ParseFloat(number, 64)
	if err != nil || !isPercent || !(share > 0 && share <= 100) {
		return errors.New("a threshold is a percentage, such as 99%")
	}
	*t = threshold(share / 100)
	return nil
}

func (a *app) waitCommand() *cobra.Command {
	var w waitFlags
	var version int64
	cmd := &cobra.Command{
		Use:   "wait",
		Short: "Wait until the fleet has the revision",
		Long: "wait follows the roster until every instance that is not gone has applied the fleet's revision, or a newer one.\n" +
			"It ends with exit code 6 as soon as an instance refuses it, and with 5 when the time is up; it names them.",
		Example: `  publish wait --threshold 99% --wait-timeout 30s`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.waitFor(cmd.Context(), version, w)
		},
	}
	cmd.Flags().Int64Var(&version, "version", 0, "wait for this version; 0: the one that is there")
	w.register(cmd)
	completeFrom(cmd, "version", a.completeVersions)
	return cmd
}

func (a *app) waitFor(ctx context.Context, version int64, w waitFlags) error {
	w.wait = true
	p, done, err := a.publisher(fleetdial.PublisherConfig{})
	if err != nil {
		return err
	}
	defer done()
	roster, err := a.rosterBefore(ctx, p, w)
	if err != nil {
		return err
	}
	rev := fleetdial.Revision{Version: roster.Version, ID: roster.ID}
	switch {
	case version < 0:
		return usagef("a version is a whole number from 1")
	case !roster.Published:
		return a.noRevision(roster.Err)
	case version > rev.Version:
		return fmt.Errorf("version %d is not published: fleet %q is at %d", version, a.fleet, rev.Version)
	case version != 0 && version != rev.Version:
		rev = fleetdial.Revision{Version: version}
	}
	return a.follow(ctx, p, rev, roster, w)
}

// rosterBefore returns the roster that a wait is going to go by; it says so if there is nobody to wait for.
func (a *app) rosterBefore(ctx context.Context, p *fleetdial.Publisher, w waitFlags) (fleetdial.Roster, error) {
	if !w.wait {
		return fleetdial.Roster{}, nil
	}
	if err := w.check(); err != nil {
		return fleetdial.Roster{}, err
	}
	ctx, cancel := a.timed(ctx)
	defer cancel()
	roster, err := p.Roster(ctx)
	if err != nil || w.minInstances == 0 {
		return roster, err
	}
	for _, in := range roster.Instances {
		if in.State != fleetdial.InstanceGone {
			return roster, nil
		}
	}
	return roster, fmt.Errorf("fleet %q: %w; --min-instances 0 does without", a.fleet, fleetdial.ErrNoInstances)
}

// follow waits for a revision, and tells how far it has come.
func (a *app) follow(
	ctx context.Context, p *fleetdial.Publisher, rev fleetdial.Revision, roster fleetdial.Roster, w waitFlags,
) error {
	view := &waitView{app: a, live: !a.json() && !a.quiet && isTerminal(a.stderr)}
	opts := fleetdial.WaitOptions{
		Threshold: float64(w.threshold), MinInstances: w.minInstances, KeepGoing: w.keepGoing, Progress: view.show,
	}
	if w.minInstances == 0 {
		opts.MinInstances = fleetdial.NoMinimum
	}
	waiting, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	status, err := p.Wait(waiting, rev, roster, opts)
	view.end(status, err)
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("no longer waiting; version %d is published: publish wait --version %d goes on", rev.Version, rev.Version)
	case errors.Is(err, fleetdial.ErrRevisionLost), errors.Is(err, fleetdial.ErrUnavailable):
		return fmt.Errorf("version %d was published, but: %w", rev.Version, err)
	case err != nil:
		return fmt.Errorf("version %d is published, but %w", rev.Version, err)
	}
	return nil
}

// waitView shows how far a revision has come: in one line that is written over again, in a line for each change, or in
// JSON.
type waitView struct {
	app   *app
	live  bool
	shown string
}

func (v *waitView) show(s fleetdial.WaitStatus) {
	line := waitLine(s)
	switch {
	case v.live:
		fmt.Fprintf(v.app.stderr, "\r\x1b[K%s, %s", line, s.Elapsed.Round(100*time.Millisecond))
	case line == v.shown:
		return
	case v.app.json():
		_ = v.app.writeJSONLine(newWaitJSON(s, nil, false))
	default:
		v.app.say("%s, %s", line, s.Elapsed.Round(time.Millisecond))
	}
	v.shown = line
}

// end tells how it ended, and of each instance that refused the revision or is missing.
func (v *waitView) end(s fleetdial.WaitStatus, err error) {
	if v.live {
		fmt.Fprint(v.app.stderr, "\r\x1b[K")
		v.app.say("%s, %s", waitLine(s), s.Elapsed.Round(time.Millisecond))
	}
	if v.app.json() {
		_ = v.app.writeJSONLine(newWaitJSON(s, err, true))
	}
	for _, in := range s.Left {
		v.app.say("  %s left the fleet", printable(in.Name))
	}
	for _, in := range s.Rejected {
		fmt.Fprintf(v.app.stderr, "  %s\n", missing(in))
	}
	if err != nil {
		for _, in := range s.Pending {
			fmt.Fprintf(v.app.stderr, "  %s\n", missing(in))
		}
	}
}

func waitLine(s fleetdial.WaitStatus) string {
	line := fmt.Sprintf("version %d: %d/%d applied, %d rejected, %d pending",
		s.Version, s.Applied, s.Expected, len(s.Rejected), len(s.Pending))
	if s.Joined > 0 {
		line += fmt.Sprintf(", %d joined", s.Joined)
	}
	if len(s.Left) > 0 {
		line += fmt.Sprintf(", %d left", len(s.Left))
	}
	if s.Overtaken > 0 {
		line += fmt.Sprintf(", overtaken by version %d", s.Overtaken)
	}
	return line
}

// missing tells of an instance that has not got the revision: its state, with what, and since when.
func missing(in fleetdial.Instance) string {
	line := fmt.Sprintf("%s %s", printable(in.Name), in.State)
	r := in.Report
	switch {
	case in.Err != nil:
		line += ": " + printable(in.Err.Error())
	case in.State == fleetdial.InstanceRejected && r != nil && r.Rejected != nil:
		line += fmt.Sprintf(" version %d: %s", r.Rejected.Version, printable(r.Rejected.Error))
	case r != nil && r.Applied != nil:
		line += fmt.Sprintf(", at version %d since %s", r.Applied.Version, moment(r.Applied.At))
	case r != nil:
		line += ", has applied nothing"
	}
	return line + ", last seen " + moment(in.LastSeen)
}

// waitJSON is a line of -o json.
type waitJSON struct {
	Version   int64    `json:"version"`
	Expected  int      `json:"expected"`
	Applied   int      `json:"applied"`
	Joined    int      `json:"joined"`
	Overtaken int64    `json:"overtaken_by,omitempty"`
	Rejected  []string `json:"rejected"`
	Pending   []string `json:"pending"`
	Left      []string `json:"left"`
	ElapsedMS int64    `json:"elapsed_ms"`
	Done      bool     `json:"done"`
	Error     string   `json:"error,omitempty"`
}

func newWaitJSON(s fleetdial.WaitStatus, err error, done bool) waitJSON {
	out := waitJSON{
		Version: s.Version, Expected: s.Expected, Applied: s.Applied, Joined: s.Joined, Overtaken: s.Overtaken,
		Rejected: instanceNames(s.Rejected), Pending: instanceNames(s.Pending), Left: instanceNames(s.Left),
		ElapsedMS: s.Elapsed.Milliseconds(), Done: done,
	}
	if err != nil {
		out.Error = err.Error()
	}
	return out
}

func instanceNames(all []fleetdial.Instance) []string {
	names := make([]string, len(all))
	for i, in := range all {
		names[i] = in.Name
	}
	return names
}
