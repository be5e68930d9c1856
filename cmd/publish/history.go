package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
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

// historyChange is a revision of the history and what it changed.
type historyChange struct {
	fleetdial.HistoryEntry
	diff fleetdial.Diff
	// known reports whether the history tells what the revision changed.
	known bool
}

// changesOf returns the entries of a history with their changes.
func changesOf(entries []fleetdial.HistoryEntry) []historyChange {
	out := make([]historyChange, len(entries))
	for i, e := range entries {
		out[i].HistoryEntry = e
		switch before := i + 1; {
		case e.Err != nil:
		case before < len(entries) && entries[before].Err == nil:
			out[i].diff, out[i].known = fleetdial.DiffSets(entries[before].Revision.Set, e.Revision.Set), true
		case before == len(entries) && e.Revision.Version == 1:
			out[i].diff, out[i].known = fleetdial.DiffSets(nil, e.Revision.Set), true
		}
	}
	return out
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
	var shown []historyChange
	var ids []string
	for _, c := range changesOf(entries) {
		if id != "" {
			ids = append(ids, idsOf(c.Revision.Set)...)
			if c.diff = only(c.diff, id); c.diff.Len() == 0 {
				continue
			}
		}
		if limit == 0 || len(shown) < limit {
			shown = append(shown, c)
		}
	}
	if id != "" && len(shown) == 0 {
		return fmt.Errorf("directive %s: no change in the history%s", tui.Quoted(id), hint(id, ids))
	}
	if a.json() {
		err = a.writeHistoryJSON(shown)
	} else if err = a.writeHistory(shown, id != "", now); err == nil {
		a.messagef("%s", versionsHeld(entries))
	}
	if err != nil {
		return err
	}
	return a.unverified(shown)
}

func (a *app) writeHistory(changes []historyChange, detailed bool, now time.Time) error {
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

func historyRow(c historyChange, detailed, wide bool, now time.Time) []string {
	rev := c.Revision
	published, cells := "-", []string{"-", "-", "-", "-"}
	reason := "unreadable"
	if c.Err != nil {
		reason = tui.Printable("unreadable: " + c.Err.Error())
	} else {
		changed := "?" // the history no longer holds the previous version
		switch {
		case c.known && detailed:
			changed = changeText(c.diff)
		case c.known:
			changed = tui.DashIfEmpty(differences(c.diff))
		}
		published = formatTime(rev.PublishedAt)
		cells = []string{ageText(now.Sub(rev.PublishedAt)), tui.Cell(rev.PublishedBy), fmt.Sprint(rev.Set.Len()), changed}
		reason = tui.Cell(rev.Reason)
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
		return "+ " + describe(diff.Added[0])
	case len(diff.Changed) > 0:
		return "~ " + strings.Join(fieldChanges(diff.Changed[0]), ", ")
	}
	return "- " + describe(diff.Removed[0])
}

// ageText formats the time since an event with two units at most.
func ageText(d time.Duration) string {
	d = max(0, d).Round(time.Second)
	switch {
	case d < time.Hour:
		return d.String()
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}

func (a *app) writeHistoryJSON(changes []historyChange) error {
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

// differences names the added (+), changed (~) and removed (-) directives.
func differences(diff fleetdial.Diff) string {
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
	return listed(names)
}

// listed joins words. Of a long list, it names the first words and the number of the others.
func listed(words []string) string {
	const limit = 8
	if more := len(words) - limit; more > 0 {
		words = append(words[:limit:limit], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(words, " ")
}

// words returns texts as words of a line.
func words(texts []string) []string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = tui.Word(text)
	}
	return out
}
