package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial"
)

// proxy is a program for scripts: proxy [-n N] [-max-bytes N] [-verify-key FILE] [-every D]
// [-capabilities WORDS] [-zone ZONE] [-decide D] NAME. It runs N subscribers until SIGINT or
// SIGTERM. With -decide, each of them decides a request of the tenant acme every D.
func proxy() {
	cfg := fleetdial.SubscriberConfig{
		ResyncInterval: time.Second, Logger: slog.New(slog.DiscardHandler),
	}
	n := flag.Int("n", 1, "number of subscribers")
	flag.IntVar(&cfg.MaxBytes, "max-bytes", 0, "size limit of a value")
	flag.DurationVar(&cfg.ReportInterval, "every", 300*time.Millisecond, "report interval")
	verifyKey := flag.String("verify-key", "", "trusted keys, a PEM file")
	words := flag.String("capabilities", "", "capabilities with commas, or none; not stated without the flag")
	zone := flag.String("zone", "a", "value of the label zone")
	decide := flag.Duration("decide", 0, "time between two requests of a subscriber (default none)")
	flag.Parse()
	cfg.Labels = map[string]string{"zone": *zone}
	if *words == "none" {
		cfg.Capabilities = []fleetdial.Capability{}
	} else if *words != "" {
		for word := range strings.SplitSeq(*words, ",") {
			cfg.Capabilities = append(cfg.Capabilities, fleetdial.Capability(word))
		}
	}
	if err := serve(flag.Arg(0), *n, cfg, *verifyKey, *decide); err != nil {
		log.Fatal(err)
	}
}

func serve(name string, n int, cfg fleetdial.SubscriberConfig, verifyKey string, decide time.Duration) error {
	opts, err := fleetdial.ParseURL(os.Getenv("FLEETDIAL_REDIS_URL"))
	if err != nil {
		return err
	}
	if verifyKey != "" {
		if cfg.VerifyKeys, err = readVerifyKeys([]string{verifyKey}); err != nil {
			return err
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	for i := range n {
		cfg.Instance = name
		if n > 1 {
			cfg.Instance = fmt.Sprintf("%s-%02d", name, i)
		}
		client := redis.NewUniversalClient(opts)
		defer client.Close()
		sub, err := fleetdial.Subscribe(ctx, client, cfg)
		if err != nil {
			return err
		}
		defer sub.Close()
		if decide > 0 {
			wg.Go(func() { decideEach(ctx, sub, decide) })
		}
	}
	<-ctx.Done()
	return nil
}

// decideEach decides a request each time, until ctx ends.
func decideEach(ctx context.Context, sub *fleetdial.Subscriber, each time.Duration) {
	ticker := time.NewTicker(each)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			sub.Decide(fleetdial.Request{Tenant: "acme", Endpoint: fleetdial.Search, ID: "r"})
		}
	}
}
