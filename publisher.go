package fleetdial

import (
	"context"
	"crypto/ed25519"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial/internal/redisstore"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// IfAbsent as PublishOptions.IfVersion publishes only where nothing is published.
const IfAbsent = redisstore.IfAbsent

// PublisherConfig says how a Publisher publishes. The zero value works.
type PublisherConfig struct {
	// Fleet is the fleet's name, 1 to 64 of the characters A-Z, a-z, 0-9, dot, underscore and dash; empty is "default".
	Fleet string
	// PublishedBy is who publishes, for the revision and all who see it: at most 256 bytes of UTF-8, empty unless told.
	PublishedBy string
	// History is how many revisions the history keeps, 1 to 1,000; 0 is 20.
	History int
	// SignKey signs what is published, for subscribers with VerifyKeys; nil signs nothing. A signing publisher picks a
	// version above all that the fleet's roster says were applied.
	SignKey ed25519.PrivateKey
	// VerifyKeys, and SignKey's public half, are what signatures are checked with: see Revision.Verified. With any,
	// Update and Rollback refuse to build on a revision that none of them signed, with an error that wraps ErrUnverified.
	VerifyKeys []ed25519.PublicKey
}

// PublishOptions are those of one publish. The zero value publishes over whatever is there.
type PublishOptions struct {
	// Reason is why, for the revision and all who see it: at most 1,024 bytes of UTF-8.
	Reason string
	// IfVersion makes the publish fail with a *ConflictError unless the fleet's revision has this version. IfAbsent
	// asks for no revision, neither a key nor an empty value. 0 asks for nothing.
	IfVersion int64
	// DryRun does everything but the write, and returns the revision that would have been written.
	DryRun bool
}

// Publisher writes a fleet's revisions. It works through the client that it was given, which the caller owns; it has no
// goroutine, and nothing to close. It is safe for concurrent use, also with others on other machines: revisions are
// written in a transaction that fails if another came first.
type Publisher struct {
	inner *redisstore.Publisher
}

// NewPublisher returns a publisher that works through the client. It does not talk to Redis yet. The error says which
// part of the configuration is wrong; a Ring is no client for it, since its servers know nothing of each other.
func NewPublisher(client redis.UniversalClient, cfg PublisherConfig) (*Publisher, error) {
	inner, err := redisstore.NewPublisher(client, redisstore.PublisherConfig(cfg))
	if err != nil {
		return nil, err
	}
	return &Publisher{inner}, nil
}

// Now returns the clock of Redis, from which TTLs count, in whole microseconds.
func (p *Publisher) Now(ctx context.Context) (time.Time, error) { return p.inner.Now(ctx) }

// Current returns the fleet's revision: the empty set at version 0 for an empty value, ErrNoRevision where there is no
// key, and an error that wraps ErrUnavailable, or a *MalformedError or a *ValidationError otherwise.
func (p *Publisher) Current(ctx context.Context) (Revision, error) {
	rev, err := p.inner.Current(ctx)
	return Revision(rev), err
}

// Publish makes the set, nil being an empty one, the fleet's, and announces it. It returns the revision as written.
//
// Of its errors, a *ConflictError says that the version is not the one asked for, and a *ValidationError that something
// is beyond the limits. Where the reply is lost, the publisher finds out what became of it, and tries again, until ctx
// ends and for up to three seconds after that; if it could not, the error wraps ErrOutcomeUnknown. After any other
// error, nothing was written. Nothing is ever published twice.
func (p *Publisher) Publish(ctx context.Context, set *Set, opts PublishOptions) (Revision, error) {
	rev, err := p.inner.Publish(ctx, set, redisstore.PublishOptions(opts))
	return Revision(rev), err
}

// Update reads the fleet's revision, an empty one at version 0 where there is none, and publishes the set that change
// makes of it. Where another publish comes in between, it starts over, so that change may be called more than once. An
// error of change is returned as it is, and nothing is written; otherwise Update is as Publish.
func (p *Publisher) Update(
	ctx context.Context, change func(Revision) (*Set, error), opts PublishOptions,
) (Revision, error) {
	rev, err := p.inner.Update(ctx, func(current wire.Revision) (*Set, error) {
		return change(Revision(current))
	}, redisstore.PublishOptions(opts))
	return Revision(rev), err
}
