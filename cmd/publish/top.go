package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
	"github.com/fleetdial/fleetdial/internal/overview"
)

// topEvery is how often top reads the hits.
const topEvery = 2 * time.Second

func (a *app) topCommand() *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Show the hits of each directive",
		Long: `top shows what the instances have counted for the directives of the current revision. The
directives with the highest rate come first. On a terminal, top reads the figures every
two seconds until Ctrl-C. Elsewhere, with --once and with -o json, it shows them once.

HITS is the number of requests that the directive applied to, since its publish or the
start of the instance. RATE is the number of these requests per second. CAPPED is the
number of requests that it did not apply to because of its max_per_second. INSTANCES is
how many of the instances that are not GONE evaluate the directive. LEFT is the time
until its expiry. "-" is an unknown figure. The line below the table adds up the hits of
all directives.

The figures are as old as the last reports of the instances, which are 10s apart by
default. top names the instances whose figures are older than 15s. It also names the
instances without figures, which have not applied the current revision or do not count.
An instance reports the 32 directives with the most hits, so other figures are lower
bounds.

"no hits" names directives that applied to no request. It names a directive once each
instance that evaluates it has reported 10s or more after the publish. It does not name
directives that are expired, have the level Off or a sample of 0, or concern no instance.

With --verify-key, the exit code is 3 if no trusted key signed the revision.`,
		Example: `  publish top --once`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.top(cmd.Context(), once) },
	}
	cmd.Flags().BoolVar(&once, "once", false, "one table, also on a terminal")
	return cmd
}

func (a *app) top(ctx context.Context, once bool) error {
	p, done, err := a.publisher(fleetdial.PublisherConfig{})
	if err != nil {
		return err
	}
	defer done()
	var last overview.Hits
	if !once && !a.json() && tui.IsTerminal(a.redrawn(a.stdout)) {
		return a.watchTable(ctx, topEvery, func(ctx context.Context) (string, error) {
			next, err := a.readHits(ctx, p, last)
			if err != nil {
				return "", err
			}
			last = next
			return a.topText(last, tui.Height(a.stdout))
		})
	}
	timed, cancel := a.timed(ctx)
	defer cancel()
	if last, err = a.readHits(timed, p, last); err != nil {
		return err
	}
	if a.json() {
		err = a.writeJSON(newTopJSON(last))
	} else {
		var text string
		if text, err = a.topText(last, 0); err == nil {
			_, err = fmt.Fprint(a.stdout, text)
		}
	}
	if err != nil {
		return err
	}
	return a.notVerified(last.Revision)
}
