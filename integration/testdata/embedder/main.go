// Command embedder is a small program that embeds fleetdial: it publishes a set and follows
// the fleet.
package main

import (
	"context"
	"log"
	"os"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial"
)

func main() {
	ctx := context.Background()
	client := redis.NewClient(&redis.Options{Addr: os.Args[1]})
	sub, err := fleetdial.Subscribe(ctx, client, fleetdial.SubscriberConfig{Fleet: "prod"})
	if err != nil {
		log.Fatal(err)
	}
	defer sub.Close()
	set, err := fleetdial.ParseSet([]byte(os.Args[2]), time.Now())
	if err != nil {
		log.Fatal(err)
	}
	pub, err := fleetdial.NewPublisher(client, fleetdial.PublisherConfig{Fleet: "prod"})
	if err != nil {
		log.Fatal(err)
	}
	rev, err := pub.Publish(ctx, set, fleetdial.PublishOptions{})
	if err != nil {
		log.Fatal(err)
	}
	log.Print(rev.Version, sub.Decide(fleetdial.Request{Tenant: "acme", Endpoint: fleetdial.Search, ID: "1"}))
}
