package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
)

func (a *app) historyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "history",
		Short: "Show the last revisions, newest first",
		Long: `history shows the fleet's last revisions: the time, the author and the reason, and the
directives that each revision added (+), changed (~) and removed (-).`,
		Example: `  publish history`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withPublisher(cmd.Context(), a.history)
		},
	}
}

func (a *app) history(ctx context.Context, p *fleetdial.Publisher) error {
	entries, err := p.History(ctx)
	if err != nil {
		return err
	}
	if a.json() {
		return a.writeHistoryJSON(entries)
	}
	if len(entries) == 0 {
		return a.noRevisionError(fleetdial.ErrNoRevision)
	}
	w := a.newTable()
	fmt.Fprintln(w, "VERSION\tPUBLISHED\tBY\tDIRECTIVES\tCHANGED\tREASON")
	for i, e := range entries {
		rev := e.Revision
		if e.Err != nil {
			fmt.Fprintf(w, "%d\t-\t-\t-\t-\t%s\n", rev.Version, tui.Printable("unreadable: "+e.Err.Error()))
			continue
		}
		changed := "?" // the history no longer holds the previous version
		if before := i + 1; before < len(entries) && entries[before].Err == nil {
			changed = differences(fleetdial.DiffSets(entries[before].Revision.Set, rev.Set))
		} else if rev.Version == 1 {
			changed = differences(fleetdial.DiffSets(nil, rev.Set))
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%s\t%s\n", rev.Version, rev.PublishedAt.UTC().Format(time.RFC3339),
			tui.Cell(rev.PublishedBy), rev.Set.Len(), tui.DashIfEmpty(changed),
			tui.Cell(rev.Reason))
	}
	return w.Flush()
}

func (a *app) writeHistoryJSON(entries []fleetdial.HistoryEntry) error {
	out := make([]any, len(entries))
	for i, e := range entries {
		if e.Err != nil {
			out[i] = a.withFleet(map[string]any{"version": e.Revision.Version, "error": e.Err.Error()})
		} else {
			out[i] = a.withFleet(json.RawMessage(e.Revision.AppendJSON(nil)))
		}
	}
	return a.writeJSON(out)
}
