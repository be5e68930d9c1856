// Package redisstore is everything Redis: the fleet's keys, the publisher that writes them and the subscriber that
// follows them.
package redisstore

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/store"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// Startup says what Subscribe does while Redis cannot be reached.
type Startup uint8

const (
	// FailFast makes it an error.
	FailFast Startup = iota
	// StartEmpty begins with an empty set.
	StartEmpty
	// UseSnapshot begins with the set in the snapshot file.
	UseSnapshot
)

// SubscriberConfig says how a Subscriber follows its fleet; the zero value works.
type SubscriberConfig struct {
	Fleet               string
	Startup             Startup
	ResyncInterval      time.Duration
	SubscriptionTimeout time.Duration
	MaxBytes            int
	Instance            string
	Labels              map[string]string
	ReportInterval      time.Duration
	// VerifyKeys are those whose signatures are believed; with none, sets need no signature.
	VerifyKeys   []ed25519.PublicKey
	SnapshotFile string
	Logger       *slog.Logger
}

// The defaults of a SubscriberConfig, and what else a subscriber goes by.
const (
	DefaultResyncInterval      = 30 * time.Second
	DefaultSubscriptionTimeout = 3 * time.Second
	DefaultReportInterval      = 10 * time.Second
	// shortestBackoff and longestBackoff bound the wait between attempts to reach Redis.
	shortestBackoff = 50 * time.Millisecond
	longestBackoff  = 2 * time.Second
	// announcementGrace is how long after the resync has found a revision its announcement may still arrive and not count
	// as lost.
	announcementGrace = 250 * time.Millisecond
)

func (cfg *SubscriberConfig) check() error {
	if cfg.Startup > UseSnapshot {
		return fmt.Errorf("there is no startup %d", cfg.Startup)
	}
	if _, err := wire.NewKeyring(cfg.VerifyKeys); err != nil {
		return err
	}
	if err := cfg.checkSnapshot(); err != nil {
		return err
	}
	if cfg.ResyncInterval == 0 {
		cfg.ResyncInterval = DefaultResyncInterval
	}
	if cfg.SubscriptionTimeout == 0 {
		cfg.SubscriptionTimeout = DefaultSubscriptionTimeout
	}
	if cfg.ReportInterval == 0 {
		cfg.ReportInterval = DefaultReportInterval
	}
	const shortest = 10 * time.Millisecond
	if cfg.ResyncInterval < shortest || cfg.SubscriptionTimeout < shortest || 0 < cfg.ReportInterval && cfg.ReportInterval < shortest {
		return fmt.Errorf("ResyncInterval, SubscriptionTimeout and ReportInterval must be at least %v", shortest)
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = wire.MaxValueBytes
	}
	if cfg.MaxBytes < wire.PeekBytes || cfg.MaxBytes > wire.MaxValueBytes {
		return fmt.Errorf("the largest value has to be %d to %d bytes", wire.PeekBytes, wire.MaxValueBytes)
	}
	if cfg.Instance == "" {
		cfg.Instance = defaultInstance()
	}
	if err := wire.CheckInstance(cfg.Instance); err != nil {
		return err
	}
	if err := wire.CheckLabels(cfg.Labels); err != nil {
		return err
	}
	cfg.Labels = maps.Clone(cfg.Labels)
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return nil
}

// Subscriber has a fleet's set at hand. It is safe for concurrent use.
type Subscriber struct {
	cfg       SubscriberConfig
	set       atomic.Pointer[directive.Set]
	tracker   *tracker
	listeners *listeners
	fetcher   *fetcher
	follow    func(ctx context.Context) error // runs one session
	reporter  *reporter                       // nil if the subscriber does not report
	snapshot  *snapshot                       // nil if the subscriber keeps none

	ctx     context.Context // ends with Close
	stop    context.CancelFunc
	close   func() // end, once
	wg      sync.WaitGroup
	started chan error // has room for one: how the first attempt went
	// lose ends the current session.
	loseMu sync.Mutex
	lose   context.CancelCauseFunc
}

var _ store.Store = (*Subscriber)(nil)

// Subscribe begins to follow a fleet and returns once its key has been read; ctx bounds that alone.
func Subscribe(ctx context.Context, client redis.UniversalClient, cfg SubscriberConfig) (*Subscriber, error) {
	r, err := newRemote(client, cfg.Fleet)
	if err == nil {
		err = cfg.check()
	}
	if err != nil {
		return nil, fmt.Errorf("fleetdial: subscribe: %w", err)
	}
	s := newSubscriber(r, cfg)
	session := &session{
		client: client, channel: r.keys.channel, subscriptionTimeout: cfg.SubscriptionTimeout,
		subscribed: s.subscribed, message: s.message, unwell: s.unwell,
	}
	again := false
	s.follow = func(ctx context.Context) error {
		if again {
			r.lookAround(ctx)
		}
		again = true
		return session.run(ctx)
	}
	if cfg.ReportInterval > 0 {
		s.reporter = newReporter(r, s.tracker, cfg)
		s.tracker.changed = s.reporter.ask
	}
	return s.start(ctx)
}

