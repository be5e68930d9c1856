package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/plain"
	"github.com/fleetdial/fleetdial/internal/review"
)

// errInterrupted is why a roll stops at Ctrl-C.
var errInterrupted = errors.New("interrupted")

// stepSet returns the set that the step with that index publishes over a revision.
func (r *roll) stepSet(index int, over fleetdial.Revision) (*fleetdial.Set, error) {
	narrowed, err := fleetdial.NewSet(r.plan[index].directives)
	if err != nil {
		return nil, asRejected(err)
	}
	set, err := review.Merge(over.Set, narrowed, r.now)
	return set, asRejected(err)
}

// checkFormat adds to the draft the live instances that do not read the first step. The step may
// need a higher format than the whole directives, which have been drafted.
func (r *roll) checkFormat(ctx context.Context, w writeFlags, d *draft) error {
	if d.Format != nil {
		return nil
	}
	set, err := r.stepSet(0, d.From)
	if err != nil {
		return err
	}
	opts := w.options()
	opts.DryRun = true
	d.Expect(&opts)
	_, err = r.app.update(ctx, r.p, set, opts)
	if format, ok := errors.AsType[*fleetdial.FormatError](err); ok {
		d.Format = format
		return nil
	}
	return err
}

// run carries out the steps from the one that the fleet has.
func (r *roll) run(ctx context.Context) error {
	for {
		if err := r.settle(ctx); err != nil {
			return r.stop(ctx, err)
		}
		r.view.done()
		if r.at == len(r.plan)-1 {
			r.view.end("complete", nil)
			return nil
		}
		if err := r.widen(ctx); err != nil {
			return r.stop(ctx, err)
		}
	}
}

// settle waits until the instances have the step, holds, and runs the check.
func (r *roll) settle(ctx context.Context) error {
	err := r.wait(ctx)
	if ctx.Err() != nil {
		return errInterrupted
	}
	if conflict := r.conflict(ctx); conflict != nil {
		return conflict
	}
	if err != nil {
		return err
	}
	isLast := r.at == len(r.plan)-1
	if !isLast || r.flags.check != "" {
		if err := r.hold(ctx); err != nil {
			return err
		}
	}
	if r.flags.check == "" {
		return nil
	}
	if err := r.check(ctx); err != nil {
		return err
	}
	return r.conflict(ctx)
}

// wait waits until the instances have the revision of the step, or another revision came in
// between.
func (r *roll) wait(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, r.w.wait.timeout)
	defer cancel()
	status, err := r.p.Wait(waiting, r.last, r.roster, r.w.wait.options(func(s fleetdial.WaitStatus) {
		r.view.waiting(s)
		if s.Overtaken > 0 {
			cancel()
		}
	}))
	r.view.waited(status, err)
	return err
}

// conflictEvery is how often a roll that holds looks for a revision of others.
const conflictEvery = time.Second

// hold waits for the pause to pass.
func (r *roll) hold(ctx context.Context) error {
	end := time.Now().Add(r.flags.pause)
	for {
		left := time.Until(end)
		if left <= 0 {
			return r.conflict(ctx)
		}
		r.view.holding(left)
		select {
		case <-ctx.Done():
			return errInterrupted
		case <-time.After(min(left, conflictEvery)):
		}
		if err := r.conflict(ctx); err != nil {
			return err
		}
	}
}

// conflict returns the conflict with another revision that the key holds instead of the step. It
// returns nil if the key cannot be read, because the next write finds the conflict, too.
func (r *roll) conflict(ctx context.Context) error {
	timed, cancel := r.app.timed(ctx)
	defer cancel()
	current, err := r.p.Current(timed)
	switch {
	case errors.Is(err, fleetdial.ErrNoRevision), review.IsInvalid(err):
	case err != nil, current.ID == r.last.ID && current.Version == r.last.Version:
		return nil
	}
	if current.Set == nil {
		current.Set = new(fleetdial.Set)
	}
	return &fleetdial.ConflictError{Expected: r.last.Version, Revision: current}
}

// widen publishes the next step over the one before.
func (r *roll) widen(ctx context.Context) error {
	if ctx.Err() != nil {
		return errInterrupted
	}
	roster, err := r.takeRoster(ctx)
	if err != nil {
		return err
	}
	for _, d := range r.own {
		if !d.ExpiresAt.After(roster.Now) {
			return fmt.Errorf("directive %s has ended (raise its TTL)", plain.Word(d.ID))
		}
	}
	r.roster = roster
	r.view.setRoster()
	err = r.write(ctx, r.at+1, r.last, r.over(""))
	if err != nil && ctx.Err() != nil && !errors.Is(err, fleetdial.ErrOutcomeUnknown) {
		return errInterrupted
	}
	return err
}

