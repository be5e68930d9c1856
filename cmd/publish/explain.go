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

// explainFlags describe one request and the set that decides it.
type explainFlags struct {
	file, tenant, index, principal, endpoint, id string
}

func (a *app) explainCommand() *cobra.Command {
	var f explainFlags
	var w writeFlags
	cmd := &cobra.Command{
		Use:   "explain",
		Short: "Show the decision for a request, and the reasons",
		Long: `explain evaluates the fleet's set, or the set in a file, for one request as a proxy does.
It shows for each directive whether the directive applies, and if not, why not. A
property of the request that is not given is empty.`,
		Example: `  publish explain --tenant acme --endpoint Search --request-id 0d9b5a7e-3f0a-4a53`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := w.checkFileMaxTTL(cmd); err != nil {
				return err
			}
			return a.explain(cmd.Context(), f, cmd.Flags().Changed("file"), w.maxTTL)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.file, "file", "f", "", "file with the set, JSON or YAML; - for stdin (default the fleet's set)")
	flags.StringVar(&f.tenant, "tenant", "", "tenant of the request")
	flags.StringVar(&f.index, "index", "", "index of the request")
	flags.StringVar(&f.principal, "principal", "", "principal of the request")
	flags.StringVar(&f.endpoint, "endpoint", "", "endpoint of the request, such as Search (default Unknown)")
	flags.StringVar(&f.id, "request-id", "", "id of the request, which decides whether a sample contains the request")
	w.registerMaxTTL(cmd)
	completeWith(cmd, "endpoint", endpointNames()...)
	return cmd
}

func (a *app) explain(ctx context.Context, f explainFlags, hasFile bool, maxTTL time.Duration) error {
	req := fleetdial.Request{Tenant: f.tenant, Index: f.index, Principal: f.principal, Endpoint: fleetdial.Unknown, ID: f.id}
	if f.endpoint != "" {
		var err error
		if req.Endpoint, err = fleetdial.ParseEndpoint(f.endpoint); err != nil {
			return usagef("--endpoint: %w", err)
		}
	}
	if hasFile {
		body, err := a.readBody(ctx, f.file)
		if err != nil {
			return err
		}
		now := time.Now()
		set, err := body.parse(now, maxTTL)
		if err != nil {
			return err
		}
		return a.writeExplanation(set.Explain(req, now), now)
	}
	return a.withPublisher(ctx, func(ctx context.Context, p *fleetdial.Publisher) error {
		rev, err := p.Current(ctx)
		if err != nil {
			return a.noRevisionError(err)
		}
		now, err := p.Now(ctx)
		if err != nil {
			return err
		}
		return a.writeExplanation(rev.Set.Explain(req, now), now)
	})
}

func (a *app) writeExplanation(e fleetdial.Explanation, now time.Time) error {
	if a.json() {
		return a.writeExplanationJSON(e)
	}
	d := e.Decision
	line := "decision: " + d.Level.String()
	if d.By != "" {
		line += " by " + tui.Printable(d.By)
	}
	if d.RingBuffer {
		line += ", ring-buffer"
	}
	if d.Capture {
		line += ", capture"
	}
	fmt.Fprintf(a.stdout, "%s; the request id has bucket %d (0 to 999)\n", line, e.Bucket)
	w := a.newTable()
	fmt.Fprintln(w, "DIRECTIVE\tLEVEL\tAPPLIES\tWHY NOT")
	for _, g := range e.Directives {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", tui.Printable(g.Directive.ID), g.Directive.Level,
			tui.YesOrDash(g.Applies), whyNot(g, e.Bucket, now))
	}
	return w.Flush()
}

// whyNot returns all reasons for which a directive does not apply.
func whyNot(g fleetdial.Ground, bucket int, now time.Time) string {
	var parts []string
	if g.Expired {
		parts = append(parts, fmt.Sprintf("expired %v ago", max(0, now.Sub(g.Directive.ExpiresAt)).Round(time.Second)))
	}
	for _, field := range g.Differs {
		parts = append(parts, fmt.Sprintf("%s is not %s", field, fieldText(g.Directive, field)))
	}
	if g.OutOfSample {
		parts = append(parts, fmt.Sprintf("out of sample: bucket %d is not below %d", bucket, g.Directive.SamplePerMille))
	}
	return strings.Join(parts, "; ")
}

func (a *app) writeExplanationJSON(e fleetdial.Explanation) error {
	type ground struct {
		ID          string            `json:"id"`
		Applies     bool              `json:"applies"`
		Expired     bool              `json:"expired"`
		Differs     []fleetdial.Field `json:"differs"`
		OutOfSample bool              `json:"out_of_sample"`
		Sample      int               `json:"sample_per_mille"`
	}
	type decision struct {
		Level      string `json:"level"`
		By         string `json:"by,omitempty"`
		RingBuffer bool   `json:"ring_buffer"`
		Capture    bool   `json:"capture"`
	}
	out := struct {
		Decision   decision `json:"decision"`
		Bucket     int      `json:"bucket"`
		Directives []ground `json:"directives"`
	}{
		Decision: decision{e.Decision.Level.String(), e.Decision.By, e.Decision.RingBuffer, e.Decision.Capture},
		Bucket:   e.Bucket, Directives: make([]ground, len(e.Directives)),
	}
	for i, g := range e.Directives {
		differs := g.Differs
		if differs == nil {
			differs = []fleetdial.Field{}
		}
		out.Directives[i] = ground{
			g.Directive.ID, g.Applies, g.Expired, differs, g.OutOfSample, g.Directive.SamplePerMille,
		}
	}
	return a.writeJSON(out)
}