func newSubscriber(src source, cfg SubscriberConfig) *Subscriber {
	log := cfg.Logger.With("fleet", cmp.Or(cfg.Fleet, DefaultFleet))
	s := &Subscriber{
		cfg:       cfg,
		tracker:   newTracker(log),
		listeners: newListeners(log),
		started:   make(chan error, 1),
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.close = sync.OnceFunc(s.end)
	s.set.Store(emptySet)
	s.fetcher = &fetcher{
		source: src, tracker: s.tracker, rules: newAcceptance(src, cfg),
		retry: newBackoff(shortestBackoff, longestBackoff),
		swap: func(rev wire.Revision, epoch time.Time) {
			s.set.Store(directive.AnchorAfter(rev.Set, s.set.Load(), epoch, false))
		},
		tell: s.listeners.tell,
		reanchor: func(epoch time.Time) {
			set := directive.Reanchor(s.set.Load(), epoch)
			s.set.Store(set)
			if s.snapshot != nil {
				s.snapshot.reclock(set.EarliestEpoch())
			}
		},
		keep: func(value []byte) {
			if s.snapshot != nil {
				s.snapshot.keep(value, s.set.Load().EarliestEpoch())
			}
		},
		first: s.first,
		wake:  make(chan struct{}, 1),
	}
	if cfg.SnapshotFile != "" {
		s.snapshot = newSnapshot(cfg.SnapshotFile, s.fetcher.rules.name, log)
	}
	return s
}

// first keeps how the first attempt to read went, and drops how any later one did.
func (s *Subscriber) first(err error) {
	select {
	case s.started <- err:
	default:
	}
}

func (s *Subscriber) start(ctx context.Context) (*Subscriber, error) {
	if s.cfg.Startup == UseSnapshot || s.snapshot != nil && s.fetcher.rules.keys != nil {
		s.restore()
	}
	if s.snapshot != nil {
		s.wg.Go(func() { s.snapshot.run(s.ctx) })
	}
	s.wg.Go(func() { s.fetcher.run(s.ctx) })
	s.wg.Go(s.followSessions)
	s.wg.Go(s.resync)
	if s.reporter != nil {
		s.wg.Go(func() { s.reporter.run(s.ctx) })
	}
	var err error
	select {
	case err = <-s.started:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err == nil {
		return s, nil
	}
	if s.cfg.Startup != FailFast && !errors.Is(err, context.Canceled) {
		s.tracker.startsWithout(err)
		return s, nil
	}
	_ = s.Close()
	return nil, fmt.Errorf("fleetdial: subscribe: %w", err)
}

// followSessions runs one session after another.
func (s *Subscriber) followSessions() {
	pause := newBackoff(shortestBackoff, longestBackoff)
	for {
		ctx, lose := context.WithCancelCause(s.ctx)
		s.loseMu.Lock()
		s.lose = lose
		s.loseMu.Unlock()
		began := time.Now()
		err := s.follow(ctx)
		lose(nil)
		if s.ctx.Err() != nil {
			return
		}
		s.tracker.sessionEnds(err)
		s.first(err)
		if time.Since(began) > s.cfg.SubscriptionTimeout {
			pause.reset()
		}
		if pause.wait(s.ctx) != nil {
			return
		}
	}
}

// subscribed has the key read now that no announcement is missed any more.
func (s *Subscriber) subscribed() {
	session := s.tracker.sessionBegins()
	s.fetcher.ask(look{session: session, full: session == 1})
}

func (s *Subscriber) message(payload string) {
	a, ok := parseAnnouncement(payload)
	if !ok {
		s.tracker.message()
		s.fetcher.ask(look{})
	} else if s.tracker.announcement(a) {
		s.fetcher.ask(look{full: true, announced: a})
	}
}

// unwell has the key looked at when the server is alive, but says that it cannot serve.
func (s *Subscriber) unwell() { s.fetcher.ask(look{}) }

// errMissed ends a session on which an announcement went missing.
var errMissed = errors.New("an announcement went missing")

// resync looks at the key from time to time, whatever the session seems to be worth.
func (s *Subscriber) resync() {
	for {
		// Up to a fifth earlier, so that a fleet that began together does not look together.
		wait := s.cfg.ResyncInterval - rand.N(s.cfg.ResyncInterval/5+1)
		if !sleep(s.ctx, wait) {
			return
		}
		before := s.tracker.silence()
		_ = s.look(s.ctx)
		if s.tracker.silence().applies == before.applies || !sleep(s.ctx, announcementGrace) {
			continue
		}
		if s.tracker.missed(before) {
			s.loseMu.Lock()
			s.lose(errMissed)
			s.loseMu.Unlock()
		}
	}
}

// look waits for a look at the key that begins after the call.
func (s *Subscriber) look(ctx context.Context) error {
	done := make(chan error, 1)
	s.fetcher.ask(look{waiters: []chan<- error{done}})
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-s.ctx.Done():
		return ErrClosed
	}
}

// Load returns the current set.
func (s *Subscriber) Load() *directive.Set { return s.set.Load() }

// Decide evaluates a request now.
func (s *Subscriber) Decide(req directive.Request) directive.Decision {
	return directive.EvaluateNow(s.set.Load(), &req, time.Since)
}

// Status returns what the subscriber knows of itself.
func (s *Subscriber) Status() Status { return s.tracker.get() }

// Refresh waits for a look at the key that begins after the call, and returns its error.
func (s *Subscriber) Refresh(ctx context.Context) error {
	if s.ctx.Err() != nil {
		return ErrClosed
	}
	if err := s.look(ctx); err != nil {
		return fmt.Errorf("fleetdial: refresh: %w", err)
	}
	return nil
}

// OnChange has call told of changes from now on.
func (s *Subscriber) OnChange(call func(Change)) (cancel func()) { return s.listeners.add(call) }

// Close ends all goroutines and waits for them.
func (s *Subscriber) Close() error {
	s.close()
	return nil
}

func (s *Subscriber) end() {
	s.stop()
	s.wg.Wait()
	if s.snapshot != nil {
		s.snapshot.write() // what was applied last
	}
	s.listeners.close()
}
