// Package live keeps the newest state of each fleet for all readers of a console.
//
// A [Hub] reads each fleet once for all of its readers, so that 50 open pages cost Redis no more
// than one. [Hub.State] returns the newest [State] for a page. [Hub.Watch] tells when there is a
// newer one.
package live

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial"
)

// ErrClosed is the error of a Hub that is closed, and of a Watcher that is closed or whose Hub is.
var ErrClosed = errors.New("console: the live state is closed")

const (
	// maxFollowers bounds the fleets that are followed at once, and maxFleets those that are
	// remembered without a watcher.
	maxFollowers, maxFleets = 32, 100
	// forgetAfter is how long a state that nobody asks for is remembered.
	forgetAfter = 10 * time.Minute
)

// Config configures a [Hub]. Client and Publisher are required.
type Config struct {
	// Client reaches the Redis of the fleets. It belongs to the caller, who closes it after the
	// Hub. The Hub subscribes through it: one connection for each fleet that is watched.
	Client redis.UniversalClient
	// Publisher returns a publisher that reads a fleet. Its keys decide on Revision.Verified. The
	// error says that the name is not valid. Publisher must be safe for concurrent use, and must
	// not contact Redis.
	Publisher func(fleet string) (*fleetdial.Publisher, error)
	// Logger gets a line when a fleet cannot be read, and one when it can be read again; the
	// default is [slog.Default].
	Logger *slog.Logger
}

// Hub reads fleets. All methods are safe for concurrent use.
//
// While a fleet has a [Watcher], and for 30 s after the last one was closed, a goroutine follows
// the fleet: it reads the roster every second, and at once when a revision is published. For 3 s
// after each change of the revision, it reads the roster 10 times a second, to show the rollout.
// A roster that takes long to read is read less often, so that the Hub reads no more than a
// quarter of the time. The current revision and the history are read only when the roster shows
// another revision. Every single read takes 2 s at most.
//
// At most 32 fleets are followed at once. Any other fleet is read when somebody asks for its
// state, and every second while somebody watches it. The Hub remembers the last states of up to
// 100 fleets, and of all that are watched, and forgets those that nobody has asked for in 10
// minutes as soon as another fleet is asked for.
type Hub struct {
	log       *slog.Logger
	open      func(fleet string) (source, error)
	subscribe func(fleet string, changed func()) (end func())
	run       string // the random part of the ids of states
	ids       atomic.Uint64
	ctx       context.Context // ends with Close
	stop      context.CancelFunc
	own       sync.WaitGroup

	// mu guards all below, and what fleet says of itself. Nothing waits under it.
	mu        sync.Mutex
	closed    bool
	fleets    map[string]*fleet
	following int // how many fleets have a follower
}

// NewHub returns a Hub. It does not contact Redis before the first call of its methods.
func NewHub(cfg Config) *Hub {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	open := func(fleet string) (source, error) { return cfg.Publisher(fleet) }
	return newHub(open, subscriber(cfg), cfg.Logger)
}

func newHub(
	open func(fleet string) (source, error), subscribe func(fleet string, changed func()) (end func()), logger *slog.Logger,
) *Hub {
	h := &Hub{log: logger, open: open, subscribe: subscribe, run: rand.Text()[:12], fleets: make(map[string]*fleet)}
	h.ctx, h.stop = context.WithCancel(context.Background())
	return h
}

// State returns the newest state of a fleet. If the fleet is followed, that is the state of its
// follower. Otherwise, State returns one that is at most 1 s old, or reads one for all callers
// that wait. After a call of [Hub.Refresh], the state is one that was read after the call.
//
// If Redis does not answer, State returns the last known state with State.Err set. If no state is
// known, the error is that of [fleetdial.Publisher.Roster]. Other errors are those of
// Config.Publisher and of ctx, and ErrClosed. If Redis hangs, State may take a few seconds.
func (h *Hub) State(ctx context.Context, fleet string) (*State, error) {
	f, err := h.lock(fleet)
	if err != nil {
		return nil, err
	}
	defer h.mu.Unlock()
	for asked := time.Now(); !h.closed; {
		if f.isFresh(asked) {
			return f.answer()
		}
		h.readOnce(f)
		if err := h.wait(ctx, f.read, nil); err != nil {
			return nil, err
		}
	}
	return nil, ErrClosed
}

// Refresh makes the Hub read a fleet again at once if it is followed, and otherwise with the next
// call of State, with its revision and its history. The console calls it after it has published.
// Refresh does not wait.
func (h *Hub) Refresh(fleet string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f := h.fleets[fleet]; f != nil {
		f.wanted++
		f.wakeUp()
	}
}

// Close ends all watchers, and waits for all goroutines of the Hub. If Redis hangs, Close takes
// up to a second. Close is safe to call twice, and always returns nil.
func (h *Hub) Close() error {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.stop()
	h.own.Wait()
	return nil
}

// lock returns a fleet, with h.mu locked if there is no error.
func (h *Hub) lock(name string) (*fleet, error) {
	h.mu.Lock()
	f := h.fleets[name]
	if f == nil {
		h.mu.Unlock()
		source, err := h.open(name)
		if err != nil {
			return nil, err
		}
		h.mu.Lock()
		if f = h.fleets[name]; f == nil {
			f = newFleet(name, source, h.newID)
			h.forget()
			h.fleets[name] = f
		}
	}
	if h.closed {
		h.mu.Unlock()
		return nil, ErrClosed
	}
	f.used = time.Now()
	return f, nil
}

func (h *Hub) newID() string { return h.run + "-" + strconv.FormatUint(h.ids.Add(1), 10) }

// forget makes room for one more fleet. It removes the fleets that nobody has asked for lately,
// because anybody who reads can ask for any name.
func (h *Hub) forget() {
	var oldest *fleet
	for name, f := range h.fleets {
		switch {
		case f.watchers > 0 || f.following || f.reading:
		case time.Since(f.used) > forgetAfter:
			delete(h.fleets, name)
		case oldest == nil || f.used.Before(oldest.used):
			oldest = f
		}
	}
	if len(h.fleets) >= maxFleets && oldest != nil {
		delete(h.fleets, oldest.name)
	}
}

// wait unlocks h.mu until something happens: a reading of a fleet ends, or the timer fires. The
// error says that ctx or the Hub has ended.
func (h *Hub) wait(ctx context.Context, read <-chan struct{}, timer <-chan time.Time) error {
	h.mu.Unlock()
	defer h.mu.Lock()
	select {
	case <-read:
	case <-timer:
	case <-ctx.Done():
		return ctx.Err()
	case <-h.ctx.Done():
		return ErrClosed
	}
	return nil
}
