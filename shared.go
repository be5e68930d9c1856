package fleetdial

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial/internal/redisstore"
)

// Shared shares Subscribers within a program, so that a program that reloads its
// configuration keeps its Subscriber. The new configuration acquires a lease before the old
// configuration closes its lease. If both acquire the lease with the same key, both use the
// same Subscriber. When the last lease is closed, the Subscriber is closed too.
//
//	var subscribers fleetdial.Shared // one for the whole program
//
//	lease, err := subscribers.Subscribe(ctx, url, cfg) // in each configuration
//	if err != nil {
//		return err
//	}
//	defer lease.Close()
//
// The zero Shared is ready to use. A Shared is safe for concurrent use and must not be copied.
type Shared struct {
	mu sync.Mutex
	// all has one entry for each Subscriber that is being opened, is open or is being closed.
	all map[string]*sharedSubscriber
}

// sharedSubscriber is a Subscriber with its references. Shared.mu guards refs and loggers. The
// other fields do not change once opened is closed.
type sharedSubscriber struct {
	refs   int           // 0 if the Subscriber is being closed or could not be opened
	opened chan struct{} // closed when open has returned
	gone   chan struct{} // closed when the entry is no longer in Shared.all
	sub    *Subscriber   // nil if open failed
	client io.Closer     // closed after the Subscriber; nil if the caller of Acquire closes the client

	loggers []leaseLogger // the loggers of the open leases of Subscribe, the newest last
}

type leaseLogger struct {
	lease  *Lease
	logger *slog.Logger
}

// Lease is a reference to a shared [Subscriber], and has its methods. A Lease is a
// [StatusStore].
//
// Close gives back only the lease. Do not call the Close of the field Subscriber, because
// that closes the Subscriber for all leases. SetLogger sets the logger for all leases.
type Lease struct {
	*Subscriber
	entry   *sharedSubscriber
	release func() error // once

	mu        sync.Mutex
	closed    bool
	added     int            // how many listeners were added
	listeners map[int]func() // what cancels those that are not cancelled, by their number
}

var _ StatusStore = (*Lease)(nil)

// Subscribe returns a lease on the Subscriber with this URL and configuration. If there
// is no such Subscriber, Subscribe makes a client with [ParseURL], and calls the function
// [Subscribe]. The Close of the last lease closes the Subscriber and then the client.
//
// Two configurations are the same if all fields except Logger are equal. The Subscriber
// uses the Logger of the newest lease that is open. If a reload changes any other field,
// two Subscribers run until the old lease is closed. They need different SnapshotFiles.
// If both have the same Instance, the roster shows both until then: see
// SubscriberConfig.Instance.
//
// Ctx bounds the start, as in the function Subscribe. The error is that of ParseURL or
// Subscribe, or wraps ctx.Err(). The error contains no part of the URL.
func (s *Shared) Subscribe(ctx context.Context, url string, cfg SubscriberConfig) (*Lease, error) {
	logger, same := cfg.Logger, cfg
	if err := same.check(); err != nil { // fills in the defaults
		return nil, fmt.Errorf("fleetdial: subscribe: %w", err)
	}
	// check has set the Instance to a name that is different in each call. Loggers are not
	// compared.
	same.Instance, same.Logger = cfg.Instance, nil
	same.Fleet = cmp.Or(same.Fleet, redisstore.DefaultFleet)
	// A nil and an empty value mean the same, except for Capabilities.
	if len(same.Labels) == 0 {
		same.Labels = nil
	}
	if len(same.VerifyKeys) == 0 {
		same.VerifyKeys = nil
	}
	key := fmt.Sprintf("%q %#v", url, same)
	lease, err := s.Acquire(ctx, key, func(ctx context.Context) (*Subscriber, io.Closer, error) {
		opts, err := ParseURL(url)
		if err != nil {
			return nil, nil, err
		}
		client := redis.NewUniversalClient(opts)
		sub, err := Subscribe(ctx, client, cfg)
		if err != nil {
			_ = client.Close()
			return nil, nil, err
		}
		return sub, client, nil
	})
	if err != nil {
		return nil, err
	}
	s.useLogger(lease.entry, lease, logger)
	return lease, nil
}

