package fleetdial

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/fleetdial/fleetdial/internal/clock"
	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/redisstore"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// firstRetry and longestRetry bound the time between two attempts of a publish.
const firstRetry, longestRetry = 5 * time.Millisecond, 500 * time.Millisecond

// readOnlyTime bounds how long a publish is tried again while a replica answers.
const readOnlyTime = 3 * time.Second

// maxVersion is the highest version that a value can have. After it, the versions of an unsigned
// fleet begin again with 1.
const maxVersion = directive.MaxMillis

// transaction is one publish: it reads the current revision, and writes another revision
// if the current revision is as expected. A transaction can safely be repeated: all
// attempts have the same id, and if two EXEC arrive, the second fails, because the keys
// are watched.
type transaction struct {
	publisher *Publisher
	id        string
	change    func(Revision) (*Set, error)
	opts      PublishOptions
	// headerOnly is set if change does not read the current set.
	headerOnly bool
	// reported are the versions that the roster reports as applied, if the publisher signs.
	reported []int64
	// formats holds the formats that the live instances read. It is nil until a set needs a
	// higher format than 1.
	formats  *formats
	attempts attempts
	// readOnly is the last error of a replica that answered, nil if none has answered.
	// readOnlySince is when a replica answered first.
	readOnly      error
	readOnlySince time.Time
}

// run makes one attempt. If another publish was executed first, the error wraps
// redisstore.ErrConcurrent. If the outcome is open, the error wraps
// redisstore.ErrReplyLost. If the revision is published, and a later command failed, the
// error wraps redisstore.ErrPublished. After any other error, nothing was written.
func (t *transaction) run(ctx context.Context) (rev Revision, err error) {
	limit := wire.MaxValueBytes + 1
	if t.headerOnly && t.publisher.keys == nil && !t.opts.IfUnreadable {
		limit = wire.HeaderBytes
	}
	err = t.publisher.client.Transact(ctx, limit,
		func(ctx context.Context, tx *redisstore.Tx, found redisstore.Found) error {
			rev, err = t.write(ctx, tx, &found)
			return err
		})
	if err != nil && !errors.Is(err, redisstore.ErrPublished) {
		rev = Revision{}
	}
	return rev, err
}

// write publishes if the current revision is as expected.
func (t *transaction) write(ctx context.Context, tx *redisstore.Tx, found *redisstore.Found) (Revision, error) {
	if err := clock.Check(found.Now); err != nil {
		return Revision{}, err
	}
	if t.attempts.isOpen {
		rev, err := t.find(ctx, tx)
		if err != nil || rev.ID == t.id {
			return rev, err
		}
	}
	current, err := t.current(found)
	if err == nil {
		err = t.checkCondition(ctx, tx, &current, found)
	}
	if err != nil {
		return Revision{}, err
	}
	rev, err := t.next(ctx, tx, current, found)
	if err != nil {
		return Revision{}, err
	}
	value, err := t.publisher.encode(&rev)
	if err != nil || t.opts.DryRun {
		return rev, err
	}
	if err := ctx.Err(); err != nil {
		return Revision{}, redisstore.Classify("nothing was written", err)
	}
	t.attempts.add(rev.Version, &current, found)
	a := wire.Announcement{
		Version: rev.Version, ID: rev.ID, SpreadMillis: wire.SpreadMillis(len(value), found.Subscribers),
		ReportMillis: wire.ReportMillis(len(value), found.Subscribers),
	}
	return rev, tx.Exec(ctx, value, t.publisher.cfg.History, a.Encode())
}

// checkCondition returns a *ConflictError if the current revision is not the expected one.
func (t *transaction) checkCondition(
	ctx context.Context, tx *redisstore.Tx, current *Revision, found *redisstore.Found,
) error {
	if want := max(t.opts.IfVersion, 0); t.opts.IfVersion != 0 && (want != current.Version || want == 0 && found.Exists) {
		return t.conflict(ctx, tx, want)
	}
	if t.opts.IfUnreadable && len(found.Value) > 0 {
		if _, err := t.publisher.decode(found.Value); err == nil {
			return t.conflict(ctx, tx, 0)
		}
	}
	want := t.opts.IfCurrent
	if want == nil {
		return nil
	}
	// An unreadable value has version 0 too, but is not a missing value.
	if want.Version != current.Version || want.ID != current.ID || want.Version == 0 && len(found.Value) > 0 {
		return t.conflict(ctx, tx, want.Version)
	}
	return nil
}

