// Package fleetdial turns the diagnostics of a whole proxy fleet up and down without a restart. An operator publishes a
// set of directives ("record shapes and timing for tenant acme on Search, 1 request in 10, until 14:30"); every proxy
// has it within milliseconds and asks it on every request. Redis carries the set; each proxy holds a copy in memory.
//
// A proxy subscribes once and decides on each request:
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
// What Redis, the network or a clock does never gives a proxy a set that nobody published, never prolongs a directive
// beyond its expiry and never holds up a request: Load and Decide read memory only.
package fleetdial
