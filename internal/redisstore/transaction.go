package redisstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// errReplyLost marks an error after which EXEC may have been executed or not, or may still be.
var errReplyLost = errors.New("the reply was lost")

var errRedirected = errors.New("each node says that another has the fleet's slot")

// transaction is one publish: WATCH, a look at what is there, and MULTI to EXEC if it is as expected. Repeating it is
// safe: all attempts have the same id, and whichever EXEC comes second finds its WATCH broken.
type transaction struct {
	publisher *Publisher
	id        string
	change    func(wire.Revision) (*directive.Set, error)
	opts      PublishOptions
	// headOnly says that change does not look at the set that is there.
	headOnly bool
	// claimed are the versions that the roster says were applied; none where the publisher does not sign.
	claimed []int64
	// unsettled says that an earlier attempt may have been executed, or may yet be; oldest is the lowest version that one
	// of them had.
	unsettled bool
	oldest    int64
}

// run makes one attempt. Of its errors, redis.TxFailedErr says that another publish came first, and errReplyLost that
// the outcome is open; after any other, nothing was written.
func (t *transaction) run(ctx context.Context) (rev wire.Revision, err error) {
	k := t.publisher.remote.keys
	looked := false
	watchErr := t.publisher.remote.client.Watch(ctx, func(tx *redis.Tx) error {
		found, lookErr := t.look(ctx, tx)
		if lookErr != nil {
			return lookErr
		}
		looked = true
		rev, err = t.write(ctx, tx, found)
		// Not returned: a Cluster client would repeat the function after an error of the connection.
		return nil
	}, k.revision, k.history)
	if !looked {
		// A Cluster client that is redirected until it gives up, as while the slot moves, calls nothing and returns nil.
		return wire.Revision{}, classify("watch the fleet's keys", cmp.Or(watchErr, errRedirected))
	}
	return rev, err
}

// found is what a transaction finds before it writes.
type found struct {
	now       time.Time
	exists    bool
	value     []byte
	wrongType string // the key that holds something else than it should, if any
	revisions int64  // in the history
	listeners int64  // to the channel, on this server; 0 if it does not tell
}

func (t *transaction) look(ctx context.Context, tx *redis.Tx) (f found, err error) {
	k := t.publisher.remote.keys
	limit := int64(wire.MaxValueBytes)
	if t.headOnly && t.publisher.keys == nil {
		limit = wire.PeekBytes - 1
	}
	var now *redis.TimeCmd
	var exists, revisions *redis.IntCmd
	var value *redis.StringCmd
	var listeners *redis.MapStringIntCmd
	_, _ = tx.Pipelined(ctx, func(p redis.Pipeliner) error {
		listeners = t.publisher.countListeners(p, ctx, k.channel)
		now = p.Time(ctx)
		exists = p.Exists(ctx, k.revision)
		value = p.GetRange(ctx, k.revision, 0, limit)
		revisions = p.LLen(ctx, k.history)
		return nil
	})
	switch {
	case isWrongType(value.Err()):
		f.wrongType = k.revision
	case isWrongType(revisions.Err()):
		f.wrongType = k.history
	}
	for _, cmd := range []redis.Cmder{now, exists, value, revisions} {
		if err := cmd.Err(); err != nil && !isWrongType(err) {
			return f, err
		}
	}
	f.now, f.exists, f.revisions = now.Val(), exists.Val() > 0, revisions.Val()
	f.value, _ = value.Bytes()
	f.listeners = listeners.Val()[k.channel]
	return f, nil
}

// write publishes if what was found is as expected.
func (t *transaction) write(ctx context.Context, tx *redis.Tx, f found) (wire.Revision, error) {
	if f.wrongType != "" {
		return wire.Revision{}, wrongType(f.wrongType)
	}
	if err := checkClock(f.now); err != nil {
		return wire.Revision{}, err
	}
	if t.unsettled {
		rev, err := t.find(ctx, tx)
		if err != nil || rev.ID == t.id {
			return rev, err
		}
	}
	rev, err := t.next(ctx, tx, f)
	if err != nil {
		return wire.Revision{}, err
	}
	value, err := t.publisher.encode(&rev)
	if err != nil {
		return wire.Revision{}, err
	}
	if t.opts.DryRun {
		return rev, nil
	}
	if err := ctx.Err(); err != nil {
		return wire.Revision{}, classify("nothing was written", err)
	}
	if t.oldest == 0 || rev.Version < t.oldest {
		t.oldest = rev.Version
	}
	a := announcement{rev.Version, rev.ID, spreadMillis(len(value), f.listeners)}
	return rev, t.exec(ctx, tx, a, value)
}