// stop ends the roll because of a failure. It takes the directives back, unless somebody else
// has published, Redis is unavailable, or the operator does not want that.
func (r *roll) stop(ctx context.Context, cause error) error {
	r.view.failed(cause)
	step := r.plan[r.at].label()
	err := fmt.Errorf("roll stopped at %s: %w", step, cause)
	continues := fmt.Sprintf("; version %d stays in force (--resume continues the roll, %s ends it)", r.last.Version, r.endsIt())
	_, isConflict := errors.AsType[*fleetdial.ConflictError](cause)
	switch {
	case isConflict:
		return r.view.end("conflict", fmt.Errorf("%w; nothing of that was changed\n  %s", err, r.inForce(cause)))
	case errors.Is(cause, fleetdial.ErrOutcomeUnknown):
		return r.view.end("unknown", fmt.Errorf("%w; version %d or the next step is in force (--resume continues the roll, %s ends it)",
			err, r.last.Version, r.endsIt()))
	case errors.Is(cause, fleetdial.ErrUnavailable) && !errors.Is(cause, fleetdial.ErrWaitIncomplete), r.flags.noRevert:
		return r.view.end("left", fmt.Errorf("%w%s", err, continues))
	case r.baseErr != nil:
		return r.view.end("left", fmt.Errorf("%w; the directives were not taken back: %w%s", err, r.baseErr, continues))
	}
	reverted, revertErr := r.revert(ctx, cause)
	_, isConflict = errors.AsType[*fleetdial.ConflictError](revertErr)
	switch {
	case isConflict:
		return r.view.end("conflict", fmt.Errorf("%w; the directives were not taken back: %w; nothing of that was changed\n  %s",
			err, revertErr, r.inForce(revertErr)))
	case revertErr != nil:
		// The exit code is that of the cause.
		return r.view.end("left", fmt.Errorf("%w; the directives were not taken back: %v%s", err, revertErr, continues))
	}
	r.last = reverted
	before := "the empty set from before the roll"
	if r.base.Set.Len() > 0 {
		before = fmt.Sprintf("the directives of version %d, from before the roll", r.base.Version)
	}
	return r.view.end("reverted", fmt.Errorf("%w; reverted: version %d holds %s", err, reverted.Version, before))
}

// endsIt returns the command that ends the roll.
func (r *roll) endsIt() string {
	if r.baseErr != nil {
		ids, isDashed := "", false
		for _, d := range r.own {
			ids += " " + plain.ShellWord(d.ID)
			isDashed = isDashed || strings.HasPrefix(d.ID, "-")
		}
		if isDashed { // such an id would be a flag
			return "publish remove" + r.app.target.writes + " --" + ids
		}
		return "publish remove" + ids + r.app.target.writes
	}
	return r.app.undo(r.base)
}

// revert publishes the directives from before the roll, except those that have ended, over the
// last step of the roll.
func (r *roll) revert(ctx context.Context, cause error) (fleetdial.Revision, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.app.timeout)
	defer cancel()
	w := r.w
	w.maxTTL = 1<<63 - 1 // the fleet had these directives
	p, done, err := r.app.writer(w)
	if err != nil {
		return fleetdial.Revision{}, err
	}
	defer done()
	now, err := p.Now(ctx)
	if err != nil {
		return fleetdial.Revision{}, err
	}
	kept, _ := review.Unexpired(r.base.Set.Directives(), now)
	set, err := fleetdial.NewSet(kept)
	if err != nil {
		return fleetdial.Revision{}, err
	}
	opts := r.over(r.reason(r.at+1, revertedReason+truncated(cause.Error())))
	opts.AnyFormat = true // the fleet had that format
	return p.Publish(ctx, set, opts)
}

// inForce describes the revision that another author has published, and what it holds of the
// roll.
func (r *roll) inForce(conflict error) string {
	c, ok := errors.AsType[*fleetdial.ConflictError](conflict)
	switch {
	case !ok || c.Version == 0:
		return "the key holds no revision"
	case c.Set.Len() == 0:
		return fmt.Sprintf("in force: version %d, no directives", c.Version)
	}
	states := make([]string, len(r.own))
	for i, own := range r.own {
		states[i] = plain.Word(own.ID) + " " + heldState(c.Set, r.plan[r.at].directives[i], r.plan[r.at].label())
	}
	return fmt.Sprintf("in force: version %d, %s: %s; of the roll: %s\n  "+
		"the same command, without --resume, begins the roll again over version %d", c.Version, plain.Count(c.Set.Len(), "directive"),
		plain.Listed(plain.Words(review.IDs(c.Set))), plain.First(10, states), c.Version)
}

// heldState says how a set holds a directive of a step.
func heldState(set *fleetdial.Set, d fleetdial.Directive, step string) string {
	for _, held := range set.Directives() {
		switch {
		case held.ID != d.ID:
		case held.Equal(d):
			return "as in " + step
		default:
			return "changed"
		}
	}
	return "removed"
}

// truncatedBytes bounds a text in the reason of a revision.
const truncatedBytes = 200

// truncated returns the first line of a text, and at most its first bytes.
func truncated(text string) string {
	end := 0
	for i, c := range text {
		if c == '\n' || c == '\uFFFD' {
			break
		}
		if i > truncatedBytes {
			return text[:end] + "…"
		}
		end = i + len(string(c))
	}
	return text[:end]
}
