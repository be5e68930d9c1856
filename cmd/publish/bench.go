package main

import (
	"context"
	"crypto/rand"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/internal/connection"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/bench"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/redisserver"
)

// benchFlags are the flags of bench.
type benchFlags struct {
	subscribers, directives, publishes int
	start, embedded                    bool
}

func (a *app) benchCommand() *cobra.Command {
	var f benchFlags
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure how long a publish takes to reach subscribers",
		Long: `bench publishes to subscribers in this process, and measures the time from the call
of publish until each subscriber has the set. For comparison it measures the floor in
turn: bare clients that SUBSCRIBE, GET and decode the value of another fleet, to which
the same set is published, with msgpack.Unmarshal.

bench uses the Redis of --redis-url, a redis-server that it starts (--start), or an
embedded Redis (--embedded). The default fleet is a new one, named bench-…. With
--fleet, the fleet must have no revision. bench deletes the keys that it has written.`,
		Example: `  publish bench --start --subscribers 1000 --directives 10`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("fleet") {
				a.fleet = "bench-" + rand.Text()[:8]
			}
			return a.bench(cmd.Context(), f)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&f.subscribers, "subscribers", 100, "number of subscribers")
	flags.IntVar(&f.directives, "directives", 10, "number of directives in the set")
	flags.IntVar(&f.publishes, "publishes", 100, "number of publishes")
	flags.BoolVar(&f.start, "start", false, "new redis-server on this machine, instead of --redis-url")
	flags.BoolVar(&f.embedded, "embedded", false, "embedded Redis, instead of --redis-url")
	return cmd
}

func (f benchFlags) check() error {
	if f.start && f.embedded {
		return usagef("--start and --embedded: mutually exclusive")
	}
	if f.subscribers < 1 {
		return usagef("--subscribers: must be at least 1")
	}
	if f.publishes < 1 {
		return usagef("--publishes: must be at least 1")
	}
	if f.directives < 0 || f.directives > fleetdial.MaxDirectives {
		return usagef("--directives: must be 0 to %d", fleetdial.MaxDirectives)
	}
	return nil
}

func (a *app) bench(ctx context.Context, f benchFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	stop, err := a.startBenchServer(ctx, f)
	if err != nil {
		return err
	}
	defer stop()
	client, err := a.connect()
	if err != nil {
		return err
	}
	defer client.Close()
	p, err := fleetdial.NewPublisher(client, fleetdial.PublisherConfig{Fleet: a.fleet, PublishedBy: "bench"})
	if err != nil {
		return &usageError{err}
	}
	cfg := bench.Config{
		Fleet: a.fleet, Client: client, Publisher: p, Connect: a.connect,
		Subscribers: f.subscribers, Directives: f.directives, Publishes: f.publishes,
		Timeout: a.timeout, Messages: a.redrawn(a.stderr),
	}
	if f.embedded {
		cfg.RedisName = "embedded Redis"
	}
	if a.quiet {
		cfg.Messages = io.Discard
	}
	report, err := bench.Run(ctx, cfg)
	if errors.Is(err, bench.ErrFleetInUse) {
		return &rejectedError{err}
	}
	if err != nil {
		return err
	}
	if a.json() {
		return a.writeJSON(report)
	}
	return report.WriteText(a.stdout)
}

// startBenchServer starts the Redis that the flags ask for and directs the command to it.
// The TLS files of the command are for --redis-url only.
func (a *app) startBenchServer(ctx context.Context, f benchFlags) (stop func(), err error) {
	var url string
	switch {
	case f.embedded:
		url, stop, err = bench.StartEmbedded()
	case f.start:
		var server *redisserver.Server
		if server, err = redisserver.Start(ctx, redisserver.Config{Limit: a.timeout}); err == nil {
			url, stop = server.URL(), server.Close
		}
	default:
		return func() {}, nil
	}
	if err != nil {
		return nil, err
	}
	a.connection = connection.Flags{URL: url}
	return stop, nil
}
