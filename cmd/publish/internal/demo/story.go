package demo

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/examples"
)

const (
	// shortTTL is the lifetime of the directive whose expiry the demo shows.
	shortTTL = 3 * time.Second
	// stepPause is the time between two steps, so that an operator can read the table.
	stepPause = 1200 * time.Millisecond
)

// play runs the steps of the demo.
func (d *demo) play(ctx context.Context) error {
	d.screen.step("five proxies follow fleet \"default\" on an embedded Redis, which has no revision yet")
	d.draw()
	if err := d.pause(ctx); err != nil {
		return err
	}
	if err := d.publishIncident(ctx); err != nil {
		return err
	}
	if err := d.showCanary(ctx); err != nil {
		return err
	}
	if err := d.showExpiry(ctx); err != nil {
		return err
	}
	err := d.publish(ctx, "publish clear", func() (fleetdial.Revision, error) {
		return d.publisher.Publish(ctx, nil, fleetdial.PublishOptions{Reason: "done"})
	})
	if err != nil {
		return err
	}
	d.screen.pane.Keep()
	d.screen.step("done; publish --help lists all commands")
	return nil
}

func (d *demo) publishIncident(ctx context.Context) error {
	err := d.publish(ctx, "publish -f examples/incident.json", func() (fleetdial.Revision, error) {
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

// showCanary adds a directive that only the first proxy evaluates.
func (d *demo) showCanary(ctx context.Context) error {
	canary := d.proxies[0].name
	step := fmt.Sprintf("publish add --id short --level Shape --tenant globex --ttl %v --on-instance %s", shortTTL, canary)
	err := d.publish(ctx, step, func() (fleetdial.Revision, error) {
		return d.addShort(ctx, &fleetdial.Instances{Names: []string{canary}})
	})
	if err != nil {
		return err
	}
	return d.pause(ctx)
}

// showExpiry widens the directive to all proxies, and waits until every proxy has expired it.
func (d *demo) showExpiry(ctx context.Context) error {
	step := fmt.Sprintf("publish add --id short --level Shape --tenant globex --ttl %v", shortTTL)
	err := d.publish(ctx, step, func() (fleetdial.Revision, error) { return d.addShort(ctx, nil) })
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
	d.screen.step("%.1fs later the directive has ended on every proxy, without another message from Redis",
		time.Since(began).Seconds())
	d.draw()
	return d.pause(ctx)
}

// addShort adds the directive short, or replaces it.
func (d *demo) addShort(ctx context.Context, on *fleetdial.Instances) (fleetdial.Revision, error) {
	now, err := d.publisher.Now(ctx)
	if err != nil {
		return fleetdial.Revision{}, err
	}
	return d.publisher.Update(ctx, func(current fleetdial.Revision) (*fleetdial.Set, error) {
		others := slices.DeleteFunc(current.Set.Directives(), func(d fleetdial.Directive) bool { return d.ID == "short" })
		return fleetdial.NewSet(append(others, fleetdial.Directive{
			ID: "short", Match: fleetdial.Match{Tenant: shortRequest.Tenant}, Level: fleetdial.Shape,
			SamplePerMille: 1000, ExpiresAt: now.Add(shortTTL), Instances: on,
		}))
	}, fleetdial.PublishOptions{})
}

// publish shows the step, publishes, and waits until every proxy has the revision.
func (d *demo) publish(ctx context.Context, step string, publish func() (fleetdial.Revision, error)) error {
	d.screen.step("%s", step)
	d.published = time.Now()
	rev, err := publish()
	if err != nil {
		return err
	}
	for _, p := range d.proxies {
		for !p.has(rev) {
			if err := sleep(ctx, time.Millisecond); err != nil {
				return fmt.Errorf("wait until %s has version %d: %w", p.name, rev.Version, err)
			}
			d.redraw()
		}
	}
	d.draw()
	return nil
}

// pause lets the operator read the table for [stepPause].
func (d *demo) pause(ctx context.Context) error {
	for end := time.Now().Add(stepPause); time.Now().Before(end); d.redraw() {
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
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
