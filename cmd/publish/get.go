package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
)

func (a *app) getCommand() *cobra.Command {
	var asBody bool
	var version int64
	cmd := &cobra.Command{
		Use:   "get",
		Short: "Show the fleet's set",
		Long: "get shows the set that the fleet's key holds. With --body it writes a publish body, to edit and give to\n" +
			"publish -f.",
		Example: `  publish get --version 41 --body > before.json`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withPublisher(cmd.Context(), "", func(ctx context.Context, p *fleetdial.Publisher) error {
				rev, err := a.revision(ctx, p, version)
				if isInvalid(err) {
					// Nothing was refused here: it is what stands in Redis that is wrong.
					return fmt.Errorf("%v; the proxies keep the last good set", err)
				}
				if err != nil {
					return a.noRevision(err)
				}
				if asBody {
					_, err := a.stdout.Write(fleetdial.AppendBody(nil, rev.Set))
					return err
				}
				if a.json() {
					return a.writeRevision(rev)
				}
				now, err := p.Now(ctx)
				if err != nil {
					return err
				}
				fmt.Fprintln(a.stdout, a.headline(rev, now))
				return a.writeTable(rev.Set, now)
			})
		},
	}
	cmd.Flags().BoolVar(&asBody, "body", false, "write a publish body")
	cmd.Flags().Int64Var(&version, "version", 0, "an older version, from the history; 0: the one that is there")
	completeFrom(cmd, "version", a.completeVersions)
	return cmd
}

// revision returns the one of that version; 0 is the one that is there.
func (a *app) revision(ctx context.Context, p *fleetdial.Publisher, version int64) (fleetdial.Revision, error) {
	switch {
	case version < 0:
		return fleetdial.Revision{}, usagef("a version is a whole number from 1")
	case version == 0:
		return p.Current(ctx)
	}
	return p.Find(ctx, version)
}

// headline tells of a revision in one line.
func (a *app) headline(rev fleetdial.Revision, now time.Time) string {
	if rev.Version == 0 {
		return fmt.Sprintf("fleet %s: the empty value, which clears it", a.fleet)
	}
	line := fmt.Sprintf("fleet %s: version %d, published %s ago", a.fleet, rev.Version,
		max(0, now.Sub(rev.PublishedAt)).Round(time.Second))
	if rev.PublishedBy != "" {
		line += " by " + printable(rev.PublishedBy)
	}
	if rev.Reason != "" {
		line += ": " + printable(rev.Reason)
	}
	if signature := a.signature(rev); signature != "" {
		line += "; " + signature
	}
	return line
}
