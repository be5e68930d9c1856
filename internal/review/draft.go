package review

import (
	"context"
	"errors"
	"fmt"

	"github.com/fleetdial/fleetdial"
)

// Change is what an operator does to the set of a fleet.
type Change struct {
	// Set returns the new set. It may be called again for another current revision.
	Set func(ctx context.Context, current fleetdial.Revision) (*fleetdial.Set, error)
	// Replaces says that the new set does not contain the directives of the current set, so that
	// it can replace an unreadable value.
	Replaces bool
	// OnMissing is called if the fleet has no current revision, before Set. Its error ends the
	// change. It may be nil.
	OnMissing func(ctx context.Context) error
}

// UnreadableError is the error of a change that keeps directives of the current revision, if the
// key holds an unreadable value. Nothing was written.
type UnreadableError struct{ Err error }

// Error says why the value is unreadable.
func (e *UnreadableError) Error() string { return "nothing was written: " + e.Err.Error() }

// Unwrap returns the error of the value.
func (e *UnreadableError) Unwrap() error { return e.Err }

// Draft is a new revision, computed from exactly one current revision.
type Draft struct {
	From, To fleetdial.Revision
	// Unreadable is why the current value cannot be read, nil if it can be read, or if there is
	// none. From is what the first bytes of that value tell then.
	Unreadable error
	// Format names the live instances that do not read the new revision, nil if all do.
	Format *fleetdial.FormatError

	change Change
}

// NewDraft reads the current revision, and computes the new one. It writes nothing. The options are
// those of the publish.
func NewDraft(ctx context.Context, p *fleetdial.Publisher, c Change, opts fleetdial.PublishOptions) (Draft, error) {
	d := Draft{change: c}
	var err error
	d.From, err = p.Current(ctx)
	switch {
	case IsInvalid(err) && c.Replaces:
		d.Unreadable = err
	case errors.Is(err, fleetdial.ErrNoRevision):
		d.From = fleetdial.Revision{}
		if c.OnMissing != nil {
			if err := c.OnMissing(ctx); err != nil {
				return d, err
			}
		}
	case IsInvalid(err):
		return d, &UnreadableError{err}
	case err != nil:
		return d, err
	}
	if d.From.Set == nil {
		d.From.Set = new(fleetdial.Set)
	}
	set, err := c.Set(ctx, d.From)
	if err != nil {
		return d, err
	}
	opts.DryRun = true
	d.To, err = d.write(ctx, p, set, opts)
	if format, ok := errors.AsType[*fleetdial.FormatError](err); ok {
		d.Format = format
		d.To, err = d.write(ctx, p, set, opts)
	}
	return d, err
}

// Publish publishes exactly the draft over exactly the revision that it was computed from. If
// another revision came in between, the error is a *fleetdial.ConflictError.
func (d *Draft) Publish(ctx context.Context, p *fleetdial.Publisher, opts fleetdial.PublishOptions) (fleetdial.Revision, error) {
	return d.write(ctx, p, d.To.Set, opts)
}

// Expect sets the condition that the key still holds what the draft was computed from. It also
// makes the publish accept a format of which the operator was warned.
func (d *Draft) Expect(opts *fleetdial.PublishOptions) {
	opts.IfCurrent, opts.IfUnreadable = &d.From, d.Unreadable != nil
	if d.Unreadable != nil {
		opts.IfCurrent = nil
	}
	opts.AnyFormat = d.Format != nil
}

// write publishes the set. Unless the set replaces the current one, directives that the current
// revision already holds may end later than MaxTTL.
func (d *Draft) write(
	ctx context.Context, p *fleetdial.Publisher, set *fleetdial.Set, opts fleetdial.PublishOptions,
) (fleetdial.Revision, error) {
	d.Expect(&opts)
	if d.change.Replaces {
		return p.Publish(ctx, set, opts)
	}
	return p.Update(ctx, func(fleetdial.Revision) (*fleetdial.Set, error) { return set, nil }, opts)
}

// IsInvalid reports whether a value or a set is not valid.
func IsInvalid(err error) bool {
	_, invalid := errors.AsType[*fleetdial.ValidationError](err)
	_, malformed := errors.AsType[*fleetdial.MalformedError](err)
	return invalid || malformed
}

// Overtaken describes the revision that came in between, by the error of a publish.
func Overtaken(err error) string {
	conflict, ok := errors.AsType[*fleetdial.ConflictError](err)
	if !ok || conflict.Version == 0 {
		return "the current revision was removed in between"
	}
	text := fmt.Sprintf("version %d was published in between", conflict.Version)
	if conflict.PublishedBy != "" {
		text += fmt.Sprintf(" by %q", conflict.PublishedBy)
	}
	if conflict.Reason != "" {
		text += fmt.Sprintf(" (%q)", conflict.Reason)
	}
	return text
}
