// Command program uses the API of fleetdial from another module, as a proxy and an operator's
// tool do. Its argument is the URL of a Redis.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := run(ctx, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, url string) error {
	if err := evaluate(); err != nil {
		return fmt.Errorf("evaluate: %w", err)
	}
	opts, err := fleetdial.ParseURL(url)
	if err != nil {
		return err
	}
	client := redis.NewUniversalClient(opts)
	defer client.Close()
	pub, err := fleetdial.NewPublisher(client, fleetdial.PublisherConfig{Fleet: "prod", PublishedBy: "alice"})
	if err != nil {
		return err
	}
	sub, err := fleetdial.Subscribe(ctx, client, fleetdial.SubscriberConfig{
		Fleet: "prod", ResyncInterval: time.Minute, SubscriptionTimeout: 5 * time.Second, ReportInterval: time.Second,
	})
	if err != nil {
		return err
	}
	if err := publish(ctx, pub, sub); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	if err := operate(ctx, pub); err != nil {
		return fmt.Errorf("operate: %w", err)
	}
	return sub.Close()
}

// check returns an error if a condition does not hold.
func check(ok bool, what string, got ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf("%s: got %v", what, got)
}

// evaluate decides on requests without Redis.
func evaluate() error {
	level, err := fleetdial.ParseLevel("ShapeTiming")
	if err != nil {
		return err
	}
	endpoint, err := fleetdial.ParseEndpoint("Search")
	if err != nil {
		return err
	}
	set, err := fleetdial.NewSet([]fleetdial.Directive{{
		ID: "acme", Match: fleetdial.Match{Tenant: "acme", Endpoint: endpoint}, Level: level, SamplePerMille: 1000,
		ExpiresAt: time.Now().Add(time.Hour),
	}})
	if err != nil {
		return err
	}
	req := fleetdial.Request{Tenant: "acme", Index: "orders", Endpoint: fleetdial.Search, ID: "r"}
	want := fleetdial.Decision{Level: fleetdial.ShapeTiming, By: "acme"}
	memory := fleetdial.NewMemory()
	memory.Publish(set)
	for _, store := range []fleetdial.Store{memory, fleetdial.Static(set)} {
		if err := check(store.Load().Evaluate(req, time.Now()) == want, "Set.Evaluate"); err != nil {
			return err
		}
		if err := check(fleetdial.Decide(store, req) == want, "Decide"); err != nil {
			return err
		}
	}
	diff := fleetdial.DiffSets(nil, set)
	return check(set.Len() == 1 && diff.Len() == 1, "Set.Len and DiffSets", set.Len(), diff)
}

// publish publishes a set, and sees it in a subscriber.
func publish(ctx context.Context, pub *fleetdial.Publisher, sub *fleetdial.Subscriber) error {
	changes := make(chan fleetdial.Change, 1)
	cancel := sub.OnChange(func(c fleetdial.Change) { changes <- c })
	defer cancel()
	now, err := pub.Now(ctx)
	if err != nil {
		return err
	}
	set, err := fleetdial.ParseSet([]byte(`{"directives":[{"id":"all","level":"Shape","ttl_secs":600}]}`), now)
	if err != nil {
		return err
	}
	rev, err := pub.Publish(ctx, set, fleetdial.PublishOptions{IfVersion: fleetdial.IfAbsent, Reason: "test"})
	if err != nil {
		return err
	}
	select {
	case change := <-changes:
		if err := check(change.To.ID == rev.ID, "OnChange", change); err != nil {
			return err
		}
	case <-ctx.Done():
		return fmt.Errorf("no change: %w", ctx.Err())
	}
	if err := sub.Refresh(ctx); err != nil {
		return err
	}
	status := sub.Status()
	if err := check(status.State == fleetdial.StateLive && status.Revision.PublishedBy == "alice", "Status", status); err != nil {
		return err
	}
	d := sub.Decide(fleetdial.Request{Tenant: "acme", Index: "orders", Endpoint: fleetdial.Search, ID: "r"})
	return check(sub.Load().Len() == 1 && d.Level == fleetdial.Shape && d.By == "all", "Decide", d)
}

// operate does what an operator's tool does after the first publish.
func operate(ctx context.Context, pub *fleetdial.Publisher) error {
	first, err := pub.Current(ctx)
	if err != nil {
		return err
	}
	_, err = pub.Publish(ctx, nil, fleetdial.PublishOptions{IfVersion: fleetdial.IfAbsent})
	if conflict := new(fleetdial.ConflictError); !errors.As(err, &conflict) || conflict.PublishedBy != "alice" {
		return fmt.Errorf("IfAbsent: got %w", err)
	}
	updated, err := pub.Update(ctx, func(fleetdial.Revision) (*fleetdial.Set, error) {
		return fleetdial.NewSet(nil)
	}, fleetdial.PublishOptions{})
	if err != nil {
		return err
	}
	back, _, err := pub.Rollback(ctx, first.Version, fleetdial.RollbackOptions{})
	if err != nil {
		return err
	}
	history, err := pub.History(ctx)
	if err != nil {
		return err
	}
	if err := check(len(history) == 3 && history[0].Revision.ID == back.ID, "History", history); err != nil {
		return err
	}
	if err := check(fleetdial.DiffSets(updated.Set, back.Set).Len() == 1, "DiffSets"); err != nil {
		return err
	}
	return wait(ctx, pub, back)
}

// wait follows a revision through the roster.
func wait(ctx context.Context, pub *fleetdial.Publisher, rev fleetdial.Revision) error {
	var roster fleetdial.Roster
	for len(roster.Instances) == 0 {
		var err error
		if roster, err = pub.Roster(ctx); err != nil {
			return err
		}
	}
	if status, err := pub.Wait(ctx, rev, roster, fleetdial.WaitOptions{}); err != nil || status.Applied != 1 {
		return fmt.Errorf("Wait: %+v: %w", status, err)
	}
	if _, err := pub.Wait(ctx, rev, fleetdial.Roster{}, fleetdial.WaitOptions{}); !errors.Is(err, fleetdial.ErrNoInstances) {
		return fmt.Errorf("Wait without instances: %w", err)
	}
	lost := fleetdial.Revision{Version: rev.Version + 1}
	if _, err := pub.Wait(ctx, lost, roster, fleetdial.WaitOptions{}); !errors.Is(err, fleetdial.ErrRevisionLost) {
		return fmt.Errorf("Wait for a lost revision: %w", err)
	}
	soon, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	_, err := pub.Wait(soon, rev, roster, fleetdial.WaitOptions{MinInstances: 2})
	if !errors.Is(err, fleetdial.ErrWaitIncomplete) {
		return fmt.Errorf("Wait for two instances: %w", err)
	}
	return nil
}
