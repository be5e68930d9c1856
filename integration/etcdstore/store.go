// Package etcdstore is an example of a [fleetdial.Store] of one's own: it follows a key of
// etcd. It shows what such a store has to do. Copy it, and change what your server does
// differently.
package etcdstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/fleetdial/fleetdial"
)

const (
	readTimeout              = 5 * time.Second
	firstRetry, longestRetry = 50 * time.Millisecond, 5 * time.Second
)

// Config configures a [Store]. Key is required.
type Config struct {
	// Key is the key that holds the revision, as EncodeRevision returns it.
	Key string
	// Instance and Labels are this proxy's name and labels. They select the directives that
	// are for some instances only.
	Instance string
	Labels   map[string]string
	// Time reads the clock that expiries count on, see [DateOf]. The default is the clock of
	// this machine.
	Time func(context.Context) (time.Time, error)
	// Resync is the longest time between two reads of the key and the clock; the default is
	// 30 seconds.
	Resync time.Duration
}

// Store follows a key of etcd. Load reads memory only. A value that is rejected, a missing key
// and an outage of etcd leave the set as it is, and Status reports them.
type Store struct {
	client *clientv3.Client
	cfg    Config
	clock  fleetdial.Clock
	set    fleetdial.Memory // what Load returns
	shown  atomic.Pointer[fleetdial.Status]
	stop   context.CancelFunc
	done   chan struct{} // closed when run has returned

	// The rest belongs to Open, and then to run.
	status      fleetdial.Status
	modRevision int64 // the revision of etcd whose value was decoded last
	decoded     fleetdial.Revision
	local       *fleetdial.Set // what this instance evaluates
	decodeErr   error
}

var _ fleetdial.StatusStore = (*Store)(nil)

// Open reads the key and begins to follow it. Ctx bounds the first read only. The client
// belongs to the caller, who closes it after the Store.
func Open(ctx context.Context, client *clientv3.Client, cfg Config) (*Store, error) {
	if cfg.Time == nil {
		cfg.Time = func(context.Context) (time.Time, error) { return time.Now(), nil }
	}
	if cfg.Resync == 0 {
		cfg.Resync = 30 * time.Second
	}
	s := &Store{client: client, cfg: cfg, done: make(chan struct{})}
	s.status.Source = fleetdial.SourceStart
	s.status.Revision.Set = new(fleetdial.Set)
	if _, err := s.read(ctx); err != nil {
		return nil, fmt.Errorf("etcdstore: open: %w", err)
	}
	ctx, s.stop = context.WithCancel(context.Background())
	go s.run(ctx)
	return s, nil
}

// Load returns the current set.
func (s *Store) Load() *fleetdial.Set { return s.set.Load() }

// Status returns what the Store knows of itself.
func (s *Store) Status() fleetdial.Status { return s.shown.Load().Clone() }

// Close ends the Store and waits for its goroutine. Load goes on with the last set.
func (s *Store) Close() error {
	s.stop()
	<-s.done
	return nil
}

// run follows the key until ctx ends.
func (s *Store) run(ctx context.Context) {
	defer close(s.done)
	retry := firstRetry
	for ctx.Err() == nil {
		err := s.follow(ctx)
		if err == nil || ctx.Err() != nil {
			retry = firstRetry
			continue
		}
		s.turn(fleetdial.StateStale, err)
		s.status.Counters.Reconnects++
		s.show()
		select {
		case <-time.After(retry/2 + rand.N(retry)): // with jitter, because a whole fleet retries
		case <-ctx.Done():
		}
		retry = min(2*retry, longestRetry)
	}
}

