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
	// Startup selects what Subscribe does if Redis cannot be reached; the default is
	// FailFast.
	Startup Startup
	// ResyncInterval is the longest time between two fetches of the key, so that a lost
	// announcement does no harm; the default is 30 s, the least is 10 ms. Each interval
	// is shortened by a random time of up to a fifth. Every tenth resync reads the whole
	// value, to detect a value that was altered under its id.
	ResyncInterval time.Duration
	// SubscriptionTimeout is the longest time without a reply on the subscription. After
	// that time, the Subscriber replaces the subscription. A fetch that takes longer
	// makes the state StateStale. The default is 3 s, the least is 10 ms. The Subscriber
	// pings the server twice in that time. The pings are most of the load of an idle
	// Subscriber on Redis.
	SubscriptionTimeout time.Duration
	// SubscriptionAge is the age at which the Subscriber replaces its subscription by a
	// subscription on a new connection, so that it follows a host name that moves to
	// another server. The default is 10 min, the least is 10 ms, and a negative value
	// means never. Each age is shortened by a random time of up to a fifth. The old
	// subscription ends after the new one has begun, so that no announcement is missed.
	// If the new subscription fails, the old one continues.
	SubscriptionAge time.Duration
	// MaxBytes is the size of the largest value that is accepted, 128 bytes to 4 MiB; the default
	// is 4 MiB. A larger value is rejected.
	MaxBytes int
	// Instance is the name of this proxy in the fleet's roster, 1 to 128 bytes of
	// printable ASCII without spaces. The default is the host name, the process id and a
	// random suffix, so that each Subscriber has a different name. If two Subscribers
	// have the same name, the later one reports under the name. The other one reports
	// under the name with "~" and six hex digits added, and logs that once. The roster
	// marks both: see Instance.Shared.
	Instance string
	// Labels describe the instance, for operators and for directives with Instances, such
	// as its zone or build: at most 16, with names of 1 to 64 bytes and values of up to
	// 256 bytes, in UTF-8.
	Labels map[string]string
	// Capabilities are the parts of a Decision that this proxy implements. Reports
	// contain them, so that an operator is warned of a directive that has no effect on
	// this proxy. Nil means unknown, and causes no warning.
	Capabilities []Capability
	// ReportInterval is the longest time between two reports to the roster. The
	// Subscriber also reports when it applies or rejects a revision. After three
	// intervals without a report, the roster shows the instance as InstanceGone. The
	// default is 10 s, the least is 10 ms, and a negative value disables reports. Each
	// interval is shortened by a random time of up to a fifth.
	ReportInterval time.Duration
	// VerifyKeys are the trusted keys. If there are none, revisions need no signature.
	// Otherwise, a value is rejected if it is unsigned, empty, signed with another key,
	// altered, signed for another fleet, or not newer than a value that was applied. Each
	// fetch then reads the whole value.
	VerifyKeys []ed25519.PublicKey
	// SnapshotFile is the path of the file with the last applied value, for the Startup
	// UseSnapshot; the default is no file. Its directory must exist. The file has mode
	// 0600, and is replaced in one step. It is written on a goroutine of its own, so that
	// no request waits for it. Each Subscriber needs a different file. A Subscriber with
	// VerifyKeys reads the file with any Startup, so that it applies nothing older than
	// the value in the file.
	//
	// If the machine was off while Redis is away, and its wall clock stood still in that
	// time, a directive from the file may outlive its expiry by the time that the machine
	// was off, because nothing on the machine shows how long that was.
	SnapshotFile string
	// Logger gets one line for each change of state, for each applied revision and for
	// each rejected value, at most 70 a minute; the default is slog.Default(). SetLogger
	// replaces the Logger later. The lines hold ids, versions, reasons and authors, and
	// no content of a directive. While the Logger blocks, the timer of the Subscriber
	// stands still: resyncs, delayed fetches, new subscriptions, Refresh and Close wait
	// for the Logger. The Logger must not call Refresh or Close.
	Logger *slog.Logger
}

// check sets the defaults of a configuration. The error names the field that is not
// valid.
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

