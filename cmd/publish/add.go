package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/plain"
	"github.com/fleetdial/fleetdial/internal/review"
)

// addFlags are the flags that describe one directive.
type addFlags struct {
	id, level, tenant, index, principal, endpoint string
	ttl                                           time.Duration
	sample                                        int
	ringBuffer, capture                           bool
	instances                                     instanceFlags
}

func (a *app) addCommand() *cobra.Command {
	var add addFlags
	var w writeFlags
	cmd := &cobra.Command{
		Use:   "add --level LEVEL --ttl DURATION",
		Short: "Add a directive, or replace the directive with the same id",
		Long: `add publishes the fleet's set with one more directive. A directive with the same id is
replaced, and expired directives are removed. A target that is not given matches
every request.

--on-instance, --on and --on-per-mille select the instances that evaluate the directive.
If several are given, all of them must select an instance. A larger --on-per-mille keeps
the instances of a smaller one. --max-per-second limits the requests on each instance:
beyond it, the directive does not apply, and others do.`,
		Example: `  publish add --level ShapeTiming --tenant acme --endpoint Search --sample 100 --ttl 10m
  publish add --level Shape --tenant acme --on zone=eu --on-per-mille 10% --max-per-second 100 --ttl 10m`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.add(cmd.Context(), add, w, cmd.Flags().Changed)
		},
	}
	cmd.Flags().StringVar(&add.id, "id", "", "id of the directive (default a random id)")
	add.register(cmd)
	a.registerInstances(cmd, &add.instances)
	a.registerWrite(cmd, &w)
	w.registerMaxTTL(cmd)
	return cmd
}

// register adds the flags that describe the directive, except its id, instances and limit.
func (f *addFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.level, "level", "", "level: Off, Shape, ShapeTiming or ShapeRewriteDiff (required)")
	flags.StringVar(&f.tenant, "tenant", "", "tenant of the matching requests (default any)")
	flags.StringVar(&f.index, "index", "", "index of the matching requests (default any)")
	flags.StringVar(&f.principal, "principal", "", "principal of the matching requests (default any)")
	flags.StringVar(&f.endpoint, "endpoint", "", "endpoint of the matching requests, such as Search (default any)")
	flags.DurationVar(&f.ttl, "ttl", 0, "lifetime of the directive, such as 10m (required)")
	f.sample = 1000
	flags.Var(perMille{&f.sample}, "sample", "sampled requests: per 1000 (100), in percent (10%) or as a fraction (0.1)")
	flags.BoolVar(&f.ringBuffer, "ring-buffer", false, "recording of the requests in the ring buffer")
	flags.BoolVar(&f.capture, "capture", false, "capture of the requests' traffic")
	completeWith(cmd, "level", levelNames()...)
	completeWith(cmd, "endpoint", endpointNames()...)
}

func levelNames() (names []string) {
	for l := fleetdial.Off; l <= fleetdial.ShapeRewriteDiff; l++ {
		names = append(names, l.String())
	}
	return names
}

func endpointNames() (names []string) {
	for e := fleetdial.IngestDoc; e <= fleetdial.Unknown; e++ {
		names = append(names, e.String())
	}
	return names
}

func (a *app) add(ctx context.Context, add addFlags, w writeFlags, changed func(flag string) bool) error {
	if !changed("level") || !changed("ttl") {
		return usagef("add: --level and --ttl are required")
	}
	if err := w.checkMaxTTL(); err != nil {
		return err
	}
	d, err := add.directive(changed, w.maxTTL)
	if err != nil {
		return &rejectedError{err}
	}
	p, done, err := a.writer(w)
	if err != nil {
		return err
	}
	defer done()
	now, err := a.redisTime(ctx, p)
	if err != nil {
		return err
	}
	d.ExpiresAt = now.Add(add.ttl)
	var expired int
	with := func(_ context.Context, current fleetdial.Revision) (*fleetdial.Set, error) {
		var kept []fleetdial.Directive
		kept, expired = review.Unexpired(current.Set.Directives(), now)
		return fleetdial.NewSet(review.Replace(kept, d))
	}
	written := func() {
		a.messagef("directive %s ends at %s", plain.Printable(d.ID), plain.Time(d.ExpiresAt))
		a.reportExpired(expired, w.dryRun)
	}
	return a.publish(ctx, p, w, change{set: with, creates: true, written: written})
}

// directive returns the directive that the flags describe, except its expiry.
func (f addFlags) directive(changed func(flag string) bool, maxTTL time.Duration) (d fleetdial.Directive, err error) {
	for _, flag := range []struct{ name, value string }{
		{"id", f.id}, {"tenant", f.tenant}, {"index", f.index}, {"principal", f.principal}, {"endpoint", f.endpoint},
	} {
		// An unset shell variable must not make the directive match more requests.
		if changed(flag.name) && flag.value == "" {
			return d, fmt.Errorf("--%s: must not be empty", flag.name)
		}
	}
	if f.ttl < time.Second || f.ttl > maxTTL {
		return d, fmt.Errorf("--ttl: must be 1s to %v", maxTTL)
	}
	d = fleetdial.Directive{
		ID:             f.id,
		Match:          fleetdial.Match{Tenant: f.tenant, Index: f.index, Principal: f.principal},
		SamplePerMille: f.sample, RingBuffer: f.ringBuffer, Capture: f.capture,
	}
	if d.ID == "" {
		var random [4]byte
		rand.Read(random[:])
		d.ID = "d-" + hex.EncodeToString(random[:])
	}
	if err := f.checkNames(); err != nil {
		return d, err
	}
	if d.Level, err = fleetdial.ParseLevel(f.level); err != nil {
		return d, fmt.Errorf("--level: %w%s", err, didYouMean("", f.level, levelNames()))
	}
	if f.endpoint != "" {
		if d.Match.Endpoint, err = fleetdial.ParseEndpoint(f.endpoint); err != nil {
			return d, fmt.Errorf("--endpoint: %w%s", err, didYouMean("", f.endpoint, endpointNames()))
		}
	}
	return d, f.instances.apply(&d, changed)
}

// reportExpired writes how many expired directives a command has removed.
func (a *app) reportExpired(n int, dryRun bool) {
	switch {
	case n == 0:
	case dryRun:
		a.messagef("would remove %s", plain.Count(n, "expired directive"))
	default:
		a.messagef("removed %s", plain.Count(n, "expired directive"))
	}
}
