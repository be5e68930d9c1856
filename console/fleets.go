package console

import (
	"context"
	"net/http"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/review"
)

// fleetRow is a fleet in the list of fleets.
type fleetRow struct {
	fleetdial.FleetSummary
	Live int // directives that have not expired
	URL  string
}

// fleetsData is what the list of fleets shows.
type fleetsData struct{ Rows []fleetRow }

// serveFleets shows the fleets of the same Redis.
func (c *Console) serveFleets(w http.ResponseWriter, r *http.Request) {
	p := c.barePage(r)
	p.Title = "Fleets"
	ctx, cancel := context.WithTimeout(r.Context(), redisTime)
	defer cancel()
	names, err := fleetdial.Fleets(ctx, c.cfg.Client)
	var all []fleetdial.FleetSummary
	if err == nil {
		all, err = fleetdial.SummarizeFleets(ctx, c.cfg.Client, names)
	}
	if err != nil {
		c.fail(w, r, p, err)
		return
	}
	var data fleetsData
	for _, f := range all {
		row := fleetRow{FleetSummary: f, URL: (&page{console: c, Fleet: f.Name}).URL()}
		if f.Err == nil {
			live, _ := review.Unexpired(f.Revision.Set.Directives(), f.Now)
			row.Live = len(live)
		}
		data.Rows = append(data.Rows, row)
	}
	p.Data = data
	c.render(w, http.StatusOK, "fleets", p)
}
