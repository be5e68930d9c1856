// Package fleetdial changes the diagnostics of a whole proxy fleet without a restart. An
// operator publishes a set of directives ("record shapes and timing for tenant acme on
// Search, 1 request in 10, until 14:30"). Every proxy has the set within milliseconds,
// and evaluates it on every request. Redis carries the set. Each proxy holds a copy in
// memory.
//
// A proxy subscribes once, and decides on each request:
//
//	sub, err := fleetdial.Subscribe(ctx, rdb, fleetdial.SubscriberConfig{Fleet: "prod"})
//	if err != nil {
//		return err
//	}
//	defer sub.Close()
//
//	d := sub.Decide(fleetdial.Request{Tenant: "acme", Endpoint: fleetdial.Search, ID: requestID})
//	if d.Level >= fleetdial.ShapeTiming {
//		// record shapes and timing
//	}
//
// No fault of Redis, the network or a clock gives a proxy a set that was not published,
// extends a directive beyond its expiry, or delays a request. Load and Decide read memory
// only.
package fleetdial
