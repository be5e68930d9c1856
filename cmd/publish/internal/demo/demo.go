// Package demo shows fleetdial at work: an embedded Redis, five proxies and a publisher
// in one process.
package demo

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial"
)

const (
	proxies = 5
	// timeLimit ends a demo whose proxies do not converge.
	timeLimit = 15 * time.Second
)

// Run runs the demo, which takes a few seconds, and writes each step to out. author is
// the author of its revisions.
func Run(ctx context.Context, out io.Writer, author string) error {
	ctx, cancel := context.WithTimeout(ctx, timeLimit)
	defer cancel()
	server, err := miniredis.Run()
	if err != nil {
		return fmt.Errorf("start the embedded Redis: %w", err)
	}
	defer server.Close()
	d := &demo{screen: newScreen(out)}
	defer d.close()
	client := newClient(server.Addr())
	defer client.Close()
	d.publisher, err = fleetdial.NewPublisher(client, fleetdial.PublisherConfig{PublishedBy: author})
	if err != nil {
		return err
	}
	for i := range proxies {
		if err := d.addProxy(ctx, fmt.Sprintf("proxy-%d", i+1), server.Addr()); err != nil {
			return err
		}
	}
	return d.play(ctx)
}

// demo is a fleet in one process.
type demo struct {
	publisher *fleetdial.Publisher
	proxies   []*proxy
	screen    screen
	// published is the time at which the last publish began. The zero time hides the
	// column TOOK.
	published time.Time
}

// proxy is a subscriber that serves no traffic.
type proxy struct {
	name   string
	client *redis.Client
	sub    *fleetdial.Subscriber

	mu      sync.Mutex
	applied time.Time // of the last revision
}

func newClient(addr string) *redis.Client {
	opts, err := fleetdial.ParseURL("redis://" + addr)
	if err != nil {
		panic(err) // the embedded Redis has a valid address
	}
	return redis.NewClient(opts.Simple())
}

func (d *demo) addProxy(ctx context.Context, name, addr string) error {
	p := &proxy{name: name, client: newClient(addr)}
	d.proxies = append(d.proxies, p)
	var err error
	p.sub, err = fleetdial.Subscribe(ctx, p.client, fleetdial.SubscriberConfig{
		Instance: p.name, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	p.sub.OnChange(func(fleetdial.Change) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.applied = time.Now()
	})
	return nil
}

func (d *demo) close() {
	for _, p := range d.proxies {
		if p.sub != nil {
			_ = p.sub.Close()
		}
		_ = p.client.Close()
	}
}

// has reports whether the proxy has applied the revision and its listener has noted the
// time.
func (p *proxy) has(rev fleetdial.Revision) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	status := p.sub.Status()
	return status.Revision.ID == rev.ID && !p.applied.Before(status.AppliedAt)
}

// appliedSince returns how long after that time the proxy applied its last revision. ok
// is false if the proxy applied no revision since then.
func (p *proxy) appliedSince(published time.Time) (took time.Duration, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.applied.Sub(published), !published.IsZero() && p.applied.After(published)
}
