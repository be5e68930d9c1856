package fleetdial_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial"
)

// An operator publishes a set. A proxy of the fleet then decides on its requests.
func Example() {
	ctx := context.Background()
	// The proxy subscribes when it starts.
	sub, err := fleetdial.Subscribe(ctx, rdb, fleetdial.SubscriberConfig{Fleet: "shop"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sub.Close()

	// The operator publishes a set later.
	pub, err := fleetdial.NewPublisher(rdb, fleetdial.PublisherConfig{Fleet: "shop", PublishedBy: "alice"})
	if err != nil {
		fmt.Println(err)
		return
	}
	set, err := fleetdial.ParseSet([]byte(`{"directives":[
		{"id":"acme-search","level":"ShapeTiming","tenant":"acme","endpoint":"Search","ttl_secs":600}
	]}`), time.Now())
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := pub.Publish(ctx, set, fleetdial.PublishOptions{Reason: "slow searches"}); err != nil {
		fmt.Println(err)
		return
	}

	// The set arrives by itself within milliseconds. Refresh only waits for it.
	if err := sub.Refresh(ctx); err != nil {
		fmt.Println(err)
		return
	}
	for _, tenant := range []string{"acme", "globex"} {
		d := sub.Decide(fleetdial.Request{Tenant: tenant, Endpoint: fleetdial.Search, ID: "req-1"})
		fmt.Println(tenant, d.Level)
	}
	// Output:
	// acme ShapeTiming
	// globex Off
}

// A proxy subscribes when it starts, and closes the Subscriber before the client.
func ExampleSubscribe() {
	opts, err := fleetdial.ParseURL(os.Getenv("FLEETDIAL_REDIS_URL"))
	if err != nil {
		fmt.Println(err)
		return
	}
	rdb := redis.NewUniversalClient(opts)
	defer rdb.Close()
	sub, err := fleetdial.Subscribe(context.Background(), rdb, fleetdial.SubscriberConfig{
		Fleet:    "search",
		Instance: "proxy-1",
		Labels:   map[string]string{"zone": "eu-1"},
		Startup:  fleetdial.StartEmpty, // serve without directives while Redis is down
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sub.Close()

	d := sub.Decide(fleetdial.Request{Tenant: "acme", Endpoint: fleetdial.Search, ID: "req-1"})
	fmt.Println(d.Level) // nothing has been published yet
	// Output: Off
}

func ExampleSubscriber_OnChange() {
	ctx := context.Background()
	sub, err := fleetdial.Subscribe(ctx, rdb, fleetdial.SubscriberConfig{Fleet: "onchange"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sub.Close()
	called := make(chan bool)
	cancel := sub.OnChange(func(c fleetdial.Change) {
		fmt.Printf("version %d by %s: %s\n", c.To.Version, c.To.PublishedBy, c.To.Reason)
		for _, d := range c.Diff().Added {
			fmt.Println("added", d.ID)
		}
		close(called)
	})
	defer cancel()

	pub, err := fleetdial.NewPublisher(rdb, fleetdial.PublisherConfig{Fleet: "onchange", PublishedBy: "alice"})
	if err != nil {
		fmt.Println(err)
		return
	}
	set, err := fleetdial.ParseSet([]byte(`{"directives":[{"id":"acme","level":"Shape","tenant":"acme","ttl_secs":600}]}`), time.Now())
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := pub.Publish(ctx, set, fleetdial.PublishOptions{Reason: "slow searches"}); err != nil {
		fmt.Println(err)
		return
	}
	<-called
	// Output:
	// version 1 by alice: slow searches
	// added acme
}

// If the key goes away, a Subscriber keeps its set, and its Status says so.
func ExampleSubscriber_Status() {
	ctx := context.Background()
	pub, err := fleetdial.NewPublisher(rdb, fleetdial.PublisherConfig{Fleet: "status"})
	if err != nil {
		fmt.Println(err)
		return
	}
	set, err := fleetdial.ParseSet([]byte(`{"directives":[{"id":"acme","level":"Shape","tenant":"acme","ttl_secs":600}]}`), time.Now())
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := pub.Publish(ctx, set, fleetdial.PublishOptions{}); err != nil {
		fmt.Println(err)
		return
	}
	sub, err := fleetdial.Subscribe(ctx, rdb, fleetdial.SubscriberConfig{Fleet: "status"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sub.Close()
	status := sub.Status()
	fmt.Println(status.State, "at version", status.Revision.Version)

	rdb.Del(ctx, "fleetdial:{status}") // clearing the fleet is publishing an empty set instead
	if err := sub.Refresh(ctx); err != nil {
		fmt.Println(err)
		return
	}
	status = sub.Status()
	fmt.Println(status.State, "at version", status.Revision.Version, errors.Is(status.Err, fleetdial.ErrNoRevision))
	fmt.Println(sub.Decide(fleetdial.Request{Tenant: "acme"}).Level)
	// Output:
	// live at version 1
	// missing at version 1 true
	// Shape
}

// A host that reloads its configuration acquires the new lease before it closes the old one.
// If the configuration of the fleet is the same, the Subscriber stays.
func ExampleShared() {
	ctx := context.Background()
	var subscribers fleetdial.Shared // one for the whole program

	url, cfg := os.Getenv("FLEETDIAL_REDIS_URL"), fleetdial.SubscriberConfig{Fleet: "shared"}
	old, err := subscribers.Subscribe(ctx, url, cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	reloaded, err := subscribers.Subscribe(ctx, url, cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer reloaded.Close()
	fmt.Println("same subscriber:", old.Subscriber == reloaded.Subscriber)
	_ = old.Close()
	fmt.Println(fleetdial.Decide(reloaded, fleetdial.Request{Tenant: "acme"}).Level)
	// Output:
	// same subscriber: true
	// Off
}

func ExampleParseURL() {
	opts, err := fleetdial.ParseURL("redis+sentinel://10.0.0.1:26379,10.0.0.2:26379/main?read_timeout=1s")
	if err != nil {
		fmt.Println(err)
		return
	}
	rdb := redis.NewUniversalClient(opts) // connects when it is used
	defer rdb.Close()
	fmt.Println(opts.MasterName, opts.Addrs, opts.ReadTimeout)
	// Output: main [10.0.0.1:26379 10.0.0.2:26379] 1s
}
