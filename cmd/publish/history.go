package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/overview"
	"github.com/fleetdial/fleetdial/internal/plain"
	"github.com/fleetdial/fleetdial/internal/review"
)

func (a *app) historyCommand() *cobra.Command {
	var limit int
	var id string
	cmd := &cobra.Command{
		Use:   "history",
		Short: "Show the last revisions, newest first",
		Long: `history shows the fleet's last revisions: the time, the author and the reason, and the
directives that each revision added (+), changed (~) and removed (-). With --directive,
history shows only the revisions that changed this directive, and how. With --verify-key,
history shows for each revision whether a trusted key signed it, and the exit code is 3
if a revision has no such signature.`,
		Example: `  publish history -n 5` + "\n" + `  publish history --directive acme-search`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("number") && limit < 1 {
				return usagef("--number: must be at least 1")
			}
			return a.withPublisher(cmd.Context(), func(ctx context.Context, p *fleetdial.Publisher) error {
				return a.history(ctx, p, limit, id)
			})
		},
	}
	cmd.Flags().IntVarP(&limit, "number", "n", 0, "maximum number of revisions (default all)")
	cmd.Flags().StringVar(&id, "directive", "", "id of a directive, for the revisions that changed it (default all)")
	completeFrom(cmd, "directive", a.completeIDs)
	return cmd
}

// only returns the part of a diff that concerns one directive.
func only(diff fleetdial.Diff, id string) (out fleetdial.Diff) {
	for _, d := range diff.Added {
		if d.ID == id {
			out.Added = append(out.Added, d)
		}
	}
	for _, c := range diff.Changed {
		if c.After.ID == id {
			out.Changed = append(out.Changed, c)
		}
	}
	for _, d := range diff.Removed {
		if d.ID == id {
			out.Removed = append(out.Removed, d)
		}
	}
	return out
}

func (a *app) history(ctx context.Context, p *fleetdial.Publisher, limit int, id string) error {
	entries, err := p.History(ctx)
	if err != nil {
		return err
	}
	now, err := p.Now(ctx)
	if err != nil {
		return err
	}
	if len(entries) == 0 && !a.json() {
		return a.noRevisionError(fleetdial.ErrNoRevision)
	}
	var shown []overview.Change
	var ids []string
	for _, c := range overview.Changes(entries) {
		if id != "" {
			ids = append(ids, review.IDs(c.Revision.Set)...)
			if c.Diff = only(c.Diff, id); c.Diff.Len() == 0 {
				continue
			}
		}
		if limit == 0 || len(shown) < limit {
			shown = append(shown, c)
		}
	}
	if id != "" && len(shown) == 0 {
		return fmt.Errorf("directive %s: no change in the history%s", plain.Quoted(id), plain.Hint(id, ids))
	}
	if a.json() {
		err = a.writeHistoryJSON(shown)
	} else if err = a.writeHistory(shown, id != "", now); err == nil {
		a.messagef("%s", overview.VersionsHeld(entries))
	}
	if err != nil {
		return err
	}
	return a.unverified(shown)
}

func (a *app) writeHistory(changes []overview.Change, detailed bool, now time.Time) error {
	w := a.newTable()
	wide := w.Width == 0
	header := []string{"VERSION", "AGE", "BY", "DIRECTIVES", "CHANGED", "REASON"}
	if wide {
		header = slices.Insert(header, 1, "PUBLISHED")
	}
	signers := a.signers(changes)
	if signers != nil {
		header = append(header, "SIGNED BY")
	}
	fmt.Fprintln(w, strings.Join(header, "\t"))
	for i, c := range changes {
		row := historyRow(c, detailed, wide, now)
		if signers != nil {
			row = append(row, signers[i])
		}
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	return w.Flush()
}

func historyRow(c overview.Change, detailed, wide bool, now time.Time) []string {
	rev := c.Revision
	published, cells := "-", []string{"-", "-", "-", "-"}
	reason := "unreadable"
	if c.Err != nil {
		reason = plain.Printable("unreadable: " + c.Err.Error())
	} else {
		changed := "?" // the history no longer holds the previous version
		switch {
		case c.Known && detailed:
			changed = changeText(c.Diff)
		case c.Known:
			changed = plain.DashIfEmpty(review.Differences(c.Diff))
		}
		published = plain.Time(rev.PublishedAt)
		cells = []string{plain.Age(now.Sub(rev.PublishedAt)), plain.Cell(rev.PublishedBy), fmt.Sprint(rev.Set.Len()), changed}
		reason = plain.Cell(rev.Reason)
	}
	row := []string{fmt.Sprint(rev.Version)}
	if wide {
		row = append(row, published)
	}
	return append(append(row, cells...), reason)
}

// changeText describes the change of one directive.
func changeText(diff fleetdial.Diff) string {
	switch {
	case len(diff.Added) > 0:
		return "+ " + review.Describe(diff.Added[0])
	case len(diff.Changed) > 0:
		return "~ " + strings.Join(review.FieldChanges(diff.Changed[0]), ", ")
	}
	return "- " + review.Describe(diff.Removed[0])
}

func (a *app) writeHistoryJSON(changes []overview.Change) error {
	out := make([]any, len(changes))
	for i, c := range changes {
		if c.Err != nil {
			out[i] = a.withFleet(map[string]any{"version": c.Revision.Version, "error": c.Err.Error()})
		} else {
			out[i] = a.withFleet(a.revisionJSON(c.Revision))
		}
	}
	return a.writeJSON(out)
}
