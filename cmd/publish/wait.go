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
	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
	"github.com/fleetdial/fleetdial/internal/overview"
	"github.com/fleetdial/fleetdial/internal/plain"
)

// waitFlags are the flags of wait, and of --wait in other commands.
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
	flags.DurationVar(&w.timeout, "wait-timeout", time.Minute, "time limit for the instances")
	flags.Var(&w.threshold, "threshold", "share of the roster that has to apply the revision")
	flags.IntVar(&w.minInstances, "min-instances", 1,
		"minimum of instances that have to apply the revision; 0 accepts an empty roster")
	flags.BoolVar(&w.keepGoing, "keep-going", false, "wait for all instances, even after one rejects the revision")
}

func (w *waitFlags) check() error {
	if w.timeout <= 0 {
		return usagef("--wait-timeout: must be positive")
	}
	if w.minInstances < 0 {
		return usagef("--min-instances: must not be negative")
	}
	return nil
}

// options returns what the flags ask of [fleetdial.Publisher.Wait].
func (w *waitFlags) options(progress func(fleetdial.WaitStatus)) fleetdial.WaitOptions {
	opts := fleetdial.WaitOptions{
		Threshold: float64(w.threshold), MinInstances: w.minInstances, KeepGoing: w.keepGoing, Progress: progress,
	}
	if w.minInstances == 0 {
		opts.MinInstances = fleetdial.NoMinimum
	}
	return opts
}

// threshold is the value of --threshold: a share, written as a percentage.
type threshold float64

func (t *threshold) String() string { return strconv.FormatFloat(100*float64(*t), 'g', -1, 64) + "%" }
func (t *threshold) Type() string   { return "percent" }

func (t *threshold) Set(s string) error {
	number, isPercent := strings.CutSuffix(s, "%")
	share, err := strconv.ParseFloat(number, 64)
	if err != nil || !isPercent || !(share > 0 && share <= 100) {
		return errors.New("must be a percentage above 0% and up to 100%, such as 99%")
	}
	*t = threshold(share / 100)
	return nil
}

func (a *app) waitCommand() *cobra.Command {
	var w waitFlags
	var version int64
	cmd := &cobra.Command{
		Use:   "wait",
		Short: "Wait until the fleet has applied the revision",
		Long: `wait follows the roster until every instance that is not GONE has applied the revision
or a newer one. The exit code is 6 as soon as an instance rejects the revision, and 5
after --wait-timeout. wait names the instances that rejected or lack the revision.

An instance that is GONE, or becomes GONE, is left out: it does not change the exit code
if other instances apply the revision, and wait names it with its last version.

If the revision was published 10s ago or more, wait also names the directives without
hits; see publish top --help.`,
		Example: `  publish wait --threshold 99% --wait-timeout 30s`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.waitFor(cmd.Context(), version, w)
		},
	}
	cmd.Flags().Int64Var(&version, "version", 0, "version to wait for (default the current version)")
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
	roster, err := a.rosterToWaitFor(ctx, p, w)
	if errors.Is(err, fleetdial.ErrNoInstances) {
		if text := a.unknownFleet(ctx, p); text != "" {
			return &noFleetError{text}
		}
	}
	if err != nil {
		return err
	}
	rev := fleetdial.Revision{Version: roster.Version, ID: roster.ID}
	switch {
	case version < 0:
		return usagef("--version: must be a positive integer")
	case !roster.Published:
		return a.noRevisionError(roster.Err)
	case version > rev.Version:
		return fmt.Errorf("version %d: not published (the current version of fleet %q is %d)",
			version, a.fleet, rev.Version)
	case version != 0 && version != rev.Version:
		rev = fleetdial.Revision{Version: version}
	}
	return a.follow(ctx, p, rev, roster, w)
}

// rosterToWaitFor returns the roster whose instances a wait expects. It returns
// [fleetdial.ErrNoInstances] if all instances are GONE and --min-instances requires some.
func (a *app) rosterToWaitFor(ctx context.Context, p *fleetdial.Publisher, w waitFlags) (fleetdial.Roster, error) {
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
	return roster, fmt.Errorf("fleet %q: %w (--min-instances 0 accepts an empty roster)", a.fleet, fleetdial.ErrNoInstances)
}

// follow waits for a revision and shows the progress.
func (a *app) follow(
	ctx context.Context, p *fleetdial.Publisher, rev fleetdial.Revision, roster fleetdial.Roster, w waitFlags,
) error {
	view := &waitView{app: a, live: !a.json() && !a.quiet && tui.IsTerminal(a.redrawn(a.stderr))}
	waiting, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	status, err := p.Wait(waiting, rev, roster, w.options(view.show))
	view.end(status, err)
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("interrupted: version %d is published (publish wait --version %d%s continues)",
			rev.Version, rev.Version, a.target.reads)
	case errors.Is(err, fleetdial.ErrRevisionLost), errors.Is(err, fleetdial.ErrUnavailable):
		return fmt.Errorf("version %d was published, but: %w", rev.Version, err)
	case err != nil:
		return fmt.Errorf("version %d is published, but %w", rev.Version, err)
	}
	if status.Elapsed >= overview.HitsExpectedAfter || roster.ID == rev.ID && roster.Now.Sub(roster.PublishedAt) >= overview.HitsExpectedAfter {
		a.noteWithoutHits(ctx, p)
	}
	return nil
}

