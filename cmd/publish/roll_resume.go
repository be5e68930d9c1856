package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/plain"
	"github.com/fleetdial/fleetdial/internal/review"
)

var rollReason = regexp.MustCompile(`^roll ([0-9]+)/([0-9]+): (?s:(.*))$`)

// parseRollReason returns the step that the reason of a revision names.
func parseRollReason(reason string) (number, of int, why string, ok bool) {
	m := rollReason.FindStringSubmatch(reason)
	if m == nil {
		return 0, 0, "", false
	}
	number, err1 := strconv.Atoi(m[1])
	of, err2 := strconv.Atoi(m[2])
	ok = err1 == nil && err2 == nil && number >= 1 && number <= of
	return number, of, m[3], ok
}

// resume finds the step of the roll that the key holds.
func (r *roll) resume(ctx context.Context) error {
	timed, cancel := r.app.timed(ctx)
	defer cancel()
	current, err := r.p.Current(timed)
	switch {
	case errors.Is(err, fleetdial.ErrNoRevision):
		return r.app.noRevisionError(err)
	case review.IsInvalid(err):
		return &rejectedError{err}
	case err != nil:
		return err
	}
	number, before, err := r.stepOf(current)
	if err != nil {
		return &exitError{exitConflict, fmt.Sprintf("roll --resume: the key holds no step of this roll: version %d: %v; nothing was written",
			current.Version, err)}
	}
	// The expiries were fixed when the roll began.
	for i := range r.own {
		r.own[i].ExpiresAt = before[i].ExpiresAt
	}
	if r.roster, err = r.takeRoster(ctx); err != nil {
		return err
	}
	r.at, r.last = number-1, current
	r.plan = planRoll(r.own, r.steps, membersOf(r.roster), number, before)
	if err := r.checkPlan(r.at, r.now); err != nil {
		return err
	}
	if err := r.findBase(timed); err != nil {
		return err
	}
	if current.SignedBy != "" && r.w.signKey == "" {
		if err := r.app.confirm(ctx, r.w, []string{review.UnsignedOverSigned(current)}); err != nil {
			return err
		}
	}
	r.app.messagef("continuing at %s, version %d", r.plan[r.at].label(), current.Version)
	r.view.showPlan(r.base)
	return nil
}

// findBase finds the revision before the roll in the history. Without --no-revert, it is an error
// if the history does not hold that, because nothing could be taken back.
func (r *roll) findBase(ctx context.Context) error {
	entries, err := r.p.History(ctx)
	if err != nil {
		return err
	}
	r.base, r.baseErr = beforeRoll(entries, r.last, r.at+1)
	if checked := len(r.app.verifyKeys) > 0 || r.w.signKey != ""; checked && r.base.Version > 0 && !r.base.Verified {
		r.baseErr = fmt.Errorf("version %d, from before the roll: no trusted key signed it", r.base.Version)
	}
	if r.baseErr == nil || r.flags.noRevert {
		return nil
	}
	return &rejectedError{fmt.Errorf("roll --resume: %w, so that a failure could not take the directives back; "+
		"nothing was written (--no-revert continues, %s ends the roll)", r.baseErr, r.endsIt())}
}

// stepOf returns the number of the step that the revision is, and the directives of the roll as
// the revision has them.
func (r *roll) stepOf(rev fleetdial.Revision) (number int, before []fleetdial.Directive, err error) {
	number, of, why, ok := parseRollReason(rev.Reason)
	switch {
	case !ok:
		return 0, nil, fmt.Errorf("its reason is %s", plain.Quoted(rev.Reason))
	case strings.HasPrefix(why, revertedReason):
		return 0, nil, errors.New("the roll was reverted")
	case of != len(r.steps):
		return 0, nil, fmt.Errorf("the roll has %s, and --steps names %d", plain.Count(of, "step"), len(r.steps))
	}
	for _, own := range r.own {
		all := rev.Set.Directives()
		i := slices.IndexFunc(all, func(d fleetdial.Directive) bool { return d.ID == own.ID })
		if i < 0 {
			return 0, nil, fmt.Errorf("it does not hold the directive %s", plain.Word(own.ID))
		}
		if !isNarrowed(all[i], own, r.steps[number-1]) {
			return 0, nil, fmt.Errorf("its directive %s is another one", plain.Word(own.ID))
		}
		before = append(before, all[i])
	}
	return number, before, nil
}

// isNarrowed reports whether a published directive is the one that was asked for, except for its
// expiry, narrowed to a step.
func isNarrowed(published, own fleetdial.Directive, step rollStep) bool {
	in, of := published.Instances, own.Instances
	published.ExpiresAt, published.Instances = time.Time{}, nil
	own.ExpiresAt, own.Instances = time.Time{}, nil
	if !published.Equal(own) {
		return false
	}
	if step.isLast() || in == nil {
		return step.isLast() && in.Equal(of)
	}
	if of == nil {
		of = &fleetdial.Instances{}
	}
	sameNames := slices.Equal(slices.Sorted(slices.Values(in.Names)), slices.Sorted(slices.Values(of.Names)))
	isSubset := of.Names == nil || !slices.ContainsFunc(in.Names, func(name string) bool { return !slices.Contains(of.Names, name) })
	switch {
	case !maps.Equal(in.Labels, of.Labels):
		return false
	case step.count > 0:
		return isSubset && (in.PerMille == nil) == (in.Names != nil)
	}
	return sameNames && in.PerMille != nil && (of.PerMille == nil || *in.PerMille <= *of.PerMille)
}

var errBaseUnknown = errors.New("the history no longer holds the revision from before the roll")

// beforeRoll returns the revision before the first step of the roll whose step with that number
// is the current revision. No other revision can be between the steps.
func beforeRoll(entries []fleetdial.HistoryEntry, current fleetdial.Revision, number int) (fleetdial.Revision, error) {
	for ; number >= 1; number-- {
		if len(entries) == 0 {
			return fleetdial.Revision{}, errBaseUnknown
		}
		rev := entries[0].Revision
		got, _, _, ok := parseRollReason(rev.Reason)
		if !ok || got != number || rev.Version > current.Version || entries[0].Err != nil {
			return fleetdial.Revision{}, errBaseUnknown
		}
		if number == 1 && rev.Version == 1 {
			return fleetdial.Revision{Set: new(fleetdial.Set)}, nil
		}
		entries = entries[1:]
	}
	if len(entries) == 0 || entries[0].Err != nil {
		return fleetdial.Revision{}, errBaseUnknown
	}
	return entries[0].Revision, nil
}
