package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
)

// benchFlags say what is measured.
type benchFlags struct {
	subscribers, directives, publishes int
	start, embedded                    bool
}

func (a *app) benchCommand() *cobra.Command {
	var f benchFlags
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure how long a publish takes to reach subscribers",
		Long: `bench publishes to subscribers in this process, and measures from the call of
publish until each has the set. Beside it, in turns, it measures the floor: bare
clients that SUBSCRIBE, GET and decode with msgpack.Unmarshal, of a value that is
written by a bare SET and PUBLISH.

It uses the Redis of --redis-url, one that it starts (--start, which needs
redis-server) or an embedded one (--embedded), and fleets named bench-… of its own
unless --fleet names another, which must have no revision. It takes away what it
has written.`,
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
	flags.IntVar(&f.subscribers, "subscribers", 100, "how many subscribers")
	flags.IntVar(&f.directives, "directives", 10, "how many directives in the set")
	flags.IntVar(&f.publishes, "publishes", 100, "how many publishes")
	flags.BoolVar(&f.start, "start", false, "start a redis-server for it")
	flags.BoolVar(&f.embedded, "embedded", false, "use an embedded Redis")
	return cmd
}

// benchReport is what comes out.
type benchReport struct {
	Redis       string `json:"redis"`
	Subscribers int    `json:"subscribers"`
	Directives  int    `json:"directives"`
	Publishes   int    `json:"publishes"`
	ValueBytes  int    `json:"value_bytes"`
	// Fleet and Floor are from the call of publish to the set, in one subscriber and in all of them.
	Fleet benchSide `json:"fleetdial"`
	Floor benchSide `json:"floor"`
	// Ratio is of the medians in all subscribers.
	Ratio float64 `json:"ratio"`
	// HeapBytes is what a subscriber takes, with its client.
	HeapBytes int64 `json:"heap_bytes_per_subscriber"`
}

type benchSide struct {
	One quantiles `json:"one"`
	All quantiles `json:"all"`
	// What a publish costs Redis; nil where it does not tell.
	CPU      *float64 `json:"redis_cpu_ms_per_publish,omitempty"`
	BytesOut *float64 `json:"redis_bytes_out_per_publish,omitempty"`
}

// quantiles are in milliseconds.
type quantiles struct {
	P50 float64 `json:"p50_ms"`
	P99 float64 `json:"p99_ms"`
	Max float64 `json:"max_ms"`
}

func (a *app) bench(ctx context.Context, f benchFlags) error {
	if f.start && f.embedded {
		return usagef("bench takes --start or --embedded, not both")
	}
	if f.subscribers < 1 || f.publishes < 1 || f.directives < 0 || f.directives > fleetdial.MaxDirectives {
		return usagef("bench takes at least one subscriber and one publish, and 0 to %d directives", fleetdial.MaxDirectives)
	}
	stop, err := a.benchServer(ctx, f)
	if err != nil {
		return err
	}
	defer stop()
	b := &bench{app: a, flags: f}
	defer b.close()
	if err := b.prepare(ctx); err != nil {
		return err
	}
	report, err := b.run(ctx)
	if err != nil {
		return err
	}
	if a.json() {
		return a.writeJSON(report)
	}
	return a.writeReport(report)
}

func (a *app) writeReport(r benchReport) error {
	fmt.Fprintf(a.stdout, "%s, %s of %s (%d bytes), %s\n\n", count(r.Subscribers, "subscriber"),
		plural(r.Directives, "a set", "sets"), count(r.Directives, "directive"), r.ValueBytes, r.Redis)
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "publish to visible, ms\tp50\tp99\tmax\t")
	for _, row := range []struct {
		name string
		q    quantiles
	}{
		{"one subscriber", r.Fleet.One},
		{"all subscribers", r.Fleet.All},
		{"bare, one", r.Floor.One},
		{"bare, all", r.Floor.All},
	} {
		fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%.2f\t\n", row.name, row.q.P50, row.q.P99, row.q.Max)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "\nall subscribers, p50: %.2f times the floor\n", r.Ratio)
	for _, side := range []struct {
		name string
		s    benchSide
	}{{"fleetdial", r.Fleet}, {"the floor", r.Floor}} {
		if side.s.CPU != nil && side.s.BytesOut != nil {
			fmt.Fprintf(a.stdout, "a publish costs Redis with %s: %.2f ms of CPU, %.0f bytes out\n",
				side.name, *side.s.CPU, *side.s.BytesOut)
		}
	}
	_, err := fmt.Fprintf(a.stdout, "a subscriber takes %.0f KB of heap\n", float64(r.HeapBytes)/1000)
	return err
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
