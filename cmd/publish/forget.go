package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/plain"
	"github.com/fleetdial/fleetdial/internal/review"
)

func (a *app) forgetCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "forget FLEET",
		Short: "Remove a fleet that no instance follows",
		Long: `forget removes the current revision, the history and the roster of a fleet from Redis. A
fleet with an instance that is not GONE is not removed. forget asks for confirmation
on a terminal, and needs --yes elsewhere. The exit code is 4 if somebody publishes in
between.`,
		Example: `  publish forget prdo`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("fleet") && a.fleet != args[0] {
				return usagef("forget: --fleet and FLEET name different fleets")
			}
			a.fleet = args[0]
			p, done, err := a.publisher(fleetdial.PublisherConfig{})
			if err != nil {
				return err
			}
			defer done()
			err = a.forget(cmd.Context(), p, yes)
			if isUnwritten(err) && !strings.Contains(err.Error(), "nothing was removed") {
				err = fmt.Errorf("nothing was removed: %w", err)
			}
			return err
		},
		ValidArgsFunction: argumentsFrom(a.completeFleets),
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "confirmation")
	return cmd
}

func (a *app) forget(ctx context.Context, p *fleetdial.Publisher, yes bool) error {
	if _, err := a.checkFleet(ctx, p, false); err != nil {
		return err
	}
	roster, err := a.rosterNow(ctx, p)
	if err != nil {
		return err
	}
	var live []string
	for _, in := range roster.Instances {
		if in.State != fleetdial.InstanceGone {
			live = append(live, in.Name)
		}
	}
	if len(live) > 0 {
		return &rejectedError{fmt.Errorf("fleet %q: has live instances: %s; nothing was removed", a.fleet, plain.First(10, plain.Words(live)))}
	}
	directives, err := a.liveDirectives(ctx, p, roster)
	if err != nil {
		return err
	}
	if err := a.confirmForget(ctx, roster, directives, yes); err != nil {
		return err
	}
	timed, cancel := a.timed(ctx)
	defer cancel()
	err = p.Forget(timed, fleetdial.Revision{Version: roster.Version, ID: roster.ID})
	if errors.Is(err, fleetdial.ErrInstancesLive) {
		return &rejectedError{fmt.Errorf("fleet %q: %w; nothing was removed", a.fleet, err)}
	}
	if err != nil {
		return err
	}
	a.messagef("forgot fleet %q: version %d", a.fleet, roster.Version)
	if a.json() {
		return a.writeJSON(struct {
			Fleet      string `json:"fleet"`
			Version    int64  `json:"version"`
			Directives int    `json:"directives"`
		}{a.fleet, roster.Version, directives})
	}
	return nil
}

// liveDirectives returns how many directives have not expired. An unreadable value has none.
func (a *app) liveDirectives(ctx context.Context, p *fleetdial.Publisher, roster fleetdial.Roster) (int, error) {
	ctx, cancel := a.timed(ctx)
	defer cancel()
	rev, err := p.Current(ctx)
	switch {
	case errors.Is(err, fleetdial.ErrNoRevision), review.IsInvalid(err):
		return 0, nil
	case err != nil:
		return 0, err
	}
	live, _ := review.Unexpired(rev.Set.Directives(), roster.Now)
	return len(live), nil
}

// confirmForget asks the operator for confirmation. Without a terminal, it requires --yes.
func (a *app) confirmForget(ctx context.Context, roster fleetdial.Roster, directives int, yes bool) error {
	text := fmt.Sprintf("fleet %q at version %d: the revision, the history and the roster will be removed",
		a.fleet, roster.Version)
	if directives > 0 {
		text += fmt.Sprintf("; directives that have not expired: %d", directives)
	}
	switch {
	case yes:
		return nil
	case !a.isInteractive():
		return &rejectedError{fmt.Errorf("%s; nothing was removed (--yes confirms)", text)}
	case !a.asksYes(ctx, text+". Forget it?"):
		return errors.New("not confirmed; nothing was removed")
	}
	return nil
}