// next returns the revision to write over the current one.
func (t *transaction) next(
	ctx context.Context, tx *redisstore.Tx, current Revision, found *redisstore.Found,
) (Revision, error) {
	if !t.headerOnly && len(found.Value) > 0 {
		if err := t.publisher.checkSigned(current); err != nil {
			return Revision{}, err
		}
	}
	last, err := lastVersion(ctx, tx, current.Version, found)
	if err != nil {
		return Revision{}, err
	}
	version, err := t.nextVersion(ctx, tx, current, last, found)
	if err != nil {
		return Revision{}, err
	}
	current.Version = last
	set, err := t.change(current)
	if err != nil {
		return Revision{}, err
	}
	if set == nil {
		set = new(Set)
	}
	if err := cmp.Or(t.checkExpiries(current.Set, set, found.Now), t.checkFormat(set)); err != nil {
		return Revision{}, err
	}
	return Revision{
		Version: version, ID: t.id, PublishedAt: time.UnixMilli(found.Now.UnixMilli()),
		PublishedBy: t.publisher.cfg.PublishedBy, Reason: t.opts.Reason, Set: set,
	}, nil
}

// lastVersion returns the last version of the fleet. If the key is missing or unreadable,
// the last version is that of the newest entry of the history. It is 0 without a readable
// header.
func lastVersion(ctx context.Context, tx *redisstore.Tx, current int64, found *redisstore.Found) (int64, error) {
	if current != 0 || found.Revisions == 0 {
		return current, nil
	}
	value, _, err := tx.HistoryValue(ctx, 0)
	if err != nil {
		return 0, err
	}
	head, _ := wire.DecodeHeader(value)
	return head.Version, nil
}

// nextVersion returns the version after the last one. After the highest version, the
// versions of an unsigned fleet begin again with 1, so that a forged value with the
// highest version does not prevent all later publishes. In a signed fleet, the proxies
// apply no lower version, and only the owner of a trusted key can have signed the highest
// version, so nextVersion returns an error.
func (t *transaction) nextVersion(
	ctx context.Context, tx *redisstore.Tx, current Revision, last int64, found *redisstore.Found,
) (int64, error) {
	if t.publisher.cfg.SignKey == nil {
		if last >= maxVersion {
			return 1, nil
		}
		return last + 1, nil
	}
	signed, err := t.lastSigned(ctx, tx, current, found.Revisions)
	if err != nil {
		return 0, err
	}
	version := above(signed, append(t.reported, last))
	if version > maxVersion {
		return 0, fmt.Errorf("nothing was written: version %d is the highest, and the proxies of a signed fleet "+
			"apply no lower version (use another fleet)", int64(maxVersion))
	}
	return version, nil
}

// checkExpiries returns a *ValidationError if a directive expires too late. A directive
// that change has read from the current set, and has left as it is, is not checked.
func (t *transaction) checkExpiries(current, next *Set, now time.Time) error {
	maxTTL := t.publisher.cfg.MaxTTL
	if maxTTL == math.MaxInt64 {
		return nil
	}
	var checked map[string]bool // the directives that are not in the current set
	for i, d := range next.Directives() {
		if !d.ExpiresAt.After(now.Add(maxTTL)) {
			continue
		}
		if checked == nil {
			checked = make(map[string]bool)
			if t.headerOnly {
				current = nil
			}
			diff := directive.DiffSets(current, next)
			for _, added := range diff.Added {
				checked[added.ID] = true
			}
			for _, changed := range diff.Changed {
				checked[changed.After.ID] = true
			}
		}
		if checked[d.ID] {
			return &ValidationError{
				Path: fmt.Sprintf("directives[%d].expires_at", i),
				Reason: fmt.Sprintf("directive %q ends more than %v from now (shorten its TTL, or raise MaxTTL)",
					d.ID, maxTTL),
			}
		}
	}
	return nil
}

// current returns the current revision. If change does not read the current set, the
// revision has only the fields of the header.
func (t *transaction) current(found *redisstore.Found) (rev Revision, err error) {
	if t.headerOnly && t.publisher.keys == nil && len(found.Value) > 0 {
		rev, err = wire.DecodeHeader(found.Value)
	} else {
		rev, err = t.publisher.decode(found.Value)
	}
	if err != nil && t.headerOnly {
		// A whole set replaces whatever the key holds.
		rev, _ = wire.DecodeHeader(found.Value)
		return rev, nil
	}
	return rev, err
}

// conflict returns a *ConflictError with the current revision.
func (t *transaction) conflict(ctx context.Context, tx *redisstore.Tx, expected int64) error {
	value, err := tx.Value(ctx, wire.MaxValueBytes+1)
	if err != nil {
		return fmt.Errorf("conflict, but the current revision cannot be read: %w", err)
	}
	rev, err := t.publisher.decode(value)
	if err != nil {
		rev, _ = wire.DecodeHeader(value)
	}
	if rev.Set == nil {
		rev.Set = new(Set)
	}
	return &ConflictError{Expected: expected, Revision: rev}
}
