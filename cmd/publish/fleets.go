package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
	"github.com/fleetdial/fleetdial/internal/plain"
	"github.com/fleetdial/fleetdial/internal/review"
)

func (a *app) fleetsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "fleets",
		Short: "List the fleets",
		Long: `fleets lists every fleet in Redis that has a revision, a history or a roster: the
current version, the number of instances that were seen within the last 30 seconds,
and the number of directives that have not expired. ERROR tells why the revision of a
fleet cannot be read. fleets scans all keys of the database, on a Cluster those of every master.`,
		Example: `  publish fleets`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.fleets(cmd.Context()) },
	}
}

func (a *app) fleets(ctx context.Context) error {
	client, err := a.connect()
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := a.timed(ctx)
	defer cancel()
	names, err := fleetdial.Fleets(ctx, client)
	if err != nil {
		return err
	}
	all, err := fleetdial.SummarizeFleets(ctx, client, names)
	if err != nil {
		return err
	}
	if a.json() {
		return a.writeFleetsJSON(all)
	}
	w := tui.NewTable(a.stdout)
	fmt.Fprintln(w, "FLEET\tVERSION\tINSTANCES\tDIRECTIVES\tERROR")
	for _, f := range all {
		version, directives, reason := fmt.Sprint(f.Revision.Version), "-", ""
		if f.Err == nil {
			live, _ := review.Unexpired(f.Revision.Set.Directives(), f.Now)
			directives = fmt.Sprint(len(live))
		} else {
			reason = fleetError(f.Err)
		}
		if f.Revision.ID == "" && f.Err != nil {
			version = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\n", f.Name, version, f.Instances, directives, plain.Cell(reason))
	}
	return w.Flush()
}

// fleetError returns the reason why the revision of a fleet cannot be read.
func fleetError(err error) string {
	if errors.Is(err, fleetdial.ErrNoRevision) {
		return "no current revision"
	}
	return err.Error()
}

func (a *app) writeFleetsJSON(all []fleetdial.FleetSummary) error {
	type fleet struct {
		Name      string `json:"name"`
		Version   int64  `json:"version"`
		Instances int    `json:"instances"`
		// Directives and Expired are null if the revision cannot be read.
		Directives *int   `json:"directives"`
		Expired    *int   `json:"expired"`
		Error      string `json:"error,omitempty"`
	}
	out := make([]fleet, len(all))
	for i, f := range all {
		out[i] = fleet{Name: f.Name, Version: f.Revision.Version, Instances: f.Instances}
		if f.Err != nil {
			out[i].Error = fleetError(f.Err)
			continue
		}
		live, expired := review.Unexpired(f.Revision.Set.Directives(), f.Now)
		n := len(live)
		out[i].Directives, out[i].Expired = &n, &expired
	}
	return a.writeJSON(out)
}