// next returns the revision to write over what was found.
func (t *transaction) next(ctx context.Context, tx *redis.Tx, f found) (wire.Revision, error) {
	var there wire.Revision
	var err error
	if t.headOnly && t.publisher.keys == nil && len(f.value) > 0 {
		there, err = wire.Peek(f.value)
	} else {
		there, err = t.publisher.decode(f.value)
	}
	if err != nil && t.headOnly {
		there, _ = wire.Peek(f.value)
		there.Set = emptySet
	}
	if err != nil && !t.headOnly {
		return wire.Revision{}, err
	}
	if want := max(t.opts.IfVersion, 0); t.opts.IfVersion != 0 && (want != there.Version || want == 0 && f.exists) {
		return wire.Revision{}, t.conflict(ctx, tx, want)
	}
	if !t.headOnly && len(f.value) > 0 {
		if err := t.publisher.believe(there); err != nil {
			return wire.Revision{}, err
		}
	}
	base := there
	if base.Version == 0 && f.revisions > 0 {
		// The key is gone or unreadable; the history tells where the versions stood.
		last, err := tx.LIndex(ctx, t.publisher.remote.keys.history, 0).Bytes()
		if err != nil {
			return wire.Revision{}, classify("read the history", err)
		}
		// Without a readable head, versions begin anew.
		base, _ = wire.Peek(last)
	}
	version := base.Version + 1
	if t.publisher.cfg.SignKey != nil {
		certain, err := t.certain(ctx, tx, there, f.revisions)
		if err != nil {
			return wire.Revision{}, err
		}
		version = above(certain, append(t.claimed, base.Version))
	}
	there.Version = base.Version
	set, err := t.change(there)
	if err != nil {
		return wire.Revision{}, err
	}
	return wire.Revision{
		Version: version, ID: t.id, PublishedAt: time.UnixMilli(f.now.UnixMilli()),
		PublishedBy: t.publisher.cfg.PublishedBy, Reason: t.opts.Reason, Set: set,
	}, nil
}

// conflict returns the error that tells what stands in the way.
func (t *transaction) conflict(ctx context.Context, tx *redis.Tx, expected int64) error {
	conflict := &ConflictError{Expected: expected}
	value, err := tx.GetRange(ctx, t.publisher.remote.keys.revision, 0, wire.MaxValueBytes).Bytes()
	if err != nil {
		return classify("conflict, but what stands there cannot be read", err)
	}
	there, err := t.publisher.decode(value)
	if err != nil {
		there, _ = wire.Peek(value)
	}
	conflict.Version, conflict.ID, conflict.PublishedAt = there.Version, there.ID, there.PublishedAt
	conflict.PublishedBy, conflict.Reason = there.PublishedBy, there.Reason
	return conflict
}

func (t *transaction) exec(ctx context.Context, tx *redis.Tx, a announcement, value []byte) error {
	k := t.publisher.remote.keys
	var set *redis.StatusCmd
	cmds, err := tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
		set = p.Set(ctx, k.revision, value, 0)
		p.LPush(ctx, k.history, value)
		p.LTrim(ctx, k.history, 0, int64(t.publisher.cfg.History-1))
		t.publisher.announce(p, ctx, k.channel, a.encode())
		return nil
	})
	switch {
	case err == nil, errors.Is(err, redis.TxFailedErr):
		return err
	case !isReply(err):
		return fmt.Errorf("%w: %w", errReplyLost, err)
	case set.Err() == nil:
		return classify(fmt.Sprintf("version %d is published, but not all went well", a.Version), err)
	}
	return classify("nothing was written", commandError(err, cmds...))
}
