// Command follower follows the fleet "prod", and answers on stdout. The test builds it with
// two revisions of fleetdial. Its arguments are the URL of a Redis and the name of the
// instance. For each line of stdin, a tenant, it writes an answer in JSON. It ends with stdin.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial"
)

// answer is what the follower decides, and what it knows of itself and of the fleet.
type answer struct {
	By       string                 // the directive that applies to a request of the tenant
	State    string                 // of the subscriber
	Version  int64                  // of the revision that is applied
	Rejected string                 // why the key's value is rejected
	Fleet    map[string]rosterEntry // by the name of the instance
}

type rosterEntry struct {
	Err       string // why the report cannot be read
	MaxFormat int
}

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(url, instance string) error {
	opts, err := fleetdial.ParseURL(url)
	if err != nil {
		return err
	}
	client := redis.NewUniversalClient(opts)
	defer client.Close()
	ctx := context.Background()
	sub, err := fleetdial.Subscribe(ctx, client, fleetdial.SubscriberConfig{
		Fleet: "prod", Instance: instance, ReportInterval: time.Second,
	})
	if err != nil {
		return err
	}
	defer sub.Close()
	pub, err := fleetdial.NewPublisher(client, fleetdial.PublisherConfig{Fleet: "prod"})
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		a := answer{By: sub.Decide(fleetdial.Request{Tenant: in.Text()}).By, Fleet: map[string]rosterEntry{}}
		status := sub.Status()
		a.State, a.Version = string(status.State), status.Revision.Version
		if status.Rejected != nil {
			a.Rejected = status.Rejected.Err.Error()
		}
		roster, err := pub.Roster(ctx)
		if err != nil {
			return err
		}
		for _, in := range roster.Instances {
			entry := rosterEntry{}
			if in.Err != nil {
				entry.Err = in.Err.Error()
			}
			if in.Report != nil {
				entry.MaxFormat = in.Report.MaxFormat
			}
			a.Fleet[in.Name] = entry
		}
		if err := out.Encode(a); err != nil {
			return err
		}
	}
	return nil
}
