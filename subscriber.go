package fleetdial

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/follow"
	"github.com/fleetdial/fleetdial/internal/host"
	"github.com/fleetdial/fleetdial/internal/notify"
	"github.com/fleetdial/fleetdial/internal/redisstore"
	"github.com/fleetdial/fleetdial/internal/report"
	"github.com/fleetdial/fleetdial/internal/snapshot"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// Startup says what Subscribe does while Redis cannot be reached.
type Startup uint8

const (
	// FailFast, the default, makes an unreachable Redis an error of Subscribe. A missing key, or
	// one that holds a rejected value, is not an error: see [Status].
	FailFast Startup = iota
	// StartEmpty returns a Subscriber with an empty set once the first attempt has failed, or
	// ctx has reached its deadline. The Subscriber goes on trying.
	StartEmpty
	// UseSnapshot begins with the set in SubscriberConfig.SnapshotFile, in which no directive
	// outlives its expiry, and is otherwise like StartEmpty. A missing file is like an empty
	// one. A file that is rejected is logged. The file is read as strictly as a value from
	// Redis. It is rejected if it is of another fleet, or if the machine's clock shows a time
	// before the file was written. If the machine's clock is ahead, directives from the file end
	// early; publishing them with another expiry brings them back.
	UseSnapshot
)

// The defaults of a [SubscriberConfig].
const (
	DefaultResyncInterval      = 30 * time.Second
	DefaultSubscriptionTimeout = 3 * time.Second
	DefaultSubscriptionAge     = 10 * time.Minute
	DefaultReportInterval      = 10 * time.Second
)

// SubscriberConfig configures a [Subscriber]. The zero value works.
type SubscriberConfig struct {
	// Fleet is the fleet's name, 1 to 64 of the characters A-Z, a-z, 0-9, dot, underscore and
	// dash; the default is "default".
	Fleet string
	// Startup says what Subscribe does while Redis cannot be reached; the default is FailFast.
	Startup Startup
	// ResyncInterval is the longest time between two fetches of the key, so that a lost
	// announcement does no harm; the default is 30 s, the least is 10 ms. Each interval is
	// shortened by up to a fifth, at random. Every tenth resync reads the whole value, so that a
	// value that was altered under its id is noticed.
	ResyncInterval time.Duration
	// SubscriptionTimeout is how long the server may be silent before the subscription is
	// replaced by another, and how long a fetch may take before the state is StateStale; the
	// default is 3 s, the least is 10 ms. The Subscriber pings the server twice as often, which
	// is most of what an idle one costs Redis.
	SubscriptionTimeout time.Duration
	// SubscriptionAge is after how long the subscription is replaced by another on a new
	// connection, so that the Subscriber follows a host name that moves to another server; the
	// default is 10 min, the least is 10 ms, and a negative value means never. Each age is shortened
	// by up to a fifth, at random. The new subscription stands before the old one ends, so that the
	// state stays and no announcement is missed. If it cannot be made, the old one goes on.
	SubscriptionAge time.Duration
	// MaxBytes is the size of the largest value that is accepted, 128 bytes to 4 MiB; the default
	// is 4 MiB. A larger value is rejected.
	MaxBytes int
	// Instance is this proxy's name in the fleet's roster, 1 to 128 bytes of printable ASCII
	// without spaces. The default is the host's name, the process id and a random suffix, so that
	// each Subscriber has a name of its own. If two Subscribers have the same name, the one that
	// began later reports under it. The other one reports under the name, "~" and six hex digits,
	// and logs that once. The roster shows both as sharing the name.
	Instance string
	// Labels tell operators more of the instance, such as its zone or build: at most 16, with
	// names of 1 to 64 bytes and values of up to 256, in UTF-8.
	Labels map[string]string
	// Capabilities is what this proxy can do with decisions, for the roster: it says whether a
	// directive with a capture or with the ring buffer has an effect here. Nil states nothing, so
	// nobody is warned.
	Capabilities []Capability
	// ReportInterval is how often the Subscriber reports to the roster, besides the times at
	// which it applies or rejects a revision. After three intervals without a report it counts
	// as gone. The default is 10 s, the least is 10 ms, and a negative value turns reports off.
	// Each interval is shortened by up to a fifth, at random.
	ReportInterval time.Duration
	// VerifyKeys are the trusted keys; without any, sets need no signature. With any, a value is
	// rejected that is unsigned, empty, signed with another key, altered, signed for another
	// fleet, or not newer than one that was applied. Each fetch then reads the whole value.
	VerifyKeys []ed25519.PublicKey
	// SnapshotFile is where the last applied value is kept for Startup: UseSnapshot; the default
	// is nowhere. The file has mode 0600, is replaced in one step, and is written on a goroutine
	// of its own, so that no request waits for it. Its folder has to exist. Each Subscriber needs
	// a file of its own. With VerifyKeys it is read whatever Startup says, so that nothing older
	// than what it holds is applied.
	//
	// If the machine was off and its wall clock stood still meanwhile, and Redis is away, a
	// directive from the file may outlive its expiry by the time that the machine was off:
	// nothing on the machine tells how long that was.
	SnapshotFile string
	// Logger gets one line for each change of state, each revision applied and each rejected, up
	// to 70 a minute; the default is slog.Default(). SetLogger replaces it later. Lines hold ids,
	// versions, reasons and authors, never a directive's content. The Logger is called on a
	// goroutine of the Subscriber: while it blocks, nothing is applied. It must not call Refresh
	// or Close.
	Logger *slog.Logger
}

