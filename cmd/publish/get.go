package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/overview"
	"github.com/fleetdial/fleetdial/internal/plain"
	"github.com/fleetdial/fleetdial/internal/review"
)

func (a *app) getCommand() *cobra.Command {
	var asBody bool
	var version int64
	cmd := &cobra.Command{
		Use:   "get",
		Short: "Show the current revision, or an older version",
		Long: `get shows the fleet's current revision, and who added each directive if the history tells.
HITS and RATE are shown if instances have counted for that revision; see publish top --help.
With --body, get writes a publish body, which publish -f accepts after editing. The body
has no expired directives. With --verify-key, the exit code is 3 if no trusted key signed
the revision.`,
		Example: `  publish get --version 41 --body > before.json`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("version") && version < 1 {
				return usagef("--version: must be a positive integer")
			}
			return a.withPublisher(cmd.Context(), func(ctx context.Context, p *fleetdial.Publisher) error {
				rev, err := a.revision(ctx, p, version)
				if review.IsInvalid(err) {
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
	if a.json() && !asBody {
		return a.writeRevision(rev)
	}
	now, err := p.Now(ctx)
	if err != nil {
		return err
	}
	if asBody {
		return a.writePublishable(rev.Set, now)
	}
	fmt.Fprintln(a.stdout, a.headline(rev, now))
	// A user of Redis who may not read the history still sees the revision.
	entries, _ := p.History(ctx)
	return a.writeTable(rev.Set, now, hitsOf(ctx, p, rev), overview.Origins(rev, entries))
}

// hitsOf returns the hits of the directives of a revision. It returns nil if the revision is
// not the current one, if no instance has counted for it, or if the roster cannot be read.
func hitsOf(ctx context.Context, p *fleetdial.Publisher, rev fleetdial.Revision) map[string]overview.HitsRow {
	roster, err := p.Roster(ctx)
	if err != nil || roster.ID != rev.ID {
		return nil
	}
	v := overview.NewHits(rev, roster)
	if v.Sums.Instances == 0 {
		return nil
	}
	rows := make(map[string]overview.HitsRow, len(v.Rows))
	for _, row := range v.Rows {
		rows[row.ID] = row
	}
	return rows
}

// writePublishable writes the set as a body that can be published. It leaves out expired
// directives, which no publish accepts, and names them.
func (a *app) writePublishable(set *fleetdial.Set, now time.Time) error {
	kept, expired := publishable(set, now)
	text := plain.EscapeBody(fleetdial.AppendBody(nil, kept))
	if len(text) > fleetdial.MaxBodyBytes {
		var short bytes.Buffer
		if err := json.Compact(&short, text); err != nil {
			return err
		}
		text = append(short.Bytes(), '\n')
	}
	if len(text) > fleetdial.MaxBodyBytes {
		return fmt.Errorf("the body is %d bytes, and publish accepts %d (publish rollback publishes a version of any size)",
			len(text), fleetdial.MaxBodyBytes)
	}
	if _, err := a.stdout.Write(text); err != nil {
		return err
	}
	if len(expired) > 0 {
		a.messagef("left out expired directives: %s", strings.Join(plain.Words(expired), ", "))
	}
	if last := lastExpiry(kept).Sub(now); last > fleetdial.DefaultMaxTTL {
		a.messagef("publish needs --max-ttl %s for this body", (last + time.Minute).Truncate(time.Minute))
	}
	return nil
}

// publishable returns the set without the directives that have expired, and their ids. A
// directive that ends within the current millisecond has expired, as in a publish.
func publishable(set *fleetdial.Set, now time.Time) (kept *fleetdial.Set, expired []string) {
	var rest []fleetdial.Directive
	for _, d := range set.Directives() {
		if d.ExpiresAt.After(now.Truncate(time.Millisecond)) {
			rest = append(rest, d)
		} else {
			expired = append(expired, d.ID)
		}
	}
	kept, err := fleetdial.NewSet(rest)
	if err != nil {
		panic(err) // cannot happen: a part of a valid set is valid
	}
	return kept, expired
}

// lastExpiry returns the expiry of the directive that ends last.
func lastExpiry(set *fleetdial.Set) (last time.Time) {
	for _, d := range set.Directives() {
		if d.ExpiresAt.After(last) {
			last = d.ExpiresAt
		}
	}
	return last
}

// revision returns the revision with that version, and the current revision for 0.
func (a *app) revision(ctx context.Context, p *fleetdial.Publisher, version int64) (fleetdial.Revision, error) {
	if version == 0 {
		return p.Current(ctx)
	}
	rev, err := p.Find(ctx, version)
	return rev, a.noVersionError(ctx, p, err)
}

// headline describes a revision in one line.
func (a *app) headline(rev fleetdial.Revision, now time.Time) string {
	if rev.Version == 0 {
		return fmt.Sprintf("fleet %s: empty value, no directives", a.fleet)
	}
	line := fmt.Sprintf("fleet %s: version %d, published %s ago", a.fleet, rev.Version,
		max(0, now.Sub(rev.PublishedAt)).Round(time.Second))
	if rev.PublishedBy != "" {
		line += " by " + plain.Word(rev.PublishedBy)
	}
	if rev.Reason != "" {
		line += ": " + plain.Printable(rev.Reason)
	}
	if signature := a.signature(rev); signature != "" {
		line += "; " + signature
	}
	return line
}
