package fleetdial_test

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial"
)

// A proxy subscribes once, and asks on each request.
func ExampleSubscribe() {
	opts, err := fleetdial.ParseURL("redis://127.0.0.1:6379")
	if err != nil {
		fmt.Println(err)
		return
	}
	rdb := redis.NewUniversalClient(opts)
	defer rdb.Close()
	sub, err := fleetdial.Subscribe(context.Background(), rdb, fleetdial.SubscriberConfig{Fleet: "prod"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sub.Close()
	if d := sub.Decide(fleetdial.Request{Tenant: "acme", ID: "req-1"}); d.Level >= fleetdial.ShapeTiming {
		fmt.Println("recorded for", d.By)
	}
}

func ExampleMemory() {
	set, err := fleetdial.ParseSet([]byte(`{"directives":[
		{"id":"acme-search","level":"ShapeTiming","tenant":"acme","endpoint":"Search","ttl_secs":600}
	]}`), time.Now())
	if err != nil {
		fmt.Println(err)
		return
	}
	store := fleetdial.NewMemory()
	store.Publish(set)

	req := fleetdial.Request{Tenant: "acme", Index: "orders", Endpoint: fleetdial.Search, ID: "req-1"}
	d := store.Load().Evaluate(req, time.Now())
	fmt.Println(d.Level, d.By)
	// Output: ShapeTiming acme-search
}

func ExampleParseSet() {
	_, err := fleetdial.ParseSet([]byte(`{"directives":[{"id":"a","level":"Shape","ttl_secs":60,"tenant":5}]}`), time.Now())
	fmt.Println(err)
	// Output: directives[0].tenant: must be a string, not a number
}

func ExampleDecide() {
	set, err := fleetdial.NewSet([]fleetdial.Directive{{
		ID: "acme", Level: fleetdial.Shape, SamplePerMille: 1000, ExpiresAt: time.Now().Add(time.Minute),
		Match: fleetdial.Match{Tenant: "acme"},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	store := fleetdial.Static(set)
	fmt.Println(fleetdial.Decide(store, fleetdial.Request{Tenant: "acme"}).Level)
	fmt.Println(fleetdial.Decide(store, fleetdial.Request{Tenant: "globex"}).Level)
	// Output:
	// Shape
	// Off
}

// A token has a single request recorded, by whichever proxy it reaches.
func ExampleSignToken() {
	key := []byte("0123456789abcdef0123456789abcdef")
	token, err := fleetdial.SignToken(key, fleetdial.Directive{
		Level: fleetdial.ShapeTiming, SamplePerMille: 1000, ExpiresAt: time.Now().Add(5 * time.Minute),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := fleetdial.ParseToken(key, token, time.Now(), time.Hour)
	fmt.Println(d.ID, d.Level, err)
	_, err = fleetdial.ParseToken([]byte("another key of enough bytes"), token, time.Now(), time.Hour)
	fmt.Println(err)
	// Output:
	// x-debug-header ShapeTiming <nil>
	// the token was not signed with this key
}

// A host that reloads its configuration acquires the new lease before it closes the old one.
// If the configuration of the fleet is the same, the Subscriber stays.
func ExampleShared() {
	var subscribers fleetdial.Shared // one for the whole program

	load := func(instance string) (*fleetdial.Lease, error) {
		return subscribers.Subscribe(context.Background(), "redis://127.0.0.1:6379", fleetdial.SubscriberConfig{
			Fleet: "example", Instance: instance, Startup: fleetdial.StartEmpty, Logger: slog.New(slog.DiscardHandler),
		})
	}
	old, err := load("web-1")
	if err != nil {
		fmt.Println(err)
		return
	}
	reloaded, err := load("web-1")
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

// A store of one's own keeps what its server holds as the value of EncodeRevision, and counts
// the expiries on the clock of its server.
func ExampleClock() {
	set, err := fleetdial.NewSet([]fleetdial.Directive{{
		ID: "acme", Level: fleetdial.Shape, SamplePerMille: 1000, ExpiresAt: time.Now().Add(time.Minute),
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	value, err := fleetdial.EncodeRevision(fleetdial.Revision{
		Version: 1, ID: "00112233445566778899aabbccddeeff", PublishedAt: time.Now(), Set: set,
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	rev, err := fleetdial.DecodeRevision(value)
	if err != nil {
		fmt.Println(err)
		return
	}
	var clock fleetdial.Clock
	var memory fleetdial.Memory
	serverTime := func() (time.Time, error) { return time.Now().Add(time.Hour), nil } // an hour ahead
	if err := clock.Read(serverTime); err != nil {
		fmt.Println(err) // the clock of this machine counts
	}
	memory.Publish(clock.Anchor(rev.Set))
	fmt.Println(fleetdial.Decide(fleetdial.Static(rev.Set), fleetdial.Request{}).Level, "by the clock of this machine")
	fmt.Println(fleetdial.Decide(&memory, fleetdial.Request{}).Level, "by the clock of the server")
	// Output:
	// Shape by the clock of this machine
	// Off by the clock of the server
}