// check completes a configuration with its defaults, or says which field is wrong.
func (cfg *SubscriberConfig) check() error {
	if cfg.Startup > UseSnapshot {
		return fmt.Errorf("Startup: there is no startup %d", cfg.Startup)
	}
	if _, err := wire.NewKeyring(cfg.VerifyKeys); err != nil {
		return fmt.Errorf("VerifyKeys: %w", err)
	}
	if cfg.SnapshotFile != "" {
		if err := snapshot.CheckFolder(cfg.SnapshotFile); err != nil {
			return fmt.Errorf("SnapshotFile: %w", err)
		}
	} else if cfg.Startup == UseSnapshot {
		return errors.New("SnapshotFile: is empty, but Startup is UseSnapshot")
	}
	cfg.ResyncInterval = cmp.Or(cfg.ResyncInterval, DefaultResyncInterval)
	cfg.SubscriptionTimeout = cmp.Or(cfg.SubscriptionTimeout, DefaultSubscriptionTimeout)
	cfg.SubscriptionAge = cmp.Or(cfg.SubscriptionAge, DefaultSubscriptionAge)
	cfg.ReportInterval = cmp.Or(cfg.ReportInterval, DefaultReportInterval)
	if err := cfg.checkIntervals(); err != nil {
		return err
	}
	cfg.MaxBytes = cmp.Or(cfg.MaxBytes, wire.MaxValueBytes)
	if cfg.MaxBytes < wire.HeaderBytes || cfg.MaxBytes > wire.MaxValueBytes {
		return fmt.Errorf("MaxBytes must be %d to %d", wire.HeaderBytes, wire.MaxValueBytes)
	}
	if cfg.Instance == "" {
		cfg.Instance = host.InstanceName()
	}
	if err := cmp.Or(
		wire.CheckInstance(cfg.Instance), wire.CheckLabels(cfg.Labels), wire.CheckCapabilities(cfg.Capabilities),
	); err != nil {
		return err
	}
	cfg.Labels, cfg.Capabilities = maps.Clone(cfg.Labels), slices.Clone(cfg.Capabilities)
	return nil
}

