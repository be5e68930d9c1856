package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
)

func (a *app) watchCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "watch",
		Short: "Follow the fleet's revisions until Ctrl-C",
		Long: `watch follows the fleet as a proxy does. It writes a line for the current revision and
for each new revision. If revisions arrive faster than watch can write them, watch
writes only the newest. Connection problems are logged to stderr.`,
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
	changes := make(chan fleetdial.Change)
	unlisten := sub.OnChange(func(c fleetdial.Change) {
		select {
		case changes <- c:
		case <-ctx.Done():
		}
	})
	defer unlisten()
	shown := sub.Status().Revision
	if shown.Version > 0 {
		if err := a.writeChange(fleetdial.Change{From: fleetdial.Revision{Set: new(fleetdial.Set)}, To: shown}); err != nil {
			return err
		}
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case c := <-changes:
			if c.To.ID == shown.ID && c.To.Version == shown.Version && c.To.Version > 0 {
				continue // applied after OnChange and before Status, so already shown
			}
			shown = c.To
			if err := a.writeChange(c); err != nil {
				return err
			}
		}
	}
}

// logger returns a logger that writes the warnings of a subscriber to stderr, except with
// --quiet.
func (a *app) logger() *slog.Logger {
	var out io.Writer = a.stderr
	if a.quiet {
		out = io.Discard
	}
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// writeChange writes one line for a change.
func (a *app) writeChange(c fleetdial.Change) error {
	if a.json() {
		return a.writeRevisionLine(c.To)
	}
	to := c.To
	line := fmt.Sprintf("%s  version %d  %s", time.Now().Format(time.TimeOnly), to.Version, tui.Count(to.Set.Len(), "directive"))
	if to.Version == 0 {
		line = time.Now().Format(time.TimeOnly) + "  empty value, no directives"
	}
	if names := differences(c.Diff()); names != "" {
		line += "  " + names
	}
	if to.PublishedBy != "" {
		line += "  by " + tui.Printable(to.PublishedBy)
	}
	if to.Reason != "" {
		line += ": " + tui.Printable(to.Reason)
	}
	_, err := fmt.Fprintln(a.stdout, line)
	return err
}

// differences names the added (+), changed (~) and removed (-) directives.
func differences(diff fleetdial.Diff) string {
	const limit = 8
	var names []string
	for _, d := range diff.Added {
		names = append(names, "+"+tui.Word(d.ID))
	}
	for _, c := range diff.Changed {
		names = append(names, "~"+tui.Word(c.After.ID))
	}
	for _, d := range diff.Removed {
		names = append(names, "-"+tui.Word(d.ID))
	}
	if more := len(names) - limit; more > 0 {
		names = append(names[:limit], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, " ")
}