// Acquire returns a lease on the Subscriber with the key. If there is no such Subscriber,
// Acquire calls open, and keeps the Subscriber that open returns. The Close of the last
// lease closes the Subscriber and then the io.Closer, which is usually the client. If
// open returns no io.Closer, the caller closes the client. Two configurations for which
// open returns different Subscribers must have different keys. The key can be the text of
// the configuration, for example.
//
// Acquire calls open for a key only if no other call for the key is active, and after an
// earlier Subscriber with the key is closed. Acquire returns the error of its own call of
// open. Another caller that waits for that call then calls its own open. Open must close
// everything that it opened before it returns an error. If ctx ends while Acquire waits
// for another caller, the error wraps ctx.Err().
func (s *Shared) Acquire(
	ctx context.Context, key string, open func(context.Context) (*Subscriber, io.Closer, error),
) (*Lease, error) {
	for {
		s.mu.Lock()
		e := s.all[key]
		switch {
		case e == nil:
			e = s.add(key)
			s.mu.Unlock()
			return s.open(ctx, key, e, open)
		case e.refs == 0:
			s.mu.Unlock()
			if err := waitFor(ctx, e.gone); err != nil {
				return nil, err
			}
			continue
		}
		e.refs++
		s.mu.Unlock()
		if err := waitFor(ctx, e.opened); err != nil {
			s.release(key, e)
			return nil, err
		}
		if e.sub != nil {
			return s.lease(key, e), nil
		}
	}
}

// waitFor waits for a channel to be closed.
func waitFor(ctx context.Context, closed <-chan struct{}) error {
	select {
	case <-closed:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("fleetdial: wait for the shared subscriber: %w", ctx.Err())
	}
}

// add adds an entry with one reference. The caller holds mu.
func (s *Shared) add(key string) *sharedSubscriber {
	if s.all == nil {
		s.all = make(map[string]*sharedSubscriber)
	}
	e := &sharedSubscriber{refs: 1, opened: make(chan struct{}), gone: make(chan struct{})}
	s.all[key] = e
	return e
}

// open opens the Subscriber of a new entry. If open fails or panics, the entry is removed, and
// each caller that waits for it begins again.
func (s *Shared) open(
	ctx context.Context, key string, e *sharedSubscriber, open func(context.Context) (*Subscriber, io.Closer, error),
) (*Lease, error) {
	defer func() {
		if e.sub == nil {
			s.remove(key, e)
		}
		close(e.opened)
	}()
	sub, client, err := open(ctx)
	if err == nil && sub == nil {
		err = errors.New("fleetdial: open a shared subscriber: open returned no Subscriber")
	}
	if err != nil {
		return nil, err
	}
	e.sub, e.client = sub, client
	return s.lease(key, e), nil
}

// remove removes an entry whose Subscriber is closed or could not be opened.
func (s *Shared) remove(key string, e *sharedSubscriber) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.refs = 0
	delete(s.all, key)
	close(e.gone)
}

// lease returns a lease for a reference that the caller has taken.
func (s *Shared) lease(key string, e *sharedSubscriber) *Lease {
	l := &Lease{Subscriber: e.sub, entry: e}
	l.release = sync.OnceValue(func() error {
		s.forgetLogger(e, l)
		return s.release(key, e)
	})
	return l
}

// release gives one reference back. The last one closes the Subscriber.
func (s *Shared) release(key string, e *sharedSubscriber) (err error) {
	s.mu.Lock()
	e.refs-- // below 0 after open failed, so that nothing is closed then
	last := e.refs == 0
	s.mu.Unlock()
	if !last {
		return nil
	}
	defer s.remove(key, e)
	_ = e.sub.Close()
	if e.client != nil {
		err = e.client.Close()
	}
	return err
}

// useLogger makes the Subscriber use the logger of a lease.
func (s *Shared) useLogger(e *sharedSubscriber, l *Lease, logger *slog.Logger) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.loggers = append(e.loggers, leaseLogger{l, logger})
	e.sub.SetLogger(logger)
}

// forgetLogger makes the Subscriber use the logger of the newest other lease that is
// open.
func (s *Shared) forgetLogger(e *sharedSubscriber, l *Lease) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.loggers = slices.DeleteFunc(e.loggers, func(other leaseLogger) bool { return other.lease == l })
	if n := len(e.loggers); n > 0 {
		e.sub.SetLogger(e.loggers[n-1].logger)
	}
}

// Close gives the lease back, and cancels its listeners. The last Close of all leases closes
// the Subscriber, and returns the error of closing its client. Any other Close returns nil. A
// lease that is closed twice counts once. A listener must not call Close.
func (l *Lease) Close() error {
	l.mu.Lock()
	listeners := l.listeners
	l.closed, l.listeners = true, nil
	l.mu.Unlock()
	for _, cancel := range listeners {
		cancel()
	}
	return l.release()
}

// OnChange is [Subscriber.OnChange] for a listener that Close cancels. After Close, OnChange
// does nothing.
func (l *Lease) OnChange(listener func(Change)) (cancel func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return func() {}
	}
	if l.listeners == nil {
		l.listeners = make(map[int]func())
	}
	l.added++
	number, stop := l.added, l.Subscriber.OnChange(listener)
	l.listeners[number] = stop
	return func() {
		stop()
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.listeners, number)
	}
}