// noteWithoutHits names the directives of the current revision that have no hit, as far as the
// roster tells. Errors do not matter, because the wait is over.
func (a *app) noteWithoutHits(ctx context.Context, p *fleetdial.Publisher) {
	ctx, cancel := context.WithTimeout(ctx, min(a.timeout, time.Second))
	defer cancel()
	hits, err := a.readHits(ctx, p, overview.Hits{})
	if err != nil {
		return
	}
	if ids := hits.WithoutHits(); len(ids) > 0 {
		a.messagef("%s", noHitsText(ids))
	}
}

// waitView shows the progress of a wait: as one line that is redrawn on a terminal, as a
// line for each change, or as JSON.
type waitView struct {
	app   *app
	live  bool
	shown string
}

func (v *waitView) show(s fleetdial.WaitStatus) {
	line := waitLine(s)
	switch {
	case v.live:
		fmt.Fprintf(v.app.stderr, tui.ClearLine+"%s, %s", line, s.Elapsed.Round(100*time.Millisecond))
	case line == v.shown:
		return
	case v.app.json():
		_ = v.app.writeJSONLine(newWaitJSON(s, nil, false))
	default:
		v.app.messagef("%s, %s", line, s.Elapsed.Round(time.Millisecond))
	}
	v.shown = line
}

// end shows the result, and the instances of [app.showLacking].
func (v *waitView) end(s fleetdial.WaitStatus, err error) {
	if v.live {
		fmt.Fprint(v.app.stderr, tui.ClearLine)
		v.app.messagef("%s, %s", waitLine(s), s.Elapsed.Round(time.Millisecond))
	}
	if v.app.json() {
		_ = v.app.writeJSONLine(newWaitJSON(s, err, true))
	}
	v.app.showLacking(s, err)
}

// showLacking shows each instance that left, is GONE or rejected the revision and, after an
// error, each that lacks it.
func (a *app) showLacking(s fleetdial.WaitStatus, err error) {
	for _, in := range s.Left {
		a.messagef("  %s left the fleet", plain.Printable(in.Name))
	}
	for _, in := range s.Gone {
		fmt.Fprintf(a.stderr, "  left out: %s\n", lacking(in))
	}
	for _, in := range s.Rejected {
		fmt.Fprintf(a.stderr, "  %s\n", lacking(in))
	}
	if err != nil {
		for _, in := range s.Pending {
			fmt.Fprintf(a.stderr, "  %s\n", lacking(in))
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
	if len(s.Gone) > 0 {
		line += fmt.Sprintf(", %d gone", len(s.Gone))
	}
	if s.Overtaken > 0 {
		line += fmt.Sprintf(", overtaken by version %d", s.Overtaken)
	}
	return line
}

// lacking describes an instance without the revision: its state, its revision, and the
// time of its last report.
func lacking(in fleetdial.Instance) string {
	line := fmt.Sprintf("%s %s", plain.Printable(in.Name), in.State)
	r := in.Report
	switch {
	case in.Err != nil:
		line += ": " + plain.Printable(in.Err.Error())
	case in.State == fleetdial.InstanceRejected && r != nil && r.Rejected != nil:
		line += fmt.Sprintf(" version %d: %s", r.Rejected.Version, plain.Printable(r.Rejected.Error))
	case r != nil && r.Applied != nil:
		line += fmt.Sprintf(", at version %d since %s", r.Applied.Version, plain.Time(r.Applied.At))
	case r != nil:
		line += ", no revision applied"
	}
	if in.LastSeen.IsZero() {
		return line
	}
	return line + ", last seen " + plain.Time(in.LastSeen)
}

// waitJSON is one line of the output with -o json.
type waitJSON struct {
	Version   int64    `json:"version"`
	Expected  int      `json:"expected"`
	Applied   int      `json:"applied"`
	Joined    int      `json:"joined"`
	Overtaken int64    `json:"overtaken_by,omitempty"`
	Rejected  []string `json:"rejected"`
	Pending   []string `json:"pending"`
	Left      []string `json:"left"`
	// Gone are the instances that were left out.
	Gone      []goneJSON `json:"gone"`
	ElapsedMS int64      `json:"elapsed_ms"`
	Done      bool       `json:"done"`
	Error     string     `json:"error,omitempty"`
}

// goneJSON is an instance that is GONE, with the version that it reported last, 0 if it is not
// known.
type goneJSON struct {
	Instance string `json:"instance"`
	Version  int64  `json:"version"`
	LastSeen string `json:"last_seen,omitempty"`
}

func newGoneJSON(gone []fleetdial.Instance) []goneJSON {
	out := make([]goneJSON, len(gone))
	for i, in := range gone {
		out[i].Instance = in.Name
		if in.Report != nil && in.Report.Applied != nil {
			out[i].Version = in.Report.Applied.Version
		}
		if !in.LastSeen.IsZero() {
			out[i].LastSeen = plain.Time(in.LastSeen)
		}
	}
	return out
}

func newWaitJSON(s fleetdial.WaitStatus, err error, done bool) waitJSON {
	out := waitJSON{
		Version: s.Version, Expected: s.Expected, Applied: s.Applied, Joined: s.Joined, Overtaken: s.Overtaken,
		Rejected: instanceNames(s.Rejected), Pending: instanceNames(s.Pending), Left: instanceNames(s.Left),
		Gone: newGoneJSON(s.Gone), ElapsedMS: s.Elapsed.Milliseconds(), Done: done,
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
