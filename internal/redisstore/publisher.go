package redisstore

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/wire"
)

const (
	// DefaultHistory is how many revisions the history holds unless told.
	DefaultHistory = 20
	// MaxHistory is how many it may be told to hold.
	MaxHistory = 1000
	// IfAbsent as PublishOptions.IfVersion publishes only where nothing is published.
	IfAbsent = -1
	// settleTime bounds how long a publish whose reply was lost goes on asking after its context has ended.
	settleTime = 3 * time.Second
	// firstRetry and longestRetry bound the wait between the attempts of a publish.
	firstRetry, longestRetry = 5 * time.Millisecond, 500 * time.Millisecond
	// maxAttempts bounds how often a publish looks for the node of a Cluster that has the fleet's slot, firstAttempt how
	// long it asks the first; each further one may take twice as long.
	maxAttempts, firstAttempt = 4, time.Second
)

// PublisherConfig says how a Publisher publishes; the zero value works.
type PublisherConfig struct {
	Fleet       string
	PublishedBy string
	History     int
	// SignKey signs what is published, VerifyKeys and SignKey's other half check what is there.
	SignKey    ed25519.PrivateKey
	VerifyKeys []ed25519.PublicKey
}

// PublishOptions are those of one publish; the zero value publishes over whatever is there.
type PublishOptions struct {
	Reason    string
	IfVersion int64
	DryRun    bool
}

// Publisher writes revisions of a fleet. It holds no goroutine and no connection of its own and is safe for concurrent
// use.
type Publisher struct {
	remote *remote
	cfg    PublisherConfig
	// keys are those whose signatures are believed; nil where nothing is checked.
	keys wire.Keyring
	// announce publishes in the way that the fleet's subscribers listen.
	announce func(p redis.Pipeliner, ctx context.Context, channel string, message any) *redis.IntCmd
	// countListeners asks how many there are.
	countListeners func(p redis.Pipeliner, ctx context.Context, channels ...string) *redis.MapStringIntCmd
}

// NewPublisher returns a publisher that works through the client.
func NewPublisher(client redis.UniversalClient, cfg PublisherConfig) (*Publisher, error) {
	r, err := newRemote(client, cfg.Fleet)
	if err != nil {
		return nil, fmt.Errorf("fleetdial: new publisher: %w", err)
	}
	if err := wire.CheckNote("publisher", cfg.PublishedBy, wire.MaxPublisherBytes); err != nil {
		return nil, fmt.Errorf("fleetdial: new publisher: %w", err)
	}
	if cfg.History == 0 {
		cfg.History = DefaultHistory
	}
	if cfg.History < 1 || cfg.History > MaxHistory {
		return nil, fmt.Errorf("fleetdial: new publisher: a history holds 1 to %d revisions", MaxHistory)
	}
	keys, err := cfg.keyring()
	if err != nil {
		return nil, fmt.Errorf("fleetdial: new publisher: %w", err)
	}
	p := &Publisher{
		remote: r, cfg: cfg, keys: keys, announce: redis.Pipeliner.Publish, countListeners: redis.Pipeliner.PubSubNumSub,
	}
	if _, cluster := client.(*redis.ClusterClient); cluster {
		p.announce, p.countListeners = redis.Pipeliner.SPublish, redis.Pipeliner.PubSubShardNumSub
	}
	return p, nil
}

// Now returns the clock of Redis, from which TTLs count.
func (p *Publisher) Now(ctx context.Context) (time.Time, error) {
	return p.remote.now(ctx)
}

// Current returns the revision that the key holds. An empty value is the empty set at version 0; no key at all is
// ErrNoRevision.
func (p *Publisher) Current(ctx context.Context) (wire.Revision, error) {
	got, err := p.remote.read(ctx, wire.MaxValueBytes+1)
	switch {
	case err != nil:
		return wire.Revision{}, err
	case got.wrongType:
		return wire.Revision{}, wrongType(p.remote.keys.revision)
	case got.missing:
		return wire.Revision{}, ErrNoRevision
	}
	return p.decode(got.value)
}

func wrongType(key string) error {
	return fmt.Errorf("the key %q is of another type: it is not fleetdial's", key)
}

// Publish makes the set the fleet's.
func (p *Publisher) Publish(ctx context.Context, set *directive.Set, opts PublishOptions) (wire.Revision, error) {
	if set == nil {
		set = emptySet
	}
	return p.publish(ctx, transaction{
		headOnly: true,
		change:   func(wire.Revision) (*directive.Set, error) { return set, nil },
		opts:     opts,
	})
}

// Update reads the fleet's revision, and publishes what change makes of it; again where another publish came first.
func (p *Publisher) Update(
	ctx context.Context, change func(wire.Revision) (*directive.Set, error), opts PublishOptions,
) (wire.Revision, error) {
	return p.publish(ctx, transaction{change: change, opts: opts})
}

// publish repeats a transaction until its outcome is known.
func (p *Publisher) publish(ctx context.Context, t transaction) (wire.Revision, error) {
	if err := wire.CheckNote("reason", t.opts.Reason, wire.MaxReasonBytes); err != nil {
		return wire.Revision{}, err
	}
	if t.opts.IfVersion < IfAbsent {
		return wire.Revision{}, errors.New("the expected version is negative")
	}
	t.publisher = p
	t.id = wire.NewID()
	if p.cfg.SignKey != nil {
		var err error
		if t.claimed, err = p.appliedVersions(ctx); err != nil {
			return wire.Revision{}, err
		}
	}
	pause := newBackoff(firstRetry, longestRetry)
	for {
		rev, err := p.attempt(ctx, &t)
		switch {
		case errors.Is(err, errReplyLost):
			t.unsettled = true
		case errors.Is(err, redis.TxFailedErr), t.unsettled && errors.Is(err, ErrUnavailable):
		default:
			return rev, err
		}
		if pause.wait(ctx) != nil {
			return t.giveUp(ctx, err)
		}
	}
}

// attempt runs the transaction once. In a Cluster it does so again, after a look around, where the node that had the
// fleet's slot cannot be reached: the client would not look for another until its next attempt but one.
func (p *Publisher) attempt(ctx context.Context, t *transaction) (wire.Revision, error) {
	if _, cluster := p.remote.client.(*redis.ClusterClient); !cluster {
		return t.run(ctx)
	}
	for i := 0; ; i++ {
		rev, err := t.runWithin(ctx, firstAttempt<<i)
		if !errors.Is(err, ErrUnavailable) || i == maxAttempts-1 || ctx.Err() != nil {
			return rev, err
		}
		p.remote.lookAround(ctx)
	}
}

func (t *transaction) runWithin(ctx context.Context, d time.Duration) (wire.Revision, error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return t.run(ctx)
}
