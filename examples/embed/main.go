// Command embed is the smallest server that follows a fleet. It answers every request,
// and logs the requests that a directive matches.
//
//	INSTANCE=web-1 ZONE=eu go run ./examples/embed &
//	go run ./cmd/publish add --level ShapeTiming --tenant acme --on zone=eu --max-per-second 10 --ttl 1m
//	curl -H 'X-Tenant: acme' http://127.0.0.1:8080/orders/_search
package main

import (
	"cmp"
	"context"
	"log"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if err := run(ctx); err != nil {
		log.Fatal(err)
	}
}

// run serves until ctx ends and the active requests are done. Then it closes the
// subscriber, and then the client.
func run(ctx context.Context) error {
	opts, err := fleetdial.ParseURL(cmp.Or(os.Getenv("FLEETDIAL_REDIS_URL"), "redis://127.0.0.1:6379"))
	if err != nil {
		return err
	}
	rdb := redis.NewUniversalClient(opts)
	defer rdb.Close()
	sub, err := fleetdial.Subscribe(ctx, rdb, fleetdial.SubscriberConfig{
		// Directives can select the instance by its name and its labels.
		Instance: os.Getenv("INSTANCE"), // if empty, a name that changes at each start
		Labels:   map[string]string{"zone": cmp.Or(os.Getenv("ZONE"), "local")},
		// The server starts also while Redis is down. It then serves without directives.
		Startup: fleetdial.StartEmpty,
	})
	if err != nil {
		return err
	}
	defer sub.Close()

	server := &http.Server{
		Addr: cmp.Or(os.Getenv("LISTEN"), "127.0.0.1:8080"), Handler: handler(sub), ReadHeaderTimeout: 10 * time.Second,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return server.Shutdown(grace)
}

func handler(sub *fleetdial.Subscriber) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		index, operation, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		endpoint := fleetdial.Unknown
		if operation == "_search" {
			endpoint = fleetdial.Search
		}
		d := sub.Decide(fleetdial.Request{
			Tenant: r.Header.Get("X-Tenant"), Index: index, Endpoint: endpoint, ID: r.Header.Get("X-Request-Id"),
		})
		w.WriteHeader(http.StatusNoContent) // a proxy forwards the request here
		if d.Level >= fleetdial.Shape {
			attrs := []any{"directive", d.By, "method", r.Method, "endpoint", endpoint, "bytes", r.ContentLength}
			if d.Level >= fleetdial.ShapeTiming {
				attrs = append(attrs, "took", time.Since(began))
			}
			slog.Info("request recorded", attrs...)
		}
	})
}
