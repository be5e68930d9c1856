package fleetdial

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial/internal/clock"
	"github.com/fleetdial/fleetdial/internal/pace"
	"github.com/fleetdial/fleetdial/internal/redisstore"
	"github.com/fleetdial/fleetdial/internal/wire"
)

const (
	// DefaultHistory is the default of PublisherConfig.History, and MaxHistory its maximum.
	DefaultHistory, MaxHistory = 20, 1000
	// IfAbsent is a value of PublishOptions.IfVersion. It publishes only if there is no
	// current revision.
	IfAbsent = -1
)

// PublisherConfig configures a [Publisher]. The zero value works.
type PublisherConfig struct {
	// Fleet is the fleet's name, 1 to 64 of the characters A-Z, a-z, 0-9, dot, underscore and
	// dash; the default is "default".
	Fleet string
	// PublishedBy is the author of the revisions, shown in the history and in log lines:
	// at most 256 bytes of UTF-8; the default is empty.
	PublishedBy string
	// History is how many revisions the history keeps, 1 to 1,000; the default is 20.
	History int
	// MaxTTL is the longest time from the publish, by the clock of Redis, to the expiry
	// of a directive. The default is DefaultMaxTTL, and math.MaxInt64 sets no limit. If a
	// directive expires later, the error is a *ValidationError. Update does not check the
	// directives that the change leaves as they are.
	MaxTTL time.Duration
	// SignKey signs the revisions, for subscribers with VerifyKeys. If SignKey is nil,
	// revisions are not signed. A publisher with a SignKey uses a version above all
	// versions that the roster reports as applied, because subscribers with VerifyKeys
	// apply no older version.
	SignKey ed25519.PrivateKey
	// VerifyKeys are trusted keys. The public half of SignKey is always trusted.
	// Revision.Verified reports whether a trusted key has signed a revision. If there is
	// a trusted key, Update and Rollback do not build on a revision that no trusted key
	// has signed. Their error then wraps ErrUnverified.
	VerifyKeys []ed25519.PublicKey
	// PendingTime is the time after a publish in which the roster shows an instance as
	// InstancePending if the instance follows the key and has not reported the revision
	// yet. After that time, the instance is InstanceStale. The default is 5 s. With a
	// negative value, no instance is pending.
	PendingTime time.Duration
}

// keyring returns the trusted keys, nil if there are none.
func (cfg *PublisherConfig) keyring() (wire.Keyring, error) {
	keys := slices.Clone(cfg.VerifyKeys)
	if cfg.SignKey != nil {
		if len(cfg.SignKey) != ed25519.PrivateKeySize {
			return nil, fmt.Errorf("SignKey: has %d bytes, an Ed25519 key has %d", len(cfg.SignKey), ed25519.PrivateKeySize)
		}
		keys = append(keys, cfg.SignKey.Public().(ed25519.PublicKey))
	}
	return wire.NewKeyring(keys)
}

// PublishOptions are the options of one publish. The zero value publishes over any
// current revision.
type PublishOptions struct {
	// Reason is the reason for the change, shown in the history: at most 1,024 bytes of UTF-8.
	Reason string
	// IfVersion publishes only if the current revision has this version. Otherwise
	// Publish returns a *ConflictError. IfAbsent publishes only if there is no current
	// revision: the key must be missing, and must not hold the empty value. Zero disables
	// the check.
	IfVersion int64
	// IfCurrent publishes only if the current revision has the ID and the Version of this
	// revision. Otherwise Publish returns a *ConflictError. The zero Revision publishes
	// only if the key is missing or holds the empty value. Nil disables the check. If
	// both IfVersion and IfCurrent are set, both are checked.
	IfCurrent *Revision
	// IfUnreadable publishes only if the key holds an unreadable value, holds the empty
	// value or is missing. Otherwise Publish returns a *ConflictError. IfCurrent cannot
	// do this, because an unreadable value may have no ID.
	IfUnreadable bool
	// AnyFormat publishes a set also if a live instance does not read the format of the
	// set. The instance rejects the revision, and keeps the set that it has. Without
	// AnyFormat, Publish returns a *FormatError.
	AnyFormat bool
	// DryRun does everything except the write, and returns the revision that would have
	// been written.
	DryRun bool
}

// Publisher writes a fleet's revisions, and reads its history and its roster. The caller
// owns the client, and closes it after the last call. A Publisher itself has nothing to
// close. A Publisher is safe for concurrent use. Publishers on several machines may
// publish to one fleet: each publish is a transaction that fails if another revision was
// written in between.
//
// Every method returns when its context ends, except while the outcome of a publish is
// open: see [Publisher.Publish]. The client cannot interrupt a command. A command that
// Redis does not answer therefore continues on a goroutine of its own after the method
// has returned. The goroutine ends with the reply, at the client's read timeout, or when
// the client is closed.
type Publisher struct {
	client redisstore.Interruptible
	cfg    PublisherConfig
	keys   wire.Keyring // the trusted keys; nil if nothing is checked
}