// Subscriber keeps an in-memory copy of the fleet's current set. Load and Decide never
// contact Redis. A Subscriber is a [StatusStore]. All methods are safe for concurrent
// use.
//
// A Subscriber uses one connection for its subscription, and connections of the client's
// pool for fetches and reports, at most one for each at a time. It has two subscriptions
// for a moment while it replaces an old one. A client that was not made with the options
// of [ParseURL] may have a second pool for pipelines, and the Subscriber then uses that
// pool too.
type Subscriber struct {
	cfg    SubscriberConfig
	client *redisstore.Client
	logs   *logSwitch
	log    *slog.Logger // its handler follows logs

	set  atomic.Pointer[directive.Set]
	view atomic.Pointer[report.View]

	// mu guards the follower and the fields down to lines, while an event is handled.
	mu          sync.Mutex
	follower    *follow.Follower
	waiters     map[uint64]chan<- error
	asked       uint64                        // the number of the last waiter
	sessions    map[uint64]context.CancelFunc // end the open sessions, by their numbers
	suspensions host.Suspensions
	wakeAt      time.Time     // when the timer fires, zero if it is not set
	lines       []follow.Line // the lines to be logged; toLog wakes the loop for them

	timer     *time.Timer
	refreshes chan refresh
	fetches   chan follow.Fetch // has room for one
	toLog     chan struct{}     // has room for one
	started   chan error        // has room for one: the result of the first attempt

	listeners *notify.Group[Revision]
	reporter  *report.Reporter // nil if the subscriber does not report
	snapshot  *snapshot.Writer // nil if the subscriber keeps no file

	ctx   context.Context // ends with Close
	stop  context.CancelFunc
	close func() // once
	// own are the goroutines that end as soon as ctx ends. remote are the goroutines that
	// wait for Redis.
	own, remote sync.WaitGroup
}

var _ Store = (*Subscriber)(nil)

// Subscribe begins to follow a fleet, and returns when the key has been read for the
// first time. Ctx bounds only that time. The caller owns the client, and closes it after
// the Subscriber. [ParseURL] returns suitable options of a client.
//
// If Redis cannot be reached, the error wraps [ErrUnavailable]; [Startup] has
// alternatives. With an error, everything that Subscribe has started is closed. If Redis
// hangs, that may take up to a second after the end of ctx.
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

// restore reads the snapshot file. With UseSnapshot, restore applies the set of the file.
// With VerifyKeys, restore keeps the version of the signed set, with any Startup, so that
// no older set is applied.
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
		// The version counts also if the machine's clock shows an earlier time than the file.
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

// Load returns the current set, without the directives whose Instances select other
// instances. The whole set is Status().Revision.Set. Load is one atomic load: it never
// blocks and never returns nil. A nil Subscriber has an empty set.
func (s *Subscriber) Load() *Set {
	if s == nil {
		return &noDirectives
	}
	return s.set.Load()
}

var noDirectives Set

// Decide evaluates a request against the current set, at the current time. Decide counts
// the request: see the method Hits of [Set]. Decide never blocks, and reads the clock
// only if a directive matches the request. Decide does not allocate, except when a
// directive applies for the first time.
func (s *Subscriber) Decide(req Request) Decision {
	return directive.EvaluateNow(s.Load(), &req, time.Since)
}

// Status returns the status of the Subscriber at one moment. Status never blocks.
func (s *Subscriber) Status() Status {
	v := s.view.Load()
	status := v.Status.Clone()
	status.Digest = v.Digest.String()
	return status
}

// OnChange calls the listener for each revision that is applied after the call of
// OnChange, once Load returns its set. Each listener has its own goroutine, which calls
// it for one revision after another. If several revisions are applied during a call of
// the listener, the next call gets only the newest of them. If a listener panics, the
// panic is logged, and later changes are still delivered.
//
// Cancel ends the calls. Cancel does not wait for a call that has begun or is about to
// begin. Close waits for such a call, so a listener must not call Close.
func (s *Subscriber) OnChange(listener func(Change)) (cancel func()) {
	return s.listeners.Add(func(from, to Revision) { listener(Change{From: from, To: to}) })
}

// Change describes a new revision to a listener.
type Change struct {
	// From is the revision of the listener's previous call. In the first call, From is the
	// revision in force when OnChange was called. To is the applied revision.
	From, To Revision
}

// Diff returns the directives that were added, removed and changed. It takes about a
// millisecond for 10,000 directives, so it is computed only when Diff is called.
func (c Change) Diff() Diff { return DiffSets(c.From.Set, c.To.Set) }

// closeTimeout is how long Close waits for the goroutines that wait for Redis, so that
// Close ends within a second also if Redis hangs.
const closeTimeout = 800 * time.Millisecond

// Close ends the Subscriber, removes its instance from the roster, and waits for its
// goroutines. Close waits for listeners, the Logger and the snapshot file without limit,
// and for commands of Redis up to a second. If Redis hangs, a command may still be active
// after Close. Its goroutine ends at the client's read timeout or, if the client has
// none, when the client is closed. After Close, Load and Decide continue with the last
// set. Close is safe to call twice, and always returns nil.
func (s *Subscriber) Close() error {
	s.close()
	return nil
}

func (s *Subscriber) end() {
	s.stop()
	s.own.Wait()
	s.mu.Lock() // waits for the event that is being handled
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
