package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/plain"
	"github.com/fleetdial/fleetdial/internal/review"
)

func (a *app) watchCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "watch",
		Short: "Follow the fleet's revisions until Ctrl-C",
		Long: `watch follows the fleet as a proxy does. It writes a line for the current revision, for
each new revision, and for directives that end at their expiry. Times are UTC. If
revisions arrive faster than watch can write them, watch writes only the newest.
Connection problems, and their ends, are written to stderr. With -o json, each line is a
revision, or an object with "ended", the ids of the directives that have ended.`,
		Example: `  publish watch -o json`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.watch(cmd.Context()) },
	}
}

func (a *app) watch(ctx context.Context) error {
	keys, err := readVerifyKeys(a.verifyFiles)
	if err != nil {
		return err
	}
	client, err := a.connect()
	if err != nil {
		return err
	}
	defer client.Close()
	start, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	sub, err := fleetdial.Subscribe(start, client, fleetdial.SubscriberConfig{
		Fleet: a.fleet, Logger: a.logger(), ReportInterval: -1, // watch is not an instance of the fleet
		VerifyKeys: keys,
	})
	if err != nil {
		return err
	}
	defer sub.Close()
	if sub.Status().State == fleetdial.StateMissing {
		if p, err := fleetdial.NewPublisher(client, fleetdial.PublisherConfig{Fleet: a.fleet}); err == nil {
			a.noteUnknownFleet(ctx, p)
		}
	}
	changes := make(chan fleetdial.Change)
	unlisten := sub.OnChange(func(c fleetdial.Change) {
		select {
		case changes <- c:
		case <-ctx.Done():
		}
	})
	defer unlisten()
	return (&watcher{app: a, sub: sub}).run(ctx, changes)
}

// watcher writes what happens to a fleet's set.
type watcher struct {
	app   *app
	sub   *fleetdial.Subscriber
	shown fleetdial.Revision
	// ended holds the ids of the directives in shown that have ended.
	ended map[string]bool
	// lost reports whether the last check found that Redis does not answer. reconnects
	// counts the reconnections, some of which take less than the time between two checks.
	lost       bool
	reconnects int64
}

// statusInterval is the time between two checks of the connection and of the expiries.
const statusInterval = 200 * time.Millisecond

func (w *watcher) run(ctx context.Context, changes <-chan fleetdial.Change) error {
	status := w.sub.Status()
	if status.Revision.Version > 0 {
		if err := w.begin(status.Revision); err != nil {
			return err
		}
	}
	ticker := time.NewTicker(statusInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case c := <-changes:
			if c.To.ID == w.shown.ID && c.To.Version == w.shown.Version && c.To.Version > 0 {
				continue // applied after OnChange and before Status, so already shown
			}
			if err := w.change(c); err != nil {
				return err
			}
		case <-ticker.C:
			if err := w.check(time.Now()); err != nil {
				return err
			}
		}
	}
}

// begin writes the revision that the fleet has when watch starts. Its directives are not
// shown as added.
func (w *watcher) begin(rev fleetdial.Revision) error {
	w.show(rev)
	return w.app.writeChange(time.Now(), rev, plain.Listed(plain.Words(review.IDs(rev.Set))))
}

func (w *watcher) change(c fleetdial.Change) error {
	w.show(c.To)
	return w.app.writeChange(time.Now(), c.To, review.Differences(c.Diff()))
}

// show remembers the revision, and which of its directives have ended.
func (w *watcher) show(rev fleetdial.Revision) {
	w.shown, w.ended = rev, make(map[string]bool)
	w.newlyEnded(time.Now())
}

// newlyEnded returns the ids of the directives that have ended since the last call.
func (w *watcher) newlyEnded(now time.Time) (ids []string) {
	if w.shown.Set.Len() == len(w.ended) {
		return nil
	}
	now = now.Add(w.sub.Status().ClockOffset) // an expiry is a time of Redis' clock
	for _, d := range w.shown.Set.Directives() {
		if !d.ExpiresAt.After(now) && !w.ended[d.ID] {
			w.ended[d.ID] = true
			ids = append(ids, d.ID)
		}
	}
	return ids
}

// check writes the directives that have ended, and whether Redis answers again.
func (w *watcher) check(now time.Time) error {
	status := w.sub.Status()
	stale := status.State == fleetdial.StateStale
	if again := w.lost || status.Counters.Reconnects > w.reconnects; again && !stale {
		w.app.messagef("%s  Redis answers again", plain.Time(now))
		w.reconnects = status.Counters.Reconnects
	}
	w.lost = stale
	ids := w.newlyEnded(now)
	if len(ids) == 0 {
		return nil
	}
	if w.app.json() {
		return w.app.writeJSONLine(struct {
			Version int64    `json:"version"`
			Ended   []string `json:"ended"`
			At      string   `json:"at"`
		}{w.shown.Version, ids, plain.Time(now)})
	}
	_, err := fmt.Fprintf(w.app.stdout, "%s  version %d  %s left  ended: %s\n", plain.Time(now), w.shown.Version,
		plain.Count(w.shown.Set.Len()-len(w.ended), "directive"), plain.Listed(plain.Words(ids)))
	return err
}

// logger returns a logger that writes the warnings of a subscriber to stderr, except with
// --quiet.
func (a *app) logger() *slog.Logger { return a.loggerFrom(slog.LevelWarn) }

// loggerFrom returns a logger that writes lines of this level and above to stderr, except with
// --quiet. Its times are UTC.
func (a *app) loggerFrom(level slog.Level) *slog.Logger {
	var out io.Writer = a.stderr
	if a.quiet {
		out = io.Discard
	}
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(groups []string, attr slog.Attr) slog.Attr {
			if attr.Key == slog.TimeKey && len(groups) == 0 {
				return slog.String(slog.TimeKey, plain.Time(attr.Value.Time()))
			}
			return attr
		},
	}))
}

// writeChange writes one line for a revision, with the ids of directives.
func (a *app) writeChange(now time.Time, to fleetdial.Revision, ids string) error {
	if a.json() {
		return a.writeRevisionLine(to)
	}
	line := fmt.Sprintf("%s  version %d  %s", plain.Time(now), to.Version, plain.Count(to.Set.Len(), "directive"))
	if to.Version == 0 {
		line = plain.Time(now) + "  empty value, no directives"
	}
	if ids != "" {
		line += "  " + ids
	}
	if to.PublishedBy != "" {
		line += "  by " + plain.Word(to.PublishedBy)
	}
	if to.Reason != "" {
		line += ": " + plain.Printable(to.Reason)
	}
	_, err := fmt.Fprintln(a.stdout, line)
	return err
}
