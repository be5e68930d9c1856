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
	// DefaultHistory is how many revisions the history keeps by default, MaxHistory how many it
	// can keep.
	DefaultHistory, MaxHistory = 20, 1000
	// IfAbsent as PublishOptions.IfVersion publishes only if there is no current revision.
	IfAbsent = -1
)

// PublisherConfig configures a [Publisher]. The zero value works.
type PublisherConfig struct {
	// Fleet is the fleet's name, 1 to 64 of the characters A-Z, a-z, 0-9, dot, underscore and
	// dash; the default is "default".
	Fleet string
	// PublishedBy is the author of the revisions, for all who see them: at most 256 bytes of
	// UTF-8; the default is empty.
	PublishedBy string
	// History is how many revisions the history keeps, 1 to 1,000; the default is 20.
	History int
	// MaxTTL is how far from now, by the clock of Redis, a published directive can expire; the
	// default is DefaultMaxTTL, and math.MaxInt64 sets no bound. If a directive expires later, the
	// error is a *ValidationError. Update does not check the directives that it leaves as they are.
	MaxTTL time.Duration
	// SignKey signs the revisions, for subscribers with VerifyKeys; without it, they are not
	// signed. A signing publisher uses a version above all that the fleet's roster reports as
	// applied.
	SignKey ed25519.PrivateKey
	// VerifyKeys, and the public half of SignKey, are the trusted keys: see Revision.Verified.
	// With any, Update and Rollback do not build on a revision that none of them signed. Their
	// error wraps ErrUnverified then.
	VerifyKeys []ed25519.PublicKey
	// PendingTime is for how long after a publish the roster shows an instance that follows the
	// key, and has not reported the revision yet, as InstancePending. After that, the instance is
	// InstanceStale. The default is 5 s. With a negative value, no instance is pending.
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

// PublishOptions are the options of one publish. The zero value publishes over any revision.
type PublishOptions struct {
	// Reason is the reason for the change, shown in the history: at most 1,024 bytes of UTF-8.
	Reason string
	// IfVersion publishes only if the current revision has this version. Otherwise Publish
	// returns a *ConflictError. IfAbsent publishes only if there is no current revision, neither
	// a key nor an empty value. Zero disables the check.
	IfVersion int64
	// IfCurrent publishes only if the current revision is exactly this one, by ID and version.
	// Otherwise Publish returns a *ConflictError. A zero Revision stands for no current revision,
	// a missing key or an empty value. Nil disables the check. Both IfVersion and IfCurrent are
	// checked.
	IfCurrent *Revision
	// IfUnreadable publishes only if the key still holds no readable revision: an unreadable value,
	// an empty value or none. Otherwise Publish returns a *ConflictError. IfCurrent cannot stand
	// for an unreadable value, because such a value may have no ID.
	IfUnreadable bool
	// AnyFormat also publishes a set in a format that a live instance does not read. Such an
	// instance rejects the revision, and keeps the set that it has. Otherwise Publish returns a
	// *FormatError.
	AnyFormat bool
	// DryRun does everything except the write, and returns the revision that would be written.
	DryRun bool
}

// Publisher writes a fleet's revisions. It works through the client that it was given, which
// the caller owns, and has nothing to close. It is safe for concurrent use, also with publishers
// on other machines: a revision is written in a transaction, which fails if another revision was
// written first.
//
// Every method returns when its context ends, except while the outcome of a publish is open: see
// [Publisher.Publish]. The client cannot interrupt a command, so the command then goes on on a
// goroutine of its own, which ends with the reply, at the client's read timeout, or when the
// client is closed.
type Publisher struct {
	client redisstore.Interruptible
	cfg    PublisherConfig
	keys   wire.Keyring // the trusted keys; nil if nothing is checked
}

// NewPublisher returns a publisher that works through the client. It does not contact Redis
// yet. The error says which part of the configuration is wrong. A Ring is not accepted, because
// its servers know nothing of each other.
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

// Now returns the clock of Redis, from which TTLs count, in whole microseconds.
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

// Current returns the current revision. An empty value is the empty set at version 0. The
// error is ErrNoRevision if there is no key, wraps [ErrUnavailable], is a *[MalformedError] or a
// *[ValidationError], or says that the key is of another type. With a *MalformedError or a
// *ValidationError, the revision holds only what the first bytes of the value tell, and has no
// set.
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

// Publish makes the set the fleet's current set, and announces it. A nil set is an empty one.
// Publish returns the revision as it was written.
//
// The error is a *[ConflictError] if the current revision is not the expected one, a
// *[ValidationError] if something is beyond the limits, and a *[FormatError] if a directive has
// Instances or MaxPerSecond and a live instance does not read format 2. Publish reads the roster
// only for such a set.
//
// If a reply is lost, Publish finds out what became of it, and tries again after any error,
// until ctx ends and for up to three seconds after that. If Publish does not find out, the
// error wraps [ErrOutcomeUnknown] and the last error. If Redis denied a command after the
// write, such as PUBLISH, the revision is returned with the error. After any other error,
// nothing was written. Nothing is ever published twice.
//
// If a replica answers, because the master was demoted, Publish closes the connection and tries
// again for up to three seconds.
//
// The version is the last one plus 1. After the highest version that a value can have,
// 99,999,999,999,999, the versions of an unsigned fleet begin again with 1. A signed fleet
// applies no lower version, so a publisher with a SignKey returns an error then.
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

// Update reads the current revision, and publishes the set that change makes of it. If
// there is no key, change gets an empty set at the last version of the history, 0 without
// a history. If another revision was written meanwhile, Update starts again, so change
// may be called more than once. An error of change is returned as it is, and nothing is
// written. Otherwise Update is like [Publisher.Publish].
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