// follow reads the key, and then applies each change of it until the next resync.
func (s *Store) follow(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Resync)
	defer cancel()
	revision, err := s.read(ctx)
	if err != nil {
		return err
	}
	// The watch begins after the revision of the read, so that no change is missed.
	for resp := range s.client.Watch(clientv3.WithRequireLeader(ctx), s.cfg.Key, clientv3.WithRev(revision+1)) {
		if err := resp.Err(); err != nil && ctx.Err() == nil {
			return err
		}
		for _, event := range resp.Events {
			s.status.Counters.Announcements++
			if event.Type == clientv3.EventTypeDelete {
				s.apply(nil)
			} else {
				s.apply(event.Kv)
			}
		}
	}
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errors.New("the watch ended")
	}
	return nil
}

// read reads the clock and the key, and applies what the key holds. It returns the revision of
// etcd at that moment.
func (s *Store) read(ctx context.Context) (revision int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	// Without a reading, the readings before count. The key is read all the same.
	clockErr := s.clock.Read(func() (time.Time, error) { return s.cfg.Time(ctx) })
	resp, err := s.client.Get(ctx, s.cfg.Key)
	if err != nil {
		return 0, err
	}
	s.status.Counters.Fetches++
	if len(resp.Kvs) == 0 {
		s.apply(nil)
	} else {
		s.apply(resp.Kvs[0])
	}
	return resp.Header.Revision, clockErr
}

// apply takes in what the key holds, nil if there is no key.
func (s *Store) apply(kv *mvccpb.KeyValue) {
	s.status.LastSync = time.Now()
	if kv != nil && kv.ModRevision != s.modRevision {
		s.modRevision = kv.ModRevision
		s.decoded, s.decodeErr = fleetdial.DecodeRevision(kv.Value)
		s.judge()
	}
	switch {
	case kv == nil: // a missing key is no order: the set stays until it expires
		s.turn(fleetdial.StateMissing, fleetdial.ErrNoRevision)
	case s.decodeErr != nil:
		s.turn(fleetdial.StateRejected, s.decodeErr)
	case len(kv.Value) == 0:
		s.turn(fleetdial.StateEmpty, nil)
	default:
		s.turn(fleetdial.StateLive, nil)
	}
	s.set.Publish(s.clock.Anchor(s.local))
	s.show()
}

// judge makes the value that was decoded the revision in force, or rejects it.
func (s *Store) judge() {
	if s.decodeErr == nil {
		s.status.Revision, s.status.Source, s.status.AppliedAt = s.decoded, fleetdial.SourceLive, time.Now()
		s.status.Rejected = nil
		s.local = s.decoded.Set.ForInstance(s.cfg.Instance, s.cfg.Labels)
		s.status.Counters.Applies++
		return
	}
	reason := fleetdial.RejectInvalid
	if _, ok := errors.AsType[*fleetdial.MalformedError](s.decodeErr); ok {
		reason = fleetdial.RejectMalformed
	}
	s.status.Rejected = &fleetdial.Rejection{Reason: reason, Err: s.decodeErr, At: time.Now()}
	if s.status.Counters.Rejections == nil {
		s.status.Counters.Rejections = make(map[fleetdial.RejectReason]int64)
	}
	s.status.Counters.Rejections[reason]++
}

// turn sets the state.
func (s *Store) turn(state fleetdial.State, err error) {
	if s.status.State != state {
		s.status.State, s.status.Since = state, time.Now()
	}
	s.status.Err = err
}

// show makes a copy of the status the one that Status returns.
func (s *Store) show() {
	status := s.status.Clone()
	s.shown.Store(&status)
}

// DateOf returns a function for Config.Time that reads the clock of an HTTP server, such as an
// etcd server: http://127.0.0.1:2379/version. The clock of the server is the same for the whole
// fleet. The header Date has whole seconds, rounded down. One second is added, so that
// directives end up to a second early and never late.
func DateOf(client *http.Client, url string) func(context.Context) (time.Time, error) {
	return func(ctx context.Context) (time.Time, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodHead, url, http.NoBody)
		if err != nil {
			return time.Time{}, err
		}
		resp, err := client.Do(req)
		if err != nil {
			return time.Time{}, err
		}
		_ = resp.Body.Close()
		date, err := http.ParseTime(resp.Header.Get("Date"))
		return date.Add(time.Second), err
	}
}
