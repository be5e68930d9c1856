package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/plain"
	"github.com/fleetdial/fleetdial/internal/review"
)

func (a *app) explainCommand() *cobra.Command {
	var f requestFlags
	var w writeFlags
	var file, instance string
	cmd := &cobra.Command{
		Use:   "explain",
		Short: "Show the decision for a request, and the reasons",
		Long: `explain evaluates the fleet's set, or the set in a file, for one request as a proxy does.
It shows for each directive whether the directive applies, and if not, why not. A
property of the request that is not given is empty. Without a request id, explain shows
how many of 1,000 request ids get each decision.

With --instance, explain decides as that instance of the roster does. Without it,
directives with instances do not apply. explain does not count requests: a directive with
max_per_second applies until its limit is reached.

--method, --path and --header describe a request to cmd/proxy, which finds the tenant,
index, principal, endpoint and request id in them.`,
		Example: `  publish explain --tenant acme --endpoint Search --request-id 0d9b5a7e-3f0a-4a53
  publish explain --method POST --path /orders/_search --header "X-Tenant: acme"`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := w.checkFileMaxTTL(cmd); err != nil {
				return err
			}
			req, err := f.request(cmd.Flags().Changed)
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("file") {
				return a.explainFile(cmd.Context(), file, req, instance, w.maxTTL)
			}
			return a.explain(cmd.Context(), req, instance)
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "file with the set, JSON or YAML; - for stdin (default the fleet's set)")
	cmd.Flags().StringVar(&instance, "instance", "", "instance of the roster whose decision is shown (default none)")
	completeFrom(cmd, "instance", a.completeInstances)
	f.register(cmd)
	w.registerMaxTTL(cmd)
	return cmd
}

func (a *app) explainFile(
	ctx context.Context, file string, req fleetdial.Request, instance string, maxTTL time.Duration,
) error {
	body, err := a.readBody(ctx, file)
	if err != nil {
		return err
	}
	now := time.Now()
	set, err := body.parse(now, maxTTL)
	if err != nil {
		return err
	}
	if instance == "" {
		return a.writeExplanation(review.Perspective{}, set, req, now)
	}
	return a.withPublisher(ctx, func(ctx context.Context, p *fleetdial.Publisher) error {
		view, err := a.perspectiveOf(ctx, p, instance)
		if err != nil {
			return err
		}
		return a.writeExplanation(view, set, req, now)
	})
}

func (a *app) explain(ctx context.Context, req fleetdial.Request, instance string) error {
	return a.withPublisher(ctx, func(ctx context.Context, p *fleetdial.Publisher) error {
		rev, err := p.Current(ctx)
		if err != nil {
			return a.noRevisionError(err)
		}
		now, err := p.Now(ctx)
		if err != nil {
			return err
		}
		view, err := a.perspectiveOf(ctx, p, instance)
		if err != nil {
			return err
		}
		if err := a.writeExplanation(view, rev.Set, req, now); err != nil {
			return err
		}
		return a.notVerified(rev)
	})
}

func (a *app) writeExplanation(view review.Perspective, set *fleetdial.Set, req fleetdial.Request, now time.Time) error {
	e := view.Explain(set, req, now)
	shares := review.DecisionShares(e, req.ID != "")
	if a.json() {
		return a.writeExplanationJSON(view, e, req, shares)
	}
	fmt.Fprintln(a.stdout, "request: "+review.RequestText(req))
	if view.Instance != "" {
		fmt.Fprintln(a.stdout, view.Text())
	}
	fmt.Fprintln(a.stdout, review.DecisionText(e, shares, req.ID))
	w := a.newTable()
	fmt.Fprintln(w, "DIRECTIVE\tLEVEL\tAPPLIES\tWHY NOT")
	for _, g := range e.Directives {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", plain.Printable(g.Directive.ID), g.Directive.Level,
			review.Applies(g, req.ID), review.WhyNot(view, g, e.Bucket, req.ID, now))
	}
	return w.Flush()
}
