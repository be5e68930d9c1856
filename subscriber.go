package fleetdial

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial/internal/redisstore"
)

// Startup says what Subscribe does while Redis cannot be reached.
type Startup = redisstore.Startup

const (
	// FailFast, the default, makes an unreachable Redis an error of Subscribe. A key that does not exist, or one that
	// holds what is refused, is none: see Status.
	FailFast = redisstore.FailFast
	// StartEmpty returns a Subscriber with an empty set once the first attempt has failed, or ctx has reached its
	// deadline. It goes on trying.
	StartEmpty = redisstore.StartEmpty
	// UseSnapshot begins with the set in SubscriberConfig.SnapshotFile, in which no directive outlives its expiry, and is
	// otherwise as StartEmpty; also where there is no such file yet, or it is refused, which is logged. The file is read as
	// strictly as what comes from Redis. It serves the fleet and the clock that it was written for: where the machine's
	// clock shows an earlier time than the file does, it is of no use.
	UseSnapshot = redisstore.UseSnapshot
)

// DefaultReportInterval is how often a Subscriber reports to the roster unless told.
const DefaultReportInterval = redisstore.DefaultReportInterval

// SubscriberConfig says how a Subscriber follows its fleet. The zero value works.
type SubscriberConfig struct {
	// Fleet is the fleet's name, 1 to 64 of the characters A-Z, a-z, 0-9, dot, underscore and dash; empty is "default".
	Fleet string
	// Startup says what Subscribe does while Redis cannot be reached; FailFast unless told.
	Startup Startup
	// ResyncInterval is how often, at least, the key is looked at, so that a lost announcement does no harm; 0 is 30 s, the
	// least is 10 ms. Each wait is shortened by up to a fifth, at random.
	ResyncInterval time.Duration
	// SubscriptionTimeout is how long the subscription may be silent before it is given up for another; 0 is 3 s, the least is
	// 10 ms. The subscriber pings it twice as often, which is most of what an idle one
	// costs Redis.
	SubscriptionTimeout time.Duration
	// MaxBytes is the size of the largest value that is taken, 128 bytes to 4 MiB; 0 is 4 MiB. A larger one is refused.
	MaxBytes int
	// Instance is this proxy's name in the fleet's roster, 1 to 128 bytes of printable ASCII without spaces; empty is the
	// host's name and the process id. Of several Subscribers with the same name the roster shows the one that reported
	// last: give them names where a process has several for one fleet.
	Instance string
	// Labels tell operators more of it, such as its zone or build: at most 16, names of 1 to 64 bytes and values of up to
	// 256, UTF-8.
	Labels map[string]string
	// ReportInterval is how often the subscriber reports to the roster, beside the times at which it applies or refuses a
	// revision; after three in silence it counts as gone. 0 is 10 s, the least is 10 ms, and a negative one turns reports
	// off. Each wait is shortened by up to a fifth, at random.
	ReportInterval time.Duration
	// VerifyKeys are those whose signatures are believed; with none, sets need no signature. With any, what is unsigned,
	// signed by another key, altered, signed for another fleet, or not newer than what the subscriber had, is refused, and
	// so is the empty value. Each look at the key then reads the whole value.
	VerifyKeys []ed25519.PublicKey
	// SnapshotFile is where the last value that was applied is kept, for Startup: UseSnapshot; empty is nowhere. The file
	// has mode 0600, is replaced in one step, and is written on a goroutine of its own, so that no request waits for it;
	// its folder has to exist. Each Subscriber needs a file of its own. With VerifyKeys it is read whatever Startup says: nothing
	// older than what it holds is taken.
	SnapshotFile string
	// Logger gets one line for each change of state, each revision applied and each refused; nil is slog.Default().
	// Lines hold ids, versions, reasons and publishers, never a directive's content.
	Logger *slog.Logger
}

// Subscriber follows a fleet: it has the set that was published last, and asks Redis for nothing while it is asked. It
// is a Store. All methods are safe for concurrent use.
//
// It uses two connections of its client: one for its subscription, one, from the pool, while it reads the key.
type Subscriber struct {
	inner *redisstore.Subscriber
}

var _ Store = (*Subscriber)(nil)

// Subscribe begins to follow a fleet and returns when its key has been read for the first time; ctx bounds that start
// only. The client belongs to the caller, who closes it after the Subscriber; ParseURL gives options that suit it. The
// error wraps ErrUnavailable if Redis could not be reached, see Startup; then nothing is left running.
func Subscribe(ctx context.Context, client redis.UniversalClient, cfg SubscriberConfig) (*Subscriber, error) {
	inner, err := redisstore.Subscribe(ctx, client, redisstore.SubscriberConfig(cfg))
	if err != nil {
		return nil, err
	}
	return &Subscriber{inner}, nil
}

// Load returns the current set. It is one atomic load: it never blocks and never returns nil.
func (s *Subscriber) Load() *Set { return s.inner.Load() }

// Decide evaluates a request against the current set, now. It never blocks and does not allocate; it reads the clock
// only if a directive applies to the request but for its expiry.
func (s *Subscriber) Decide(req Request) Decision { return s.inner.Decide(req) }

// Status returns what the subscriber knows of itself, at one moment.
func (s *Subscriber) Status() Status { return newStatus(s.inner.Status()) }

// Refresh looks at the key and returns once that look, which begins after the call, is done and what it found is
// applied. The error wraps ErrUnavailable if Redis could not be asked; if what the key holds is refused, it says why.
func (s *Subscriber) Refresh(ctx context.Context) error { return s.inner.Refresh(ctx) }

// OnChange has call told of each revision applied from now on, after Load returns it. Each listener has a goroutine of
// its own: calls come in order, one after another, and one that is still busy when more revisions come is told of the
// newest only, with From the revision that it was last told of. A listener that panics is logged and kept.
//
// After cancel, no call begins; it does not wait for one under way. Close does, so a listener must not call Close.
func (s *Subscriber) OnChange(call func(Change)) (cancel func()) {
	return s.inner.OnChange(func(c redisstore.Change) {
		call(Change{From: Revision(c.From), To: Revision(c.To)})
	})
}

// Close ends what the subscriber runs, and waits for it; that may take as long as a read or write timeout of the client
// if Redis hangs. Load and Decide go on with the last set. It is safe to call twice, and always returns nil.
func (s *Subscriber) Close() error { return s.inner.Close() }
