package fleetdial

import (
	"context"
	"fmt"
	"time"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// HistoryEntry is one entry of a fleet's history.
type HistoryEntry struct {
	// Revision is the published revision. If its value cannot be read, Revision has an empty
	// set, and at most the fields ID, Version and PublishedAt.
	Revision Revision
	// Err is the reason why the value cannot be read. It is nil if the value was read.
	Err error
}

// History returns the last revisions of the fleet, the newest first.
// PublisherConfig.History sets how many revisions the history keeps, 20 by default.
// The error wraps [ErrUnavailable] if Redis cannot be reached. History then returns the
// entries that it has read before.
func (p *Publisher) History(ctx context.Context) ([]HistoryEntry, error) {
	var entries []HistoryEntry
	// The entries are read one by one, because each may have MaxValueBytes.
	for i := range MaxHistory {
		value, found, err := p.client.HistoryValue(ctx, i)
		if err != nil || !found {
			return entries, err
		}
		rev, err := p.decode(value)
		if err != nil {
			rev, _ = wire.DecodeHeader(value)
			rev.Set = new(Set)
		}
		entries = append(entries, HistoryEntry{rev, err})
	}
	return entries, nil
}

// Find returns the revision with the version, from the key or from the history. If
// several revisions have the version, Find returns the newest. If none has the version,
// the error wraps [ErrNotInHistory].
func (p *Publisher) Find(ctx context.Context, version int64) (Revision, error) {
	if current, err := p.Current(ctx); err == nil && current.Version == version && version > 0 {
		return current, nil
	}
	entries, err := p.History(ctx)
	if err != nil {
		return Revision{}, err
	}
	for _, e := range entries {
		if e.Revision.Version == version && version > 0 {
			return e.Revision, e.Err
		}
	}
	return Revision{}, fmt.Errorf("%w: %d", ErrNotInHistory, version)
}

// RollbackOptions are the options of one rollback. The zero value leaves out the
// directives that have expired, and publishes over any current revision.
type RollbackOptions struct {
	PublishOptions
	// TTL gives every directive a new expiry, this long after now by the clock of Redis.
	// Zero keeps the expiries.
	TTL time.Duration
}

// Rollback publishes the directives of an older revision again, as a new revision.
// Rollback returns the new revision, and the directives that it left out because they
// have expired. The errors are those of [Publisher.Find] and [Publisher.Publish].
func (p *Publisher) Rollback(
	ctx context.Context, version int64, opts RollbackOptions,
) (rev Revision, expired []Directive, err error) {
	old, err := p.Find(ctx, version)
	if err == nil {
		err = p.checkSigned(old)
	}
	if err != nil {
		return Revision{}, nil, err
	}
	now, err := p.Now(ctx)
	if err != nil {
		return Revision{}, nil, err
	}
	var kept []Directive
	for _, d := range old.Set.Directives() {
		switch {
		case opts.TTL > 0:
			d.ExpiresAt = now.Add(opts.TTL)
			kept = append(kept, d)
		case d.ExpiresAt.After(now):
			kept = append(kept, d)
		default:
			expired = append(expired, d)
		}
	}
	set, err := directive.NewSet(kept)
	if err != nil {
		return Revision{}, nil, err
	}
	rev, err = p.Publish(ctx, set, opts.PublishOptions)
	return rev, expired, err
}
