package fleetdial

import (
	"context"
	"time"

	"github.com/fleetdial/fleetdial/internal/redisstore"
)

// ErrNotInHistory is wrapped by the errors of Publisher.Find and Rollback for a version that the history does not hold.
var ErrNotInHistory = redisstore.ErrNotInHistory

// HistoryEntry is one entry of a fleet's history.
type HistoryEntry struct {
	// Revision is the one that was published. Where it cannot be read, Err says why, and of the revision only what its
	// first bytes tell is there, if anything.
	Revision Revision
	Err      error
}

// History returns the fleet's last revisions, newest first: 20 unless PublisherConfig.History says otherwise.
func (p *Publisher) History(ctx context.Context) ([]HistoryEntry, error) {
	entries, err := p.inner.History(ctx)
	out := make([]HistoryEntry, len(entries))
	for i, e := range entries {
		out[i] = HistoryEntry{Revision(e.Revision), e.Err}
	}
	return out, err
}

// Find returns the revision of that version, from the key or from the history; the newest, should there be several. The
// error wraps ErrNotInHistory if there is none.
func (p *Publisher) Find(ctx context.Context, version int64) (Revision, error) {
	rev, err := p.inner.Find(ctx, version)
	return Revision(rev), err
}

// RollbackOptions are those of one rollback. The zero value leaves out what has expired, and publishes over whatever is
// there.
type RollbackOptions struct {
	PublishOptions
	// TTL gives every directive a new life of that length; 0 leaves their expiries as they are.
	TTL time.Duration
}

// Rollback publishes the directives of an older revision anew, as a revision of its own. It returns that, and the
// directives that were left out since they have expired. Its errors are those of Find and of Publish.
func (p *Publisher) Rollback(
	ctx context.Context, version int64, opts RollbackOptions,
) (rev Revision, expired []Directive, err error) {
	inner, expired, err := p.inner.Rollback(ctx, version, redisstore.RollbackOptions{
		PublishOptions: redisstore.PublishOptions(opts.PublishOptions), TTL: opts.TTL,
	})
	return Revision(inner), expired, err
}
