package console

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/console/internal/live"
	"github.com/fleetdial/fleetdial/internal/overview"
	"github.com/fleetdial/fleetdial/internal/review"
)

// directivesData is what the page of the directives shows.
type directivesData struct {
	Rows  []directiveRow
	All   int
	Pager pager
}

// directiveRow is a directive in the table.
type directiveRow struct {
	overview.HitsRow
	Origin *overview.Origin // who added it, nil if the history does not tell
	Rates  []live.Rate
	Live   int // how many instances are live
}

// Ended says that the directive has expired.
func (row directiveRow) Ended(p *page) bool { return !row.ExpiresAt.After(p.Now) }

// Chosen says that the directive is not for all instances.
func (row directiveRow) Chosen() bool { return row.Directive.Instances != nil }

// serveDirectives shows the directives of the current revision, those that have not ended first.
func (c *Console) serveDirectives(w http.ResponseWriter, r *http.Request, p *page) error {
	data := directivesData{}
	if rev := p.InForce(); rev != nil {
		query := strings.ToLower(p.Query("q"))
		rows := overview.HitsRows(rev.Set, p.State.Hits)
		data.All = len(rows)
		rows = slices.DeleteFunc(rows, func(row overview.HitsRow) bool { return !matchesText(row.Directive, query) })
		slices.SortStableFunc(rows, func(a, b overview.HitsRow) int { return cmp.Compare(endedRank(a, p), endedRank(b, p)) })
		var shown []overview.HitsRow
		shown, data.Pager = paged(p, rows)
		instances, origins := overview.LiveInstances(p.State.Roster), c.past.of(p.State).origins
		for _, row := range shown {
			row.Concerned = overview.CountEvaluating(instances, row.Directive)
			more := directiveRow{HitsRow: row, Rates: p.State.Rates[row.ID], Live: len(instances)}
			if origin, ok := origins[row.ID]; ok {
				more.Origin = &origin
			}
			data.Rows = append(data.Rows, more)
		}
	}
	p.Data = data
	c.render(w, http.StatusOK, "directives", p)
	return nil
}

func endedRank(row overview.HitsRow, p *page) int {
	if row.ExpiresAt.After(p.Now) {
		return 0
	}
	return 1
}

// matchesText reports whether the description of a directive contains a text in lower case.
func matchesText(d fleetdial.Directive, text string) bool {
	return text == "" || strings.Contains(strings.ToLower(d.ID), text) || strings.Contains(strings.ToLower(review.Describe(d)), text)
}
