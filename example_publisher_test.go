package fleetdial_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"github.com/fleetdial/fleetdial"
)

// startProxy runs a proxy of a fleet, until stop is called. It returns when the roster shows
// that the proxy follows the key.
func startProxy(fleet, instance string) (stop func()) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	sub, err := fleetdial.Subscribe(ctx, rdb, fleetdial.SubscriberConfig{
		Fleet: fleet, Instance: instance, Labels: map[string]string{"zone": "eu-1"},
	})
	if err != nil {
		panic(err)
	}
	pub, err := fleetdial.NewPublisher(rdb, fleetdial.PublisherConfig{Fleet: fleet})
	for err == nil {
		var roster fleetdial.Roster
		roster, err = pub.Roster(ctx)
		for _, in := range roster.Instances {
			if in.Name == instance && in.Report != nil && in.Report.State != fleetdial.StateStale {
				return func() { _ = sub.Close() }
			}
		}
		time.Sleep(time.Millisecond)
	}
	panic(err)
}

func ExamplePublisher_Publish() {
	ctx := context.Background()
	pub, err := fleetdial.NewPublisher(rdb, fleetdial.PublisherConfig{Fleet: "publish", PublishedBy: "alice"})
	if err != nil {
		fmt.Println(err)
		return
	}
	now, err := pub.Now(ctx) // TTLs count on the clock of Redis
	if err != nil {
		fmt.Println(err)
		return
	}
	set, err := fleetdial.ParseSet([]byte(`{"directives":[
		{"id":"acme-search","level":"ShapeTiming","tenant":"acme","endpoint":"Search","sample_per_mille":100,"ttl_secs":600}
	]}`), now)
	if err != nil {
		fmt.Println(err)
		return
	}
	rev, err := pub.Publish(ctx, set, fleetdial.PublishOptions{Reason: "slow searches"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("version", rev.Version)

	// An empty set clears the fleet. IfVersion makes sure that it replaces the set above.
	rev, err = pub.Publish(ctx, nil, fleetdial.PublishOptions{Reason: "done", IfVersion: rev.Version})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("version", rev.Version)
	// Output:
	// version 1
	// version 2
}

// Update changes the current set, whatever it is, and loses no change of others.
func ExamplePublisher_Update() {
	ctx := context.Background()
	pub, err := fleetdial.NewPublisher(rdb, fleetdial.PublisherConfig{Fleet: "update", PublishedBy: "alice"})
	if err != nil {
		fmt.Println(err)
		return
	}
	now, err := pub.Now(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, tenant := range []string{"acme", "globex"} {
		added := fleetdial.Directive{
			ID: tenant, Match: fleetdial.Match{Tenant: tenant}, Level: fleetdial.Shape,
			SamplePerMille: 1000, ExpiresAt: now.Add(10 * time.Minute),
		}
		rev, err := pub.Update(ctx, func(current fleetdial.Revision) (*fleetdial.Set, error) {
			return fleetdial.NewSet(append(current.Set.Directives(), added))
		}, fleetdial.PublishOptions{Reason: "record " + tenant})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("version %d has %d directives\n", rev.Version, rev.Set.Len())
	}
	// Output:
	// version 1 has 1 directives
	// version 2 has 2 directives
}

// The roster is taken before the publish, so that Wait knows the instances to wait for.
func ExamplePublisher_Wait() {
	defer startProxy("wait", "proxy-1")()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	pub, err := fleetdial.NewPublisher(rdb, fleetdial.PublisherConfig{Fleet: "wait"})
	if err != nil {
		fmt.Println(err)
		return
	}
	roster, err := pub.Roster(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	rev, err := pub.Publish(ctx, nil, fleetdial.PublishOptions{Reason: "clear the fleet"})
	if err != nil {
		fmt.Println(err)
		return
	}
	status, err := pub.Wait(ctx, rev, roster, fleetdial.WaitOptions{})
	switch {
	case errors.Is(err, fleetdial.ErrWaitIncomplete):
		fmt.Println("still pending:", len(status.Pending))
	case err != nil:
		fmt.Println(err)
	default:
		fmt.Printf("%d of %d instances have version %d\n", status.Applied, status.Expected, rev.Version)
	}
	// Output: 1 of 1 instances have version 1
}

func ExamplePublisher_Roster() {
	defer startProxy("roster", "proxy-1")()
	defer startProxy("roster", "proxy-2")()

	ctx := context.Background()
	pub, err := fleetdial.NewPublisher(rdb, fleetdial.PublisherConfig{Fleet: "roster"})
	if err != nil {
		fmt.Println(err)
		return
	}
	roster, err := pub.Roster(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, in := range roster.Instances {
		fmt.Println(in.Name, in.State, in.Report.Labels["zone"])
	}
	// Output:
	// proxy-1 NEVER eu-1
	// proxy-2 NEVER eu-1
}

// Rollback publishes the set of an earlier version as a new revision.
func ExamplePublisher_Rollback() {
	ctx := context.Background()
	pub, err := fleetdial.NewPublisher(rdb, fleetdial.PublisherConfig{Fleet: "rollback", PublishedBy: "alice"})
	if err != nil {
		fmt.Println(err)
		return
	}
	set, err := fleetdial.ParseSet([]byte(`{"directives":[{"id":"acme","level":"Shape","tenant":"acme","ttl_secs":600}]}`), time.Now())
	if err != nil {
		fmt.Println(err)
		return
	}
	first, err := pub.Publish(ctx, set, fleetdial.PublishOptions{Reason: "slow searches"})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := pub.Publish(ctx, nil, fleetdial.PublishOptions{Reason: "done"}); err != nil {
		fmt.Println(err)
		return
	}

	rev, expired, err := pub.Rollback(ctx, first.Version, fleetdial.RollbackOptions{
		PublishOptions: fleetdial.PublishOptions{Reason: "slow again"},
		TTL:            10 * time.Minute, // without it, the directives keep their expiries
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("version %d has %d directives, %d had expired\n", rev.Version, rev.Set.Len(), len(expired))

	history, err := pub.History(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, entry := range history {
		fmt.Println(entry.Revision.Version, entry.Revision.PublishedBy, entry.Revision.Reason)
	}
	// Output:
	// version 3 has 1 directives, 0 had expired
	// 3 alice slow again
	// 2 alice done
	// 1 alice slow searches
}

// IfVersion publishes only over the revision that the operator has seen.
func ExampleConflictError() {
	ctx := context.Background()
	pub, err := fleetdial.NewPublisher(rdb, fleetdial.PublisherConfig{Fleet: "conflict", PublishedBy: "alice"})
	if err != nil {
		fmt.Println(err)
		return
	}
	seen, err := pub.Publish(ctx, nil, fleetdial.PublishOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := pub.Publish(ctx, nil, fleetdial.PublishOptions{Reason: "another change"}); err != nil {
		fmt.Println(err)
		return
	}

	_, err = pub.Publish(ctx, nil, fleetdial.PublishOptions{IfVersion: seen.Version})
	if conflict, ok := errors.AsType[*fleetdial.ConflictError](err); ok {
		fmt.Printf("expected version %d, found version %d by %s: %s\n",
			conflict.Expected, conflict.Version, conflict.PublishedBy, conflict.Reason)
	}
	// Output: expected version 1, found version 2 by alice: another change
}

// A publisher with a SignKey signs its revisions. A Subscriber with VerifyKeys applies signed
// revisions only.
func ExamplePublisherConfig_signing() {
	ctx := context.Background()
	public, private, err := ed25519.GenerateKey(nil) // `publish keygen` writes both to files
	if err != nil {
		fmt.Println(err)
		return
	}
	pub, err := fleetdial.NewPublisher(rdb, fleetdial.PublisherConfig{Fleet: "signed", SignKey: private})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := pub.Publish(ctx, nil, fleetdial.PublishOptions{}); err != nil {
		fmt.Println(err)
		return
	}
	sub, err := fleetdial.Subscribe(ctx, rdb, fleetdial.SubscriberConfig{
		Fleet: "signed", VerifyKeys: []ed25519.PublicKey{public},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sub.Close()
	fmt.Println("verified:", sub.Status().Revision.Verified)

	// Anyone who may write to Redis can write the key, but cannot sign the value.
	unsigned, err := fleetdial.NewPublisher(rdb, fleetdial.PublisherConfig{Fleet: "signed"})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := unsigned.Publish(ctx, nil, fleetdial.PublishOptions{}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(sub.Refresh(ctx))
	fmt.Println(sub.Status().State, "and keeps version", sub.Status().Revision.Version)
	// Output:
	// verified: true
	// fleetdial: refresh: the fleet's key holds a rejected value: the value is not signed
	// rejected and keeps version 1
}

// A proxy may read the key, and may not write it.
func ExampleNewACL() {
	ctx := context.Background()
	acl, err := fleetdial.NewACL("prod")
	if err != nil {
		fmt.Println(err)
		return
	}
	user := []any{"ACL", "SETUSER", "proxy"}
	for _, rule := range acl.Proxy {
		user = append(user, rule)
	}
	user = append(user, ">secret") // without a password, nobody can log in
	if err := rdb.Do(ctx, user...).Err(); err != nil {
		fmt.Println(err)
		return
	}
	read := rdb.Do(ctx, "ACL", "DRYRUN", "proxy", "GETRANGE", "fleetdial:{prod}", 0, 127).Val()
	write := rdb.Do(ctx, "ACL", "DRYRUN", "proxy", "SET", "fleetdial:{prod}", "").Val()
	fmt.Println("read:", read == "OK", "write:", write == "OK")
	// Output: read: true write: false
}
