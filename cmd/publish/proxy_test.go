package main

import (
	"context"
	"crypto/ed25519"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial"
)

// proxy is a program for scripts: proxy [-n N] [-max-bytes N] [-verify-key FILE] NAME. It
// runs N subscribers until SIGINT or SIGTERM.
func proxy() {
	n := flag.Int("n", 1, "number of subscribers")
	maxBytes := flag.Int("max-bytes", 0, "size limit of a value")
	verifyKey := flag.String("verify-key", "", "trusted keys, a PEM file")
	flag.Parse()
	if err := serve(flag.Arg(0), *n, *maxBytes, *verifyKey); err != nil {
		log.Fatal(err)
	}
}

func serve(name string, n, maxBytes int, verifyKey string) error {
	opts, err := fleetdial.ParseURL(os.Getenv("FLEETDIAL_REDIS_URL"))
	if err != nil {
		return err
	}
	var keys []ed25519.PublicKey
	if verifyKey != "" {
		if keys, err = readVerifyKeys([]string{verifyKey}); err != nil {
			return err
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	for i := range n {
		cfg := fleetdial.SubscriberConfig{
			Instance: name, MaxBytes: maxBytes, Labels: map[string]string{"zone": "a"}, ReportInterval: 300 * time.Millisecond,
			ResyncInterval: time.Second, Logger: slog.New(slog.DiscardHandler), VerifyKeys: keys,
		}
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
	}
	<-ctx.Done()
	return nil
}
