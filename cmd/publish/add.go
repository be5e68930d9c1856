package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
)

// addFlags describe one directive.
type addFlags struct {
	id, level, tenant, index, principal, endpoint string
	ttl                                           time.Duration
	sample                                        int
	ringBuffer, capture                           bool
}

func (a *app) addCommand() *cobra.Command {
	var add addFlags
	var w writeFlags
	cmd := &cobra.Command{
		Use:   "add --level LEVEL --ttl DURATION",
		Short: "Add one directive, or replace the one with that id",
		Long: "add puts one directive into the fleet's set, in the place of the one with the same id if there is one, and\n" +
			"takes out those that have expired. What is not given as a target matches everything.",
		Example: `  publish add --level ShapeTiming --tenant acme --endpoint Search --sample 100 --ttl 10m`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.add(cmd.Context(), add, w, cmd.Flags().Changed)
		},
	}
	cmd.Flags().StringVar(&add.id, "id", "", "the directive's id; one is made up unless told")
	add.register(cmd)
	a.registerWrite(cmd, &w)
	w.registerMaxTTL(cmd)
	return cmd
}

// register adds the flags that say what to record of which requests, and for how long.
func (f *addFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.level, "level", "", "Off, Shape, ShapeTiming or ShapeRewriteDiff")
	flags.StringVar(&f.tenant, "tenant", "", "only requests of this tenant")
	flags.StringVar(&f.index, "index", "", "only requests to this index")
	flags.StringVar(&f.principal, "principal", "", "only requests of this principal")
	flags.StringVar(&f.endpoint, "endpoint", "", "only requests to this endpoint, such as Search")
	flags.DurationVar(&f.ttl, "ttl", 0, "how long it lives, such as 10m")
	flags.IntVar(&f.sample, "sample", 1000, "of how many of 1000 requests")
	flags.BoolVar(&f.ringBuffer, "ring-buffer", false, "keep the requests in the ring buffer")
	flags.BoolVar(&f.capture, "capture", false, "capture the requests' traffic")
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

func (a *app) add(ctx context.Context, add addFlags, w writeFlags, given func(flag string) bool) error {
	if !given("level") || !given("ttl") {
		return usagef("add needs --level and --ttl")
	}
	if err := w.checkMaxTTL(); err != nil {
		return err
	}
	d, err := add.directive(given, w.maxTTL)
	if err != nil {
		return &refusedError{err}
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
	err = a.publish(ctx, p, w, func(ctx context.Context, opts fleetdial.PublishOptions) (fleetdial.Revision, error) {
		return p.Update(ctx, func(current fleetdial.Revision) (*fleetdial.Set, error) {
			var kept []fleetdial.Directive
			kept, expired = unexpired(current.Set.Directives(), now)
			return fleetdial.NewSet(replace(kept, d))
		}, opts)
	})
	if err != nil {
		return err
	}
	a.say("directive %s ends at %s", printable(d.ID), moment(d.ExpiresAt))
	a.sayExpired(expired, w.dryRun)
	return nil
}

// directive returns what the flags describe, but for its expiry.
func (f addFlags) directive(given func(flag string) bool, maxTTL time.Duration) (d fleetdial.Directive, err error) {
	for _, flag := range []struct{ name, value string }{
		{"id", f.id}, {"tenant", f.tenant}, {"index", f.index}, {"principal", f.principal}, {"endpoint", f.endpoint},
	} {
		// An unset variable of the operator's shell must not widen what matches.
		if given(flag.name) && flag.value == "" {
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
	if d.Level, err = fleetdial.ParseLevel(f.level); err != nil {
		return d, fmt.Errorf("--level: %w", err)
	}
	if f.endpoint != "" {
		if d.Match.Endpoint, err = fleetdial.ParseEndpoint(f.endpoint); err != nil {
			return d, fmt.Errorf("--endpoint: %w", err)
		}
	}
	return d, nil
}

// unexpired returns the directives that have not expired, and how many have.
func unexpired(all []fleetdial.Directive, now time.Time) (kept []fleetdial.Directive, expired int) {
	for _, d := range all {
		if d.ExpiresAt.After(now) {
			kept = append(kept, d)
		} else {
			expired++
		}
	}
	return kept, expired
}

func (a *app) sayExpired(n int, dryRun bool) {
	switch {
	case n == 0:
	case dryRun:
		a.say("would take out %s, expired", count(n, "directive"))
	default:
		a.say("took out %s, expired", count(n, "directive"))
	}
}

// replace puts d in the place of the directive with its id, or at the end.
func replace(all []fleetdial.Directive, d fleetdial.Directive) []fleetdial.Directive {
	for i := range all {
		if all[i].ID == d.ID {
			all[i] = d
			return all
		}
	}
	return append(all, d)
}
