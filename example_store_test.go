package fleetdial_test

import (
	"context"
	"fmt"
	"time"

	"github.com/fleetdial/fleetdial"
)

// A Memory is a store without Redis, for a single instance. It keeps the counts and the limits
// of directives that stay.
func ExampleMemory() {
	set, err := fleetdial.ParseSet([]byte(`{"directives":[
		{"id":"acme-search","level":"ShapeTiming","tenant":"acme","endpoint":"Search","ttl_secs":600}
	]}`), time.Now())
	if err != nil {
		fmt.Println(err)
		return
	}
	var memory fleetdial.Memory
	memory.Publish(set)

	req := fleetdial.Request{Tenant: "acme", Index: "orders", Endpoint: fleetdial.Search, ID: "req-1"}
	d := fleetdial.Decide(&memory, req)
	fmt.Println(d.Level, d.By)
	fmt.Println(memory.Load().Hits()[0].Applied, "request")
	// Output:
	// ShapeTiming acme-search
	// 1 request
}

// A Static store suits a test of a program that decides.
func ExampleStatic() {
	set, err := fleetdial.ParseSet([]byte(`{"directives":[{"id":"acme","level":"Shape","tenant":"acme","ttl_secs":60}]}`), time.Now())
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

// The decision travels in the context of the request.
func ExampleWithDecision() {
	handle := func(ctx context.Context) {
		if d := fleetdial.DecisionFrom(ctx); d.Level >= fleetdial.ShapeTiming {
			fmt.Println("record the stages, because of", d.By)
		}
	}
	ctx := context.Background()
	handle(ctx)
	handle(fleetdial.WithDecision(ctx, fleetdial.Decision{Level: fleetdial.ShapeTiming, By: "acme-search"}))
	// Output: record the stages, because of acme-search
}

// A token records a single request, on whichever proxy the request reaches.
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

// The file has a public key in PEM, as `publish keygen` and openssl write it.
func ExampleParseVerifyKeys() {
	keys, err := fleetdial.ParseVerifyKeys([]byte(`-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(fleetdial.KeyID(keys[0]))
	// Output: e744c0791320c328
}

// A store of one's own keeps what its server holds as the value of EncodeRevision.
func ExampleEncodeRevision() {
	set, err := fleetdial.ParseSet([]byte(`{"directives":[{"id":"acme","level":"Shape","tenant":"acme","ttl_secs":600}]}`), time.Now())
	if err != nil {
		fmt.Println(err)
		return
	}
	value, err := fleetdial.EncodeRevision(fleetdial.Revision{
		Version: 1, ID: "00112233445566778899aabbccddeeff", PublishedAt: time.Now(), PublishedBy: "alice", Set: set,
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
	fmt.Println(rev.Version, rev.PublishedBy, rev.Set.Len())
	// Output: 1 alice 1
}

// A store of one's own counts the expiries on the clock of its server.
func ExampleClock() {
	set, err := fleetdial.ParseSet([]byte(`{"directives":[{"id":"acme","level":"Shape","tenant":"acme","ttl_secs":60}]}`), time.Now())
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
	memory.Publish(clock.Anchor(set))

	req := fleetdial.Request{Tenant: "acme"}
	fmt.Println(fleetdial.Decide(fleetdial.Static(set), req).Level, "by the clock of this machine")
	fmt.Println(fleetdial.Decide(&memory, req).Level, "by the clock of the server")
	// Output:
	// Shape by the clock of this machine
	// Off by the clock of the server
}