// Subscriber keeps an in-memory copy of the fleet's current set. Load and Decide never contact
// Redis. A Subscriber is a [Store]. All methods are safe for concurrent use.
//
// A Subscriber uses two connections of its client: one for its subscription and, while it
// fetches the key, one from the pool. While it replaces its subscription, it has two of them. If the
// client has a second pool for pipelines, as without the options of [ParseURL], the Subscriber also
// uses one of that.
type Subscriber struct {
	cfg    SubscriberConfig
	client *redisstore.Client
	logs   *logSwitch
	log    *slog.Logger // its handler follows logs

	set  atomic.Pointer[directive.Set]
	view atomic.Pointer[report.View]

	// mu guards the follower, and everything down to lines, while an event is handled.
	mu          sync.Mutex
	follower    *follow.Follower
	waiters     map[uint64]chan<- error
	asked       uint64                        // the number of the last waiter
	sessions    map[uint64]context.CancelFunc // ends each open session, by its number
	suspensions host.Suspensions
	wakeAt      time.Time     // when timer fires, zero for never
	lines       []follow.Line // what is to be logged; toLog says that there is something

	timer     *time.Timer
	refreshes chan refresh
	fetches   chan follow.Fetch // has room for one
	toLog     chan struct{}     // has room for one
	started   chan error        // has room for one: how the first attempt ended

	listeners *notify.Group[Revision]
	reporter  *report.Reporter // nil if the subscriber does not report
	snapshot  *snapshot.Writer // nil if the subscriber keeps no file

	ctx   context.Context // ends with Close
	stop  context.CancelFunc
	close func() // once
	// own are the goroutines that end as soon as ctx does, remote those that Redis may hold up.
	own, remote sync.WaitGroup
}

var _ Store = (*Subscriber)(nil)

// Subscribe begins to follow a fleet, and returns when its key has been read for the first
// time. Ctx bounds that start only. The client belongs to the caller, who closes it after the
// Subscriber. [ParseURL] returns options that suit it. The error wraps [ErrUnavailable] if
// Redis could not be reached, see [Startup]. The Subscriber is closed then, as by Close, which
// may take up to a second after the end of ctx if Redis hangs.
func Subscribe(ctx context.Context, client redis.UniversalClient, cfg SubscriberConfig) (*Subscriber, error) {
	c, err := redisstore.New(client, cfg.Fleet)
	if err == nil {
		err = cfg.check()
	}
	if err != nil {
		return nil, fmt.Errorf("fleetdial: subscribe: %w", err)
	}
	s := newSubscriber(c, cfg)
	if cfg.ReportInterval > 0 {
		s.reporter = report.New(report.Config{
			Client: c, Name: cfg.Instance, Labels: cfg.Labels, Capabilities: cfg.Capabilities,
			Verifies: len(cfg.VerifyKeys) > 0, Interval: cfg.ReportInterval, View: s.view.Load, Log: s.log,
		})
		s.remote.Go(func() { s.reporter.Run(s.ctx) })
	}
	s.remote.Go(s.fetcher)
	s.own.Go(s.loop)
	select {
	case err = <-s.started:
	case <-ctx.Done():
		if err = ctx.Err(); errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	if err == nil {
		return s, nil
	}
	if cfg.Startup != FailFast && !errors.Is(err, context.Canceled) {
		status := s.view.Load().Status
		s.log.Warn("fleetdial: started without Redis", "state", status.State, "version", status.Revision.Version, "err", err)
		return s, nil
	}
	_ = s.Close()
	return nil, fmt.Errorf("fleetdial: subscribe: %w", err)
}

func newSubscriber(client *redisstore.Client, cfg SubscriberConfig) *Subscriber {
	keys, _ := wire.NewKeyring(cfg.VerifyKeys) // checked with the rest of the configuration
	s := &Subscriber{
		cfg: cfg, client: client,
		follower: follow.New(follow.Config{
			ResyncInterval: cfg.ResyncInterval, SubscriptionTimeout: cfg.SubscriptionTimeout,
			SubscriptionAge: max(0, cfg.SubscriptionAge), MaxBytes: cfg.MaxBytes, Keys: keys, Key: client.Key(),
			Rand: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())),
		}, time.Now()),
		waiters: make(map[uint64]chan<- error), sessions: make(map[uint64]context.CancelFunc),
		suspensions: host.NewSuspensions(), timer: time.NewTimer(0),
		refreshes: make(chan refresh), toLog: make(chan struct{}, 1), fetches: make(chan follow.Fetch, 1), started: make(chan error, 1),
	}
	s.logs, s.log = newLogSwitch(cfg.Logger)
	s.log = s.log.With("fleet", cmp.Or(cfg.Fleet, redisstore.DefaultFleet))
	s.listeners = notify.NewGroup(s.log, Revision{Set: new(Set)})
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.close = sync.OnceFunc(s.end)
	s.set.Store(new(Set))
	s.show()
	if cfg.SnapshotFile != "" {
		s.snapshot = snapshot.NewWriter(cfg.SnapshotFile, client.Key(), func(err error) {
			s.log.Warn("fleetdial: the snapshot file cannot be written", "err", err)
		})
		s.restore()
		s.own.Go(func() { s.snapshot.Run(s.ctx) })
	}
	return s
}

