package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
)

func (a *app) getCommand() *cobra.Command {
	var asBody bool
	var version int64
	cmd := &cobra.Command{
		Use:   "get",
		Short: "Show the current revision, or an older version",
		Long: `get shows the fleet's current revision. With --body, get writes a publish body, which
publish -f accepts after editing.`,
		Example: `  publish get --version 41 --body > before.json`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withPublisher(cmd.Context(), func(ctx context.Context, p *fleetdial.Publisher) error {
				rev, err := a.revision(ctx, p, version)
				if isInvalid(err) {
					// %v hides the type of the error: the exit code 3 is for commands
					// that write.
					return fmt.Errorf("%v; proxies keep the last valid set", err)
				}
				if err != nil {
					return a.noRevisionError(err)
				}
				if err := a.show(ctx, p, rev, asBody); err != nil {
					return err
				}
				return a.notVerified(rev)
			})
		},
	}
	cmd.Flags().BoolVar(&asBody, "body", false, "publish body as output")
	cmd.Flags().Int64Var(&version, "version", 0, "version from the history (default the current version)")
	completeFrom(cmd, "version", a.completeVersions)
	return cmd
}

// show writes a revision: as a table, as JSON or as a publish body.
func (a *app) show(ctx context.Context, p *fleetdial.Publisher, rev fleetdial.Revision, asBody bool) error {
	if asBody {
		return a.writeBody(rev.Set)
	}
	if a.json() {
		return a.writeRevision(rev)
	}
	now, err := p.Now(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(a.stdout, a.headline(rev, now))
	return a.writeTable(rev.Set, now, nil)
}

// revision returns the revision with that version, and the current revision for 0.
func (a *app) revision(ctx context.Context, p *fleetdial.Publisher, version int64) (fleetdial.Revision, error) {
	switch {
	case version < 0:
		return fleetdial.Revision{}, usagef("--version: must be a positive integer")
	case version == 0:
		return p.Current(ctx)
	}
	rev, err := p.Find(ctx, version)
	return rev, noVersionError(ctx, p, err)
}

// headline describes a revision in one line.
func (a *app) headline(rev fleetdial.Revision, now time.Time) string {
	if rev.Version == 0 {
		return fmt.Sprintf("fleet %s: empty value, no directives", a.fleet)
	}
	line := fmt.Sprintf("fleet %s: version %d, published %s ago", a.fleet, rev.Version,
		max(0, now.Sub(rev.PublishedAt)).Round(time.Second))
	if rev.PublishedBy != "" {
		line += " by " + tui.Printable(rev.PublishedBy)
	}
	if rev.Reason != "" {
		line += ": " + tui.Printable(rev.Reason)
	}
	if signature := a.signature(rev); signature != "" {
		line += "; " + signature
	}
	return line
}
