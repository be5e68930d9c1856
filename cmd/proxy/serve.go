package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/internal/classify"
	"github.com/fleetdial/fleetdial/cmd/internal/listener"
	"github.com/fleetdial/fleetdial/fleethttp"
	"github.com/fleetdial/fleetdial/fleetprom"
	"github.com/fleetdial/fleetdial/fleetslog"
)

// serve runs the proxy until ctx ends and the active requests are done.
func serve(ctx context.Context, c config, stdout, stderr io.Writer) error {
	// Records go to stdout. Their handler writes only records of requests with a
	// decision. The log of the proxy itself goes to stderr.
	log := slog.New(slog.NewJSONHandler(stderr, nil))
	records := slog.New(fleetslog.New(slog.NewJSONHandler(stdout, &slog.HandlerOptions{Level: slog.LevelWarn}), fleetslog.Config{}))

	f, err := startFleet(ctx, c, log)
	if err != nil {
		return err
	}
	defer f.close()
	var captures *capturer
	if c.capture.dir != "" {
		if captures, err = newCapturer(c.capture, log); err != nil {
			return err
		}
		defer captures.close()
	}
	var spans tracer
	if c.traces != "" {
		file, err := os.OpenFile(c.traces, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return fmt.Errorf("--traces: %w", err)
		}
		defer file.Close()
		if spans, err = newTracer(file); err != nil {
			return err
		}
		defer func() { _ = spans.shutdown(context.WithoutCancel(ctx)) }()
	}
	transport := newTransport()
	defer transport.CloseIdleConnections()
	p := newProxy(c, transport, records, captures, spans)
	traffic, err := f.decide(c, p)
	if err != nil {
		return err
	}
	admin, err := adminHandler(c, f, p)
	if err != nil {
		return err
	}
	return listen(ctx, c, log, traffic, admin)
}

// newTransport returns the transport to the upstream. It keeps many idle connections, so
// that a burst of requests does not open new ones.
func newTransport() *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		MaxIdleConnsPerHost: 1024, IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 5 * time.Second,
		ForceAttemptHTTP2: true, DisableCompression: true, // bodies are forwarded unchanged
		// An upstream that is asked whether it wants a body gets none that it does not
		// want.
		ExpectContinueTimeout: time.Second,
	}
}

// fleet is the connection of the proxy to its fleet. sub and pub are nil without
// directives. pub is also nil if the fleet's sets are signed.
type fleet struct {
	client redis.UniversalClient
	sub    *fleetdial.Subscriber
	pub    *fleetdial.Publisher
	store  fleetdial.Store
}

func startFleet(ctx context.Context, c config, log *slog.Logger) (*fleet, error) {
	if c.withoutDirectives {
		return &fleet{store: fleetdial.NewMemory()}, nil
	}
	opts, err := c.redis.Options("")
	if err != nil {
		return nil, &usageError{err}
	}
	client := redis.NewUniversalClient(opts)
	cfg := fleetdial.SubscriberConfig{
		Fleet: c.fleet, Instance: c.instance, Labels: c.labels, VerifyKeys: c.keys, SnapshotFile: c.snapshotFile, Logger: log,
		Startup: fleetdial.StartEmpty, Capabilities: c.capabilities(),
	}
	if c.snapshotFile != "" {
		cfg.Startup = fleetdial.UseSnapshot
	}
	// The timeout lets the proxy serve traffic even if Redis does not respond.
	start, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	sub, err := fleetdial.Subscribe(start, client, cfg)
	if err != nil {
		_ = client.Close()
		if !errors.Is(err, context.Canceled) { // without Redis, the subscriber starts all the same
			err = &usageError{err}
		}
		return nil, err
	}
	f := &fleet{client: client, sub: sub, store: sub}
	if len(c.keys) > 0 {
		return f, nil // the proxy has no private key, so the fleet would reject its sets
	}
	if f.pub, err = fleetdial.NewPublisher(client, fleetdial.PublisherConfig{Fleet: c.fleet, PublishedBy: "proxy"}); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

func (f *fleet) close() {
	if f.sub != nil {
		_ = f.sub.Close()
		_ = f.client.Close()
	}
}

// decide wraps the proxy with the middleware that decides on each request.
func (f *fleet) decide(c config, p *proxy) (http.Handler, error) {
	if c.withoutDirectives {
		return p.forward, nil
	}
	wrap, err := fleethttp.Middleware(f.store, fleethttp.Config{
		Classify: classify.Classifier{TenantHeader: c.tenantHeader}.Request, TokenKey: c.tokenKey,
	})
	if err != nil {
		return nil, usagef("--token-key: %w", err)
	}
	return wrap(p), nil
}

// adminHandler returns the handler of the admin listener.
func adminHandler(c config, f *fleet, p *proxy) (http.Handler, error) {
	directives, err := fleethttp.AdminHandler(f.store, fleethttp.AdminConfig{
		Token: c.adminToken, Publisher: f.pub, AllowPlainHTTP: c.adminPlain || listener.IsLoopback(c.adminListen),
	})
	if err != nil {
		return nil, usagef("--admin-token: %w", err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(fleetprom.NewCollector(f.store), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if p.captures != nil {
		registry.MustRegister(
			prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "proxy_captures_total", Help: "Number of captures written."},
				func() float64 { return float64(p.captures.written.Load()) }),
			prometheus.NewCounterFunc(prometheus.CounterOpts{
				Name: "proxy_captures_dropped_total",
				Help: "Number of captures dropped because the queue was full, the capture was larger than a file, or the write failed.",
			}, func() float64 { return float64(p.captures.dropped.Load()) }))
	}
	mux := http.NewServeMux()
	mux.Handle("/healthz", fleethttp.Healthz(f.store))
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.Handle("/admin/directives", directives)
	mux.Handle("/debug/breakglass", p.ring)
	return mux, nil
}