// restore takes in what the snapshot file holds: with UseSnapshot its set, and whatever the
// startup, the version of a signed set, so that no older one is applied.
func (s *Subscriber) restore() {
	value, epoch, err := snapshot.Read(s.cfg.SnapshotFile, s.client.Key())
	if errors.Is(err, fs.ErrNotExist) {
		return // the first start
	}
	if s.cfg.Startup != UseSnapshot && len(s.cfg.VerifyKeys) == 0 {
		return
	}
	var out follow.Effects
	if value != nil {
		// The version counts whatever the machine's clock shows.
		var rejected error
		out, rejected = s.follower.Restore(value, epoch, err == nil && s.cfg.Startup == UseSnapshot)
		err = cmp.Or(err, rejected)
	}
	if err != nil {
		s.log.Warn("fleetdial: the snapshot file was rejected", "err", err)
		return
	}
	s.carryOut(out)
}

// Load returns the current set, without the directives that other instances evaluate, see
// [Set.ForInstance]. Status().Revision.Set is the whole set. Load is one atomic load: it never
// blocks and never returns nil. A nil Subscriber has an empty set.
func (s *Subscriber) Load() *Set {
	if s == nil {
		return &noDirectives
	}
	return s.set.Load()
}

var noDirectives Set

// Decide evaluates a request against the current set, now, and counts it, see [Set.Hits]. It
// never blocks and does not allocate, except for the first request that a directive applies
// to. It reads the clock only if a directive matches the request.
func (s *Subscriber) Decide(req Request) Decision {
	return directive.EvaluateNow(s.Load(), &req, time.Since)
}

// Status returns what the Subscriber knows of itself, at one moment.
func (s *Subscriber) Status() Status {
	v := s.view.Load()
	status := v.Status.Clone()
	status.Digest = v.Digest.String()
	return status
}

// OnChange calls the listener for each revision that is applied from now on, after Load
// returns it. Each listener has a goroutine of its own: calls come in order, one after
// another, and a listener that is still busy when more revisions are applied gets the newest
// only, with From the revision that it got last. A listener that panics is logged and kept.
//
// Cancel does not wait for a call that is under way or about to begin. Close does, so a listener
// must not call Close.
func (s *Subscriber) OnChange(listener func(Change)) (cancel func()) {
	return s.listeners.Add(func(from, to Revision) { listener(Change{From: from, To: to}) })
}

// Change tells a listener that another revision has been applied.
type Change struct {
	// From is the revision that the listener got last, To the one that is applied now.
	From, To Revision
}

// Diff returns the directives that were added, removed and changed. It takes about a
// millisecond for 10,000 directives, so it is computed only when Diff is called.
func (c Change) Diff() Diff { return DiffSets(c.From.Set, c.To.Set) }

// closeTimeout is how long Close waits for what Redis may hold up. Close ends within a second,
// also if Redis hangs.
const closeTimeout = 800 * time.Millisecond

// Close ends the Subscriber and waits for its goroutines. It waits for listeners, the Logger and
// the snapshot file as long as they take, and for commands of Redis up to a second. If Redis
// hangs, a command may still be under way then. Its goroutine ends with the client's read timeout or,
// if the client has none, when the client is closed. Load and Decide go on with the last set.
// Close is safe to call twice, and always returns nil.
func (s *Subscriber) Close() error {
	s.close()
	return nil
}

func (s *Subscriber) end() {
	s.stop()
	s.own.Wait()
	s.mu.Lock() // after the event that is being handled
	close(s.fetches)
	s.mu.Unlock()
	s.writeLines()
	if s.snapshot != nil {
		s.snapshot.Flush() // the loop may have ended after the writer
	}
	s.listeners.Close()
	ended := make(chan struct{})
	go func() {
		s.remote.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(closeTimeout):
	}
}
