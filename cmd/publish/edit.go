package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/review"
)

func (a *app) editCommand(getenv func(string) string) *cobra.Command {
	var w writeFlags
	cmd := &cobra.Command{
		Use:   "edit",
		Short: "Edit the current set in an editor, and publish it",
		Long: `edit opens the fleet's set in the editor of VISUAL or EDITOR, as a publish body in YAML,
or in JSON with -o json. Expired directives are left out. edit checks the saved file as
publish -f does, and publishes it only over the revision that was opened: the exit code
is 4 if another revision came in between. An unchanged file publishes nothing. If the
set is not published, the edited file is kept.`,
		Example: `  EDITOR=vim publish edit --reason "raise the sample"`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := w.checkMaxTTL(); err != nil {
				return err
			}
			editor := cmp.Or(getenv("VISUAL"), getenv("EDITOR"))
			if editor == "" {
				return usagef("edit: no editor: set VISUAL or EDITOR")
			}
			return a.edit(cmd.Context(), editor, w)
		},
	}
	a.registerWrite(cmd, &w)
	w.registerMaxTTL(cmd)
	return cmd
}

func (a *app) edit(ctx context.Context, editor string, w writeFlags) error {
	p, done, err := a.writer(w)
	if err != nil {
		return err
	}
	defer done()
	opened, set, err := a.openSet(ctx, p)
	if err != nil {
		return err
	}
	file, err := a.newDraft(opened, set)
	if err != nil {
		return err
	}
	published, err := a.publishDraft(ctx, p, file, editor, opened, set, w)
	if published || !file.isEdited() {
		return errors.Join(err, file.remove())
	}
	if err != nil {
		return fmt.Errorf("%w\nthe edited file is kept: %s", err, file.path)
	}
	a.messagef("the edited file is kept: %s", file.path)
	return nil
}

// openSet returns the current revision, and its set without expired directives. If there is
// no current revision, the set is empty.
func (a *app) openSet(ctx context.Context, p *fleetdial.Publisher) (fleetdial.Revision, *fleetdial.Set, error) {
	ctx, cancel := a.timed(ctx)
	defer cancel()
	opened, err := p.Current(ctx)
	switch {
	case errors.Is(err, fleetdial.ErrNoRevision):
		opened = fleetdial.Revision{Set: new(fleetdial.Set)}
	case review.IsInvalid(err):
		return opened, nil, &rejectedError{fmt.Errorf("edit: %w; nothing was written", err)}
	case err != nil:
		return opened, nil, err
	}
	now, err := p.Now(ctx)
	if err != nil {
		return opened, nil, err
	}
	kept, _ := review.Unexpired(opened.Set.Directives(), now)
	set, err := fleetdial.NewSet(kept)
	return opened, set, err
}

// publishDraft lets the operator edit the file, and publishes its set over the revision that
// was opened. It reports whether the file is no longer needed: the set was published, or the
// file describes the set that was opened.
func (a *app) publishDraft(
	ctx context.Context, p *fleetdial.Publisher, file *draftFile, editor string,
	opened fleetdial.Revision, before *fleetdial.Set, w writeFlags,
) (done bool, err error) {
	after, err := a.editSet(ctx, p, file, editor, w.maxTTL)
	if err != nil {
		return false, err
	}
	if after == nil || fleetdial.DiffSets(before, after).Len() == 0 {
		a.messagef("no changes; nothing was published")
		return true, nil
	}
	edited := func(_ context.Context, current fleetdial.Revision) (*fleetdial.Set, error) {
		return after, stillCurrent(opened, current)
	}
	written := func() { done = !w.dryRun }
	err = a.publish(ctx, p, w, change{set: edited, creates: true, once: true, written: written})
	return done, err
}

// stillCurrent returns a conflict if the current revision is not the one that was opened.
func stillCurrent(opened, current fleetdial.Revision) error {
	if current.ID == opened.ID {
		return nil
	}
	return &fleetdial.ConflictError{Expected: opened.Version, Revision: current}
}

// editSet runs the editor until the file describes a valid set. On a terminal, it offers to
// edit an invalid file again. The set is nil if the file is unchanged.
func (a *app) editSet(
	ctx context.Context, p *fleetdial.Publisher, file *draftFile, editor string, maxTTL time.Duration,
) (*fleetdial.Set, error) {
	for {
		if err := a.runEditor(editor, file.path); err != nil {
			return nil, err
		}
		data, err := a.readFile(ctx, file.path, fleetdial.MaxBodyBytes)
		if err != nil {
			return nil, err
		}
		if bytes.Equal(data, file.original) {
			return nil, nil
		}
		now, err := a.redisTime(ctx, p)
		if err != nil {
			return nil, err
		}
		set, err := (&body{file: file.path, data: data, yaml: file.yaml}).parse(now, maxTTL)
		if err == nil || !a.isInteractive() {
			return set, err
		}
		fmt.Fprintln(a.stderr, err)
		switch a.ask(ctx, "Edit again? [Y/n]") {
		case "", "y", "yes":
			if ctx.Err() == nil {
				continue
			}
		}
		return nil, err
	}
}
