package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
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
		return a.writeExplanation(perspective{}, set, req, now)
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

func (a *app) writeExplanation(view perspective, set *fleetdial.Set, req fleetdial.Request, now time.Time) error {
	e := view.explain(set, req, now)
	shares := decisionShares(e, req.ID != "")
	if a.json() {
		return a.writeExplanationJSON(view, e, req, shares)
	}
	fmt.Fprintln(a.stdout, "request: "+requestText(req))
	if view.instance != "" {
		fmt.Fprintln(a.stdout, view.text())
	}
	fmt.Fprintln(a.stdout, decisionText(e, shares, req.ID))
	w := a.newTable()
	fmt.Fprintln(w, "DIRECTIVE\tLEVEL\tAPPLIES\tWHY NOT")
	for _, g := range e.Directives {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", tui.Printable(g.Directive.ID), g.Directive.Level,
			appliesText(g, req.ID), whyNot(view, g, e.Bucket, req.ID, now))
	}
	return w.Flush()
}

// decisionText describes the decision in one line.
func decisionText(e fleetdial.Explanation, shares []decisionShare, id string) string {
	if len(shares) > 1 {
		var parts []string
		for _, s := range shares[:len(shares)-1] {
			parts = append(parts, fmt.Sprintf("%s for %d of 1,000", recordingText(s.decision), s.perMille))
		}
		return fmt.Sprintf("decision: depends on the request id: %s, otherwise %s",
			strings.Join(parts, ", "), recordingText(shares[len(shares)-1].decision))
	}
	d := e.Decision
	line := "decision: " + d.Level.String()
	if id == "" { // every id has this decision
		d = shares[0].decision
		line = "decision: " + d.Level.String()
	}
	if d.By != "" {
		line += " by " + tui.Word(d.By)
	}
	if d.RingBuffer {
		line += ", ring-buffer"
	}
	if d.Capture {
		line += ", capture"
	}
	if id == "" {
		return line + ", for every request id"
	}
	return fmt.Sprintf("%s; the request id has bucket %d (0 to 999)", line, e.Bucket)
}

// recordingText describes what a decision records.
func recordingText(d fleetdial.Decision) string {
	text := d.Level.String()
	if d.RingBuffer {
		text += " with ring-buffer"
	}
	if d.Capture {
		text += " with capture"
	}
	return text
}

// appliesText returns the cell of the column APPLIES.
func appliesText(g fleetdial.Ground, id string) string {
	if id == "" && matches(g) && sampled(g) {
		return "sampled"
	}
	return tui.YesOrDash(g.Applies)
}

func matches(g fleetdial.Ground) bool { return !g.Expired && !g.OtherInstances && len(g.Differs) == 0 }

// sampled reports whether the request id decides whether the directive applies.
func sampled(g fleetdial.Ground) bool {
	return g.Directive.SamplePerMille > 0 && g.Directive.SamplePerMille < 1000
}

// whyNot returns all reasons for which a directive does not apply.
func whyNot(view perspective, g fleetdial.Ground, bucket int, id string, now time.Time) string {
	var parts []string
	if g.Expired {
		parts = append(parts, fmt.Sprintf("expired %v ago", max(0, now.Sub(g.Directive.ExpiresAt)).Round(time.Second)))
	}
	switch {
	case g.OtherInstances && view.instance != "":
		parts = append(parts, "other instances: only on "+instancesText(g.Directive.Instances))
	case g.OtherInstances:
		parts = append(parts, "only on "+instancesText(g.Directive.Instances)+" (see --instance)")
	}
	for _, field := range g.Differs {
		parts = append(parts, fmt.Sprintf("%s is not %s", field, fieldText(g.Directive, field)))
	}
	switch {
	case id == "" && sampled(g):
		parts = append(parts, fmt.Sprintf("sample: %d of 1,000 request ids", g.Directive.SamplePerMille))
	case id == "" && g.Directive.SamplePerMille == 0:
		parts = append(parts, "sample: no request id")
	case g.OutOfSample:
		parts = append(parts, fmt.Sprintf("out of sample: bucket %d is not below %d", bucket, g.Directive.SamplePerMille))
	}
	if limit := g.Directive.MaxPerSecond; limit > 0 && matches(g) {
		parts = append(parts, fmt.Sprintf("limit: beyond %d requests a second", limit))
	}
	return strings.Join(parts, "; ")
}

// decisionShare is a decision, and the number of the 1,000 buckets of request ids that get
// it.
type decisionShare struct {
	decision fleetdial.Decision
	perMille int
}

// decisionShares returns the decisions for the buckets from 0, and how many buckets get
// each. Buckets with the same recording are neighbours, because a bucket is in every sample
// of a higher bucket. If the request has an id, only its decision is returned.
func decisionShares(e fleetdial.Explanation, hasID bool) (shares []decisionShare) {
	if hasID {
		return []decisionShare{{e.Decision, 1000}}
	}
	for bucket := range 1000 {
		d := decisionOf(e, bucket)
		last := len(shares) - 1
		if last >= 0 && recordingText(shares[last].decision) == recordingText(d) {
			shares[last].perMille++
		} else {
			shares = append(shares, decisionShare{d, 1})
		}
	}
	return shares
}

// decisionOf returns the decision for the requests in a bucket.
func decisionOf(e fleetdial.Explanation, bucket int) (d fleetdial.Decision) {
	for _, g := range e.Directives {
		if !matches(g) || bucket >= g.Directive.SamplePerMille {
			continue
		}
		if g.Directive.Level > d.Level {
			d.Level, d.By = g.Directive.Level, g.Directive.ID
		}
		d.RingBuffer = d.RingBuffer || g.Directive.RingBuffer
		d.Capture = d.Capture || g.Directive.Capture
	}
	return d
}
