package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/examples"
)

const (
	demoProxies = 5
	demoTime    = 15 * time.Second
	// demoShortTTL is the life of the directive that the demo sees end.
	demoShortTTL = 3 * time.Second
	// demoPause is how long each step stands.
	demoPause = 1200 * time.Millisecond
)

func (a *app) demoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Show it all in a few seconds, with nothing installed",
		Long: "demo runs an embedded Redis and five proxies in this process, publishes a set, shows each proxy taking it\n" +
			"and what it decides, lets a directive expire, and clears the fleet. It touches no other Redis.",
		Example: `  publish demo`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), demoTime)
			defer cancel()
			return a.demo(ctx)
		},
	}
}

// demo is a fleet in one process.
type demo struct {
	publisher *fleetdial.Publisher
	proxies   []*demoProxy
	screen    screen
	// published is when the last publish began; zero where there is none to show.
	published time.Time
}

// demoProxy is a proxy that has nothing to do but to follow.
type demoProxy struct {
	name   string
	client *redis.Client
	sub    *fleetdial.Subscriber

	mu      sync.Mutex
	applied time.Time // when it last took a revision
}

func (a *app) demo(ctx context.Context) error {
	server, err := miniredis.Run()
	if err != nil {
		return fmt.Errorf("start the embedded Redis: %w", err)
	}
	defer server.Close()
	d := &demo{screen: newScreen(a.stdout)}
	defer d.close()
	client := d.client(server.Addr())
	defer client.Close()
	if d.publisher, err = fleetdial.NewPublisher(client, fleetdial.PublisherConfig{PublishedBy: operator()}); err != nil {
		return err
	}
	for i := range demoProxies {
		if err := d.addProxy(ctx, fmt.Sprintf("proxy-%d", i+1), server.Addr()); err != nil {
			return err
		}
	}
	return d.play(ctx)
}

func (d *demo) client(addr string) *redis.Client {
	opts, err := fleetdial.ParseURL("redis://" + addr)
	if err != nil {
		panic(err) // the address is our own
	}
	return redis.NewClient(opts.Simple())
}

func (d *demo) addProxy(ctx context.Context, name, addr string) error {
	p := &demoProxy{name: name, client: d.client(addr)}
	d.proxies = append(d.proxies, p)
	var err error
	p.sub, err = fleetdial.Subscribe(ctx, p.client, fleetdial.SubscriberConfig{
		Instance: p.name,
		Logger:   discard,
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

// play is the story, step by step.
func (d *demo) play(ctx context.Context) error {
	d.screen.step("five proxies follow fleet \"default\" on an embedded Redis; nothing is published yet")
	d.draw()
	if err := d.pause(ctx); err != nil {
		return err
	}
	if err := d.publishIncident(ctx); err != nil {
		return err
	}
	if err := d.watchExpiry(ctx); err != nil {
		return err
	}
	err := d.take(ctx, "publish clear: an empty set, which clears the fleet", func() (fleetdial.Revision, error) {
		return d.publisher.Publish(ctx, nil, fleetdial.PublishOptions{Reason: "done"})
	})
	if err == nil {
		d.screen.keep()
		d.screen.step("done: publish --help tells the rest")
	}
	return err
}

func (d *demo) publishIncident(ctx context.Context) error {
	err := d.take(ctx, "publish -f examples/incident.json", func() (fleetdial.Revision, error) {
		now, err := d.publisher.Now(ctx)
		if err != nil {
			return fleetdial.Revision{}, err
		}
		set, err := fleetdial.ParseSet(examples.Incident, now)
		if err != nil {
			return fleetdial.Revision{}, err
		}
		return d.publisher.Publish(ctx, set, fleetdial.PublishOptions{Reason: "slow searches"})
	})
	if err != nil {
		return err
	}
	return d.pause(ctx)
}

// watchExpiry adds a directive and sees it end by itself.
func (d *demo) watchExpiry(ctx context.Context) error {
	step := fmt.Sprintf("publish add --id short --level Shape --tenant globex --ttl %v", demoShortTTL)
	err := d.take(ctx, step, func() (fleetdial.Revision, error) {
		now, err := d.publisher.Now(ctx)
		if err != nil {
			return fleetdial.Revision{}, err
		}
		return d.publisher.Update(ctx, func(current fleetdial.Revision) (*fleetdial.Set, error) {
			return fleetdial.NewSet(append(current.Set.Directives(), fleetdial.Directive{
				ID: "short", Match: fleetdial.Match{Tenant: "globex"}, Level: fleetdial.Shape, SamplePerMille: 1000,
				ExpiresAt: now.Add(demoShortTTL),
			}))
		}, fleetdial.PublishOptions{})
	})
	if err != nil {
		return err
	}
	began := time.Now()
	for _, p := range d.proxies {
		for p.sub.Decide(shortRequest).Level != fleetdial.Off {
			if err := sleep(ctx, 20*time.Millisecond); err != nil {
				return err
			}
			d.redraw()
		}
	}
	d.published = time.Time{}
	d.screen.step("%.1fs later the directive has ended on every proxy: nothing was sent, no clock was asked but their own",
		time.Since(began).Seconds())
	d.draw()
	return d.pause(ctx)
}

// take publishes, and waits until every proxy has what was published.
func (d *demo) take(ctx context.Context, step string, publish func() (fleetdial.Revision, error)) error {
	d.screen.step("%s", step)
	d.published = time.Now()
	rev, err := publish()
	if err != nil {
		return err
	}
	for _, p := range d.proxies {
		for !p.has(rev) {
			if err := sleep(ctx, time.Millisecond); err != nil {
				return fmt.Errorf("%s did not take version %d: %w", p.name, rev.Version, err)
			}
			d.redraw()
		}
	}
	d.draw()
	return nil
}

func (d *demo) draw() { d.screen.show(d.rows(), d.decisions()) }

// redraw brings a live table up to date; plain lines would only repeat themselves.
func (d *demo) redraw() {
	if d.screen.live {
		d.draw()
	}
}

// pause lets an eye follow.
func (d *demo) pause(ctx context.Context) error {
	for end := time.Now().Add(demoPause); time.Now().Before(end); d.redraw() {
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// has reports whether the proxy has the revision, and its listener has noted when.
func (p *demoProxy) has(rev fleetdial.Revision) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	status := p.sub.Status()
	return status.Revision.ID == rev.ID && !p.applied.Before(status.AppliedAt)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
