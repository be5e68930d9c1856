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
)

func (a *app) watchCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "watch",
		Short: "Follow the fleet's revisions until Ctrl-C",
		Long: "watch follows the fleet as a proxy does, and writes a line for each revision: the one that is there, and\n" +
			"then each new one. Of revisions that come faster than they can be written, it writes the newest. What\n" +
			"stands in the way of following is told on stderr.",
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
		Fleet: a.fleet, Logger: a.logger(), ReportInterval: -1, // an onlooker is no proxy
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
				continue // it came between the listener and the first line
			}
			shown = c.To
			if err := a.writeChange(c); err != nil {
				return err
			}
		}
	}
}

// logger writes the subscriber's warnings for an operator to read.
func (a *app) logger() *slog.Logger {
	var out io.Writer = a.stderr
	if a.quiet {
		out = io.Discard
	}
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

func (a *app) writeChange(c fleetdial.Change) error {
	if a.json() {
		return a.writeRevisionLine(c.To)
	}
	to := c.To
	line := fmt.Sprintf("%s  version %d  %s", time.Now().Format(time.TimeOnly), to.Version, count(to.Set.Len(), "directive"))
	if to.Version == 0 {
		line = time.Now().Format(time.TimeOnly) + "  the empty value: cleared"
	}
	if names := differences(c.Diff()); names != "" {
		line += "  " + names
	}
	if to.PublishedBy != "" {
		line += "  by " + printable(to.PublishedBy)
	}
	if to.Reason != "" {
		line += ": " + printable(to.Reason)
	}
	_, err := fmt.Fprintln(a.stdout, line)
	return err
}

// differences names the directives that came (+), changed (~) and went (-).
func differences(diff fleetdial.Diff) string {
	const most = 8
	var names []string
	for _, d := range diff.Added {
		names = append(names, "+"+printable(d.ID))
	}
	for _, c := range diff.Changed {
		names = append(names, "~"+printable(c.After.ID))
	}
	for _, d := range diff.Removed {
		names = append(names, "-"+printable(d.ID))
	}
	if more := len(names) - most; more > 0 {
		names = append(names[:most], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, " ")
}
