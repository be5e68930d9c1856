package redisstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// ErrNotInHistory is wrapped by the errors of Publisher.Find and Rollback for a version that the history does not hold.
var ErrNotInHistory = errors.New("the history does not hold that version")

// HistoryEntry is one entry of the history: a revision, or why it cannot be read.
type HistoryEntry struct {
	Revision wire.Revision
	Err      error
}

// History returns the last revisions, newest first.
func (p *Publisher) History(ctx context.Context) ([]HistoryEntry, error) {
	var entries []HistoryEntry
	// One after another: each may be as large as a value is allowed to be.
	for i := int64(0); i < MaxHistory; i++ {
		value, err := p.remote.client.LRange(ctx, p.remote.keys.history, i, i).Result()
		if isWrongType(err) {
			return nil, wrongType(p.remote.keys.history)
		}
		if err != nil {
			return nil, classify("read the history", err)
		}
		if len(value) == 0 {
			break
		}
		rev, err := p.decode([]byte(value[0]))
		if err != nil {
			rev, _ = wire.Peek([]byte(value[0]))
			rev.Set = emptySet
		}
		entries = append(entries, HistoryEntry{rev, err})
	}
	return entries, nil
}

// Find returns the newest revision of that version, from the key or from the history.
func (p *Publisher) Find(ctx context.Context, version int64) (wire.Revision, error) {
	if current, err := p.Current(ctx); err == nil && current.Version == version && version > 0 {
		return current, nil
	}
	entries, err := p.History(ctx)
	if err != nil {
		return wire.Revision{}, err
	}
	for _, e := range entries {
		if e.Revision.Version == version && version > 0 {
			return e.Revision, e.Err
		}
	}
	return wire.Revision{}, fmt.Errorf("%w: %d", ErrNotInHistory, version)
}

// RollbackOptions are those of one rollback.
type RollbackOptions struct {
	PublishOptions
	TTL time.Duration
}

// Rollback publishes the directives of an older revision anew, and returns those that it left out.
func (p *Publisher) Rollback(
	ctx context.Context, version int64, opts RollbackOptions,
) (rev wire.Revision, expired []directive.Directive, err error) {
	old, err := p.Find(ctx, version)
	if err == nil {
		err = p.believe(old)
	}
	if err != nil {
		return wire.Revision{}, nil, err
	}
	now, err := p.Now(ctx)
	if err != nil {
		return wire.Revision{}, nil, err
	}
	var kept []directive.Directive
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
		return wire.Revision{}, nil, err
	}
	rev, err = p.Publish(ctx, set, opts.PublishOptions)
	return rev, expired, err
}
