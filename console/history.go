package console

import (
	"context"
	"net/http"
	"strconv"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/overview"
	"github.com/fleetdial/fleetdial/internal/plain"
)

// historyData is what the page of the history shows.
type historyData struct {
	Rows  []overview.Change
	Pager pager
	Error error // why the history is not complete
}

// serveHistory shows the last revisions, newest first.
func (c *Console) serveHistory(w http.ResponseWriter, r *http.Request, p *page) error {
	data := historyData{}
	if p.State != nil {
		data.Rows, data.Pager = paged(p, c.past.of(p.State).changes)
		data.Error = p.State.HistoryErr
	}
	p.Data = data
	c.render(w, http.StatusOK, "history", p)
	return nil
}

// compareData is what the page that compares two revisions shows.
type compareData struct {
	From, To fleetdial.Revision
	Diff     fleetdial.Diff
}

// serveCompare shows the difference between two versions. The current one is the default of "to".
func (c *Console) serveCompare(w http.ResponseWriter, r *http.Request, p *page) error {
	ctx, cancel := context.WithTimeout(r.Context(), redisTime)
	defer cancel()
	from, err := c.revision(ctx, p, p.Query("from"))
	if err != nil {
		return err
	}
	to, err := c.revision(ctx, p, p.Query("to"))
	if err != nil {
		return err
	}
	p.Title = "Version " + strconv.FormatInt(from.Version, 10) + " and version " + strconv.FormatInt(to.Version, 10)
	p.Data = compareData{from, to, fleetdial.DiffSets(from.Set, to.Set)}
	c.render(w, http.StatusOK, "compare", p)
	return nil
}

// revision returns the revision of a version, the current one for an empty text.
func (c *Console) revision(ctx context.Context, p *page, version string) (fleetdial.Revision, error) {
	if p.State == nil {
		return fleetdial.Revision{}, fleetdial.ErrUnavailable
	}
	if version == "" {
		rev := p.InForce()
		if rev == nil {
			return fleetdial.Revision{}, notFound("the fleet has no current revision that can be read")
		}
		return *rev, nil
	}
	n, err := strconv.ParseInt(version, 10, 64)
	if err != nil || n < 1 {
		return fleetdial.Revision{}, badRequest("version " + plain.Quoted(version) + ": must be a positive integer")
	}
	for _, entry := range p.State.History {
		if entry.Revision.Version == n && entry.Err == nil {
			return entry.Revision, nil
		}
	}
	pub, err := c.cfg.publisher(p.Fleet, "")
	if err != nil {
		return fleetdial.Revision{}, err
	}
	return pub.Find(ctx, n)
}
