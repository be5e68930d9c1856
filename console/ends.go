package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/plain"
	"github.com/fleetdial/fleetdial/internal/review"
)

// extendBy is how much longer a directive applies after "Extend 10 min".
const extendBy = 10 * time.Minute

// serveEnd ends a directive.
func (c *Console) serveEnd(w http.ResponseWriter, r *http.Request, p *page) error {
	if err := c.parseForm(w, r); err != nil {
		return err
	}
	return c.act(w, r, p, func(_ context.Context, _ *fleetdial.Publisher, at time.Time) (action, error) {
		id := r.PostForm.Get("id")
		return action{
			title: "End directive " + plain.Printable(id), inputs: []input{{"id", id}}, isDirect: true,
			command: c.idLine(p, "publish remove", id, reasonFlag(r.PostForm)),
			Change: review.Change{Set: func(_ context.Context, current fleetdial.Revision) (*fleetdial.Set, error) {
				set, _, err := review.Remove(current.Set, []string{id}, at)
				return set, err
			}},
		}, nil
	})
}

// serveExtend lets a directive end later.
func (c *Console) serveExtend(w http.ResponseWriter, r *http.Request, p *page) error {
	if err := c.parseForm(w, r); err != nil {
		return err
	}
	return c.act(w, r, p, func(ctx context.Context, pub *fleetdial.Publisher, at time.Time) (action, error) {
		id := r.PostForm.Get("id")
		end, err := c.extendedEnd(ctx, pub, id, at)
		if err != nil {
			return action{}, err
		}
		return action{
			title: "Extend directive " + plain.Printable(id), inputs: []input{{"id", id}}, isDirect: true,
			command: c.idLine(p, "publish extend", id, fmt.Sprintf(" --ttl %s%s", end.Sub(at).Round(time.Second), reasonFlag(r.PostForm))),
			Change: review.Change{Set: func(_ context.Context, current fleetdial.Revision) (*fleetdial.Set, error) {
				set, _, err := review.Extend(current.Set, []string{id}, at, end)
				return set, err
			}},
		}, nil
	})
}

// extendedEnd returns the new end of a directive: ten minutes after its end, or after now if it has
// ended, and never beyond the longest TTL.
func (c *Console) extendedEnd(ctx context.Context, pub *fleetdial.Publisher, id string, at time.Time) (time.Time, error) {
	rev, err := pub.Current(ctx)
	if err != nil && !errors.Is(err, fleetdial.ErrNoRevision) {
		return time.Time{}, err
	}
	end := at
	for _, d := range rev.Set.Directives() { // without a revision, the directive is unknown
		if d.ID == id && d.ExpiresAt.After(end) {
			end = d.ExpiresAt
		}
	}
	longest := at.Add(c.cfg.MaxTTL)
	if !end.Add(extendBy).After(longest) {
		return end.Add(extendBy), nil
	}
	if !end.Before(longest) {
		return time.Time{}, &statusError{http.StatusUnprocessableEntity, fmt.Sprintf(
			"nothing was written: directive %s already ends as late as the console allows, in %v", plain.Printable(id), c.cfg.MaxTTL)}
	}
	return longest, nil
}

// serveRollback reviews or publishes the directives of an older version again. Without a version,
// that is the one before the current one.
func (c *Console) serveRollback(w http.ResponseWriter, r *http.Request, p *page) error {
	if err := c.parseForm(w, r); err != nil {
		return err
	}
	text := r.Form.Get("version")
	version, err := strconv.ParseInt(text, 10, 64)
	if text == "" {
		version, err = previousVersion(p)
	} else if err != nil || version < 1 {
		err = badRequest("nothing was written: version " + plain.Quoted(text) + ": must be a positive integer")
	}
	if err != nil {
		return err
	}
	return c.act(w, r, p, func(_ context.Context, pub *fleetdial.Publisher, _ time.Time) (action, error) {
		opts := fleetdial.RollbackOptions{PublishOptions: fleetdial.PublishOptions{DryRun: true, AnyFormat: true}}
		a := action{
			title:   fmt.Sprintf("Roll back to version %d", version),
			inputs:  []input{{"version", strconv.FormatInt(version, 10)}},
			command: c.writeLine(p, fmt.Sprintf("publish rollback %d%s", version, reasonFlag(r.PostForm))),
		}
		a.Replaces = true
		var left []string
		a.Change.Set = func(ctx context.Context, _ fleetdial.Revision) (*fleetdial.Set, error) {
			rev, expired, err := pub.Rollback(ctx, version, opts)
			left = left[:0]
			for _, d := range expired {
				left = append(left, plain.Word(d.ID))
			}
			return rev.Set, err
		}
		a.notesOf = func() []string {
			if len(left) == 0 {
				return nil
			}
			return []string{"left out expired directives: " + strings.Join(left, ", ")}
		}
		return a, nil
	})
}

// serveClearForm shows what clearing does.
func (c *Console) serveClearForm(w http.ResponseWriter, _ *http.Request, p *page) error {
	if !p.MayPublish {
		return errReadOnly
	}
	c.render(w, http.StatusOK, "clear", p)
	return nil
}

// serveClear reviews or publishes an empty set.
func (c *Console) serveClear(w http.ResponseWriter, r *http.Request, p *page) error {
	if err := c.parseForm(w, r); err != nil {
		return err
	}
	return c.act(w, r, p, func(context.Context, *fleetdial.Publisher, time.Time) (action, error) {
		a := action{title: "Clear", command: c.writeLine(p, "publish clear"+reasonFlag(r.PostForm))}
		a.Replaces = true
		a.Change.Set = func(context.Context, fleetdial.Revision) (*fleetdial.Set, error) { return new(fleetdial.Set), nil }
		return a, nil
	})
}
