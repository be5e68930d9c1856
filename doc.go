// Package fleetdial changes the diagnostics of a whole proxy fleet without a restart. An
// operator publishes a set of directives ("record shapes and timing for tenant acme on
// Search, 1 request in 10, until 14:30"). Every proxy has the set within milliseconds,
// and evaluates it on every request. Redis carries the set. Each proxy holds a copy in
// memory.
//
// A [Directive] is one rule. A [Set] is an immutable collection of directives. A
// [Revision] is a published set with its version, id, author and reason. A fleet is all
// the programs, called instances, that follow one key in Redis. The key holds the current
// revision.
//
// No fault of Redis, the network or a clock gives a proxy a set that was not published,
// extends a directive beyond its expiry, or delays a request.
//
// # Subscribing
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
// [Subscriber.Decide] reads memory only, and never blocks. The [Decision] tells the proxy
// how much to record of the request. The proxy does the recording, with its own code or
// with an adapter: the packages fleethttp, fleetslog, fleetotel and fleetprom are adapters
// for net/http, log/slog, OpenTelemetry and Prometheus. Code that decides accepts any
// [Store]: a [Subscriber], or a [Memory] or [Static] store, which need no Redis.
//
// [Subscriber.OnChange] calls a listener for each revision that the Subscriber applies.
// [Subscriber.Status] returns the state, the revision and the counters. A Subscriber also
// reports its status to the roster, which is the list of the fleet's instances in Redis. A
// program that reloads its configuration keeps its Subscriber with [Shared].
//
// # Publishing
//
// An operator's tool publishes with a [Publisher], as the command publish does:
//
//	pub, err := fleetdial.NewPublisher(rdb, fleetdial.PublisherConfig{Fleet: "prod", PublishedBy: "alice"})
//	if err != nil {
//		return err
//	}
//	now, err := pub.Now(ctx)
//	if err != nil {
//		return err
//	}
//	set, err := fleetdial.ParseSet(body, now)
//	if err != nil {
//		return err
//	}
//	_, err = pub.Publish(ctx, set, fleetdial.PublishOptions{Reason: "slow searches"})
//
// [Publisher.Publish] replaces the current set. [Publisher.Update] changes the current set,
// and [Publisher.Rollback] publishes an older set again. Each of them writes a new revision
// in one transaction. PublishOptions.IfVersion publishes only over the revision that the
// operator has seen, and otherwise returns a *[ConflictError].
//
// [Publisher.Wait] waits until the instances have applied a revision. [Publisher.Roster]
// returns the instances with their states and reports. [Publisher.History] returns the last
// revisions.
//
// An empty set clears the fleet. Deleting the key does not clear the fleet, because a
// missing key may also be lost data.
//
// # Clocks and expiry
//
// Each directive has an absolute expiry, by default at most 24 hours after its publish. A
// directive never applies at or after its expiry, also while Redis is away.
//
// Expiries count on the clock of Redis, because the clocks of proxies differ. A Subscriber
// measures that clock with its fetches, and counts on the monotonic clock of its process
// between two measurements. A measurement is uncertain by its round trip, and a directive
// ends early by up to that time, never late. The comment of SubscriberConfig.SnapshotFile
// describes the one exception: no clock of a machine counts while the machine is off.
//
// A TTL in a publish body counts from the time that is passed to [ParseSet]. Pass the clock
// of Redis, which [Publisher.Now] returns. The sets of NewSet and ParseSet themselves count
// their expiries on the wall clock of this machine. A Store of one's own counts on the clock
// of its server with a [Clock].
//
// # Failures
//
// A Subscriber keeps its set through every failure, and each directive still ends at its
// expiry. Status.State tells how the Subscriber stands to the key:
//
//   - [StateLive]: the key holds the set in force.
//   - [StateStale]: Redis does not answer, or the subscription is lost. The Subscriber tries
//     again until Close.
//   - [StateMissing]: the key does not exist.
//   - [StateRejected]: the key holds a value that does not decode, is beyond the limits or is
//     not signed by a trusted key. Status.Rejected has the reason.
//   - [StateEmpty]: the key holds the empty value, which an operator writes to clear the
//     fleet with redis-cli. The set is empty.
//
// SubscriberConfig.Startup selects whether [Subscribe] fails, starts with an empty set or
// starts with the set of a file if Redis cannot be reached at the start.
//
// The error of a publish tells whether something was written. If the error wraps
// [ErrOutcomeUnknown], the revision may be published. If a revision is returned with an
// error, the revision is published, but its announcement or its entry in the history may
// have failed. The instances apply the revision at their next resync at the latest. After
// any other error, nothing was written.
// An error that wraps [ErrUnavailable] says that Redis cannot be reached or denies access.
//
// # Signing
//
// Anyone who may write the key controls an unsigned fleet. [NewACL] returns rules that let
// proxies read the key and not write it. If Redis itself is not trusted, a publisher with a
// PublisherConfig.SignKey signs each revision with Ed25519. A Subscriber with
// SubscriberConfig.VerifyKeys then applies only revisions that a trusted key has signed for
// this fleet, and that are newer than the revision in force. The empty value clears an
// unsigned fleet only, because the empty value has no signature.
//
// [SignToken] is independent of the signatures of revisions. A token carries one directive
// in the header of a request, and is signed with a secret that the proxies share.
package fleetdial