// NewPublisher returns a publisher that uses the client. NewPublisher does not contact
// Redis. The error names the field of cfg that is not valid. A *redis.Ring is rejected,
// because its servers do not share keys and announcements.
func NewPublisher(client redis.UniversalClient, cfg PublisherConfig) (*Publisher, error) {
	cfg.History = cmp.Or(cfg.History, DefaultHistory)
	cfg.MaxTTL = cmp.Or(cfg.MaxTTL, DefaultMaxTTL)
	c, err := redisstore.New(client, cfg.Fleet)
	keys, keyErr := cfg.keyring()
	err = cmp.Or(err, wire.CheckNote("PublishedBy", cfg.PublishedBy, wire.MaxPublisherBytes), keyErr)
	switch {
	case err != nil:
	case cfg.History < 1 || cfg.History > MaxHistory:
		err = fmt.Errorf("History: must be 1 to %d", MaxHistory)
	case cfg.MaxTTL < 0:
		err = errors.New("MaxTTL: must not be negative")
	}
	if err != nil {
		return nil, fmt.Errorf("fleetdial: new publisher: %w", err)
	}
	return &Publisher{client: redisstore.Interruptible{Client: c}, cfg: cfg, keys: keys}, nil
}

// Now returns the time by the clock of Redis, in whole microseconds. TTLs count from that
// time.
func (p *Publisher) Now(ctx context.Context) (time.Time, error) {
	m, err := p.client.ReadClock(ctx)
	if err == nil {
		err = redisstore.Classify("read the clock of Redis", m.Err)
	}
	if err == nil {
		err = clock.Check(m.Time)
	}
	return m.Time, err
}

// Current returns the current revision. An empty value of the key is the empty set at
// version 0.
//
// The error is [ErrNoRevision] if the key does not exist, and wraps [ErrUnavailable] if
// Redis cannot be reached. The error wraps a *[MalformedError] or a *[ValidationError] if
// the value cannot be read. The revision then has no set, and at most the fields ID,
// Version and PublishedAt. If the key is of another type, the error says so.
func (p *Publisher) Current(ctx context.Context) (Revision, error) {
	got, err := p.client.ReadValue(ctx, wire.MaxValueBytes+1)
	switch {
	case err != nil:
		return Revision{}, err
	case got.WrongType:
		return Revision{}, &redisstore.WrongTypeError{Key: p.client.Key()}
	case got.Missing:
		return Revision{}, ErrNoRevision
	}
	rev, err := p.decode(got.Value)
	if err != nil {
		rev, _ = wire.DecodeHeader(got.Value)
	}
	return rev, err
}

// Publish makes the set the current set of the fleet, and announces the revision. A nil
// set is an empty set. Publish returns the revision as it was written.
//
// The error is a *[ConflictError] if the current revision is not the expected revision, a
// *[ValidationError] if something is beyond the limits, and a *[FormatError] if a
// directive has Instances or MaxPerSecond and a live instance does not read format 2.
// Publish reads the roster only for a set with one of these fields.
//
// If the reply of Redis is lost, Publish reads the key and the history to find out
// whether the revision was written. Until the outcome is known, Publish tries again,
// until ctx ends and for up to three seconds after that. All attempts have the same ID,
// so that nothing is published twice. If the outcome stays unknown, the error wraps
// [ErrOutcomeUnknown] and the last error.
//
// If Redis executed the write, but rejected a command after it, such as LPUSH to the history
// or PUBLISH, Publish returns the revision with the error. After any other error, nothing
// was written.
//
// If a replica answers, because the master was demoted, Publish closes the connection and
// tries again for up to three seconds.
//
// The version of the revision is the last version plus 1. After the highest version that
// a value can have, 99,999,999,999,999, the versions of an unsigned fleet begin again
// with 1. A publisher with a SignKey returns an error instead, because a signed fleet
// applies no lower version.
func (p *Publisher) Publish(ctx context.Context, set *Set, opts PublishOptions) (Revision, error) {
	if set == nil {
		set = new(Set)
	}
	return p.publish(ctx, transaction{
		headerOnly: true,
		change:     func(Revision) (*Set, error) { return set, nil },
		opts:       opts,
	})
}

// Update reads the current revision, calls change with it, and publishes the set that
// change returns. If the key is missing or empty, change gets an empty set at the last
// version of the history, or at version 0 without a history. If another revision is
// written in between, Update starts again, so change may be called more than once. If
// change returns an error, Update returns that error, and nothing is written. Otherwise,
// Update is like [Publisher.Publish].
func (p *Publisher) Update(
	ctx context.Context, change func(Revision) (*Set, error), opts PublishOptions,
) (Revision, error) {
	return p.publish(ctx, transaction{change: change, opts: opts})
}

// publish repeats a transaction until its outcome is known.
func (p *Publisher) publish(ctx context.Context, t transaction) (Revision, error) {
	if err := wire.CheckNote("reason", t.opts.Reason, wire.MaxReasonBytes); err != nil {
		return Revision{}, err
	}
	if t.opts.IfVersion < IfAbsent {
		return Revision{}, errors.New("if_version: must be a non-negative integer")
	}
	t.publisher = p
	t.id = wire.NewID()
	if p.cfg.SignKey != nil {
		var err error
		if t.reported, err = p.appliedVersions(ctx); err != nil {
			return Revision{}, err
		}
	}
	retry := pace.Backoff{Shortest: firstRetry, Longest: longestRetry}
	var last error
	for {
		rev, err := t.run(ctx)
		if errors.Is(err, errFormatsUnknown) {
			if err = t.readFormats(ctx); err == nil {
				continue
			}
		}
		if !t.goesOn(err) {
			return rev, t.cause(err)
		}
		if last == nil || ctx.Err() == nil { // an attempt that the context ends tells nothing more
			last = err
		}
		if !pace.Sleep(ctx, retry.Next(nil)) {
			return t.giveUp(ctx, last)
		}
	}
}
