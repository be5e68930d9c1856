package driver

import (
	"context"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial"
)

// follower is a subscriber with its client.
type follower struct {
	client redis.UniversalClient
	sub    *fleetdial.Subscriber
	// named says that the subscriber was given a name. fleetdial has a name by default.
	named bool
}

// follow starts a subscriber. Its first attempt to fetch the set may fail.
func (d *driver) follow(r *request) (any, error) {
	d.stop()
	opts, err := fleetdial.ParseURL(r.Redis)
	if err != nil {
		return nil, err
	}
	cfg := fleetdial.SubscriberConfig{
		Fleet: r.Fleet, Startup: fleetdial.StartEmpty, VerifyKeys: publicKeys(r.Keys),
		ResyncInterval:      time.Duration(r.ResyncMS) * time.Millisecond,
		SubscriptionTimeout: time.Duration(r.TimeoutMS) * time.Millisecond,
		Logger:              slog.New(slog.DiscardHandler),
	}
	if r.Instance != nil {
		cfg.Instance, cfg.Labels = r.Instance.Name, r.Instance.Labels
	}
	if d.variant.Resync != nil {
		cfg.ResyncInterval = d.variant.Resync(cfg.ResyncInterval)
	}
	f := &follower{client: redis.NewUniversalClient(opts), named: r.Instance != nil}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if f.sub, err = fleetdial.Subscribe(ctx, f.client, cfg); err != nil {
		_ = f.client.Close()
		return nil, err
	}
	d.follower = f
	return map[string]bool{"following": true}, nil
}

// state returns the state of the subscriber, and its decisions.
func (d *driver) state(r *request) (any, error) {
	if d.follower == nil {
		return nil, errNotFollowing
	}
	status := d.follower.sub.Status()
	now := time.Now()
	if d.variant.Now != nil {
		now = d.variant.Now(status)
	}
	set := status.Revision.Set
	if d.follower.named {
		set = d.follower.sub.Load()
	}
	decisions := d.decisions(set, r.Requests, now)
	return map[string]any{
		"state": status.State, "version": status.Revision.Version, "id": status.Revision.ID, "decisions": decisions,
	}, nil
}

// stop ends the subscriber, if there is one.
func (d *driver) stop() {
	if d.follower != nil {
		d.follower.sub.Close()
		_ = d.follower.client.Close()
		d.follower = nil
	}
}
