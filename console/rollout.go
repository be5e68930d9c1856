package console

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/overview"
	"github.com/fleetdial/fleetdial/internal/plain"
)

// rolloutData is what the page of a rollout shows.
type rolloutData struct {
	Revision  fleetdial.Revision
	IsCurrent bool
	Diff      fleetdial.Diff
	Known     bool  // the history tells the difference from the version before
	Before    int64 // the version before, 0 if it is not known

	Live, Applied, Newer int // of the live instances
	Rejected             []instanceRow
	Lacking              []instanceRow // without those that rejected the revision
	Gone                 int
	Latency              []bar
	Slowest              string
}

// Share is how much of the fleet has the revision, per mille.
func (d rolloutData) Share() int {
	if d.Live == 0 {
		return 0
	}
	return 1000 * (d.Applied + d.Newer) / d.Live
}

// serveRollout shows how far a revision has come.
func (c *Console) serveRollout(w http.ResponseWriter, r *http.Request, p *page) error {
	version, err := strconv.ParseInt(r.PathValue("version"), 10, 64)
	if err != nil || version < 1 {
		return badRequest("version " + plain.Quoted(r.PathValue("version")) + ": must be a positive integer")
	}
	p.Title = "Rollout of version " + strconv.FormatInt(version, 10)
	data := rolloutData{}
	if p.State == nil {
		p.Data = data
		c.render(w, http.StatusServiceUnavailable, "rollout", p)
		return nil
	}
	changes := c.past.of(p.State).changes
	i := slices.IndexFunc(changes, func(e overview.Change) bool { return e.Revision.Version == version })
	switch {
	case i >= 0:
		data.Revision, data.Diff, data.Known = changes[i].Revision, changes[i].Diff, changes[i].Known
		if i+1 < len(changes) {
			data.Before = changes[i+1].Revision.Version
		}
	case p.State.RevisionErr == nil && p.State.Revision.Version == version:
		data.Revision = p.State.Revision // the history cannot be read
	default:
		text := "version " + strconv.FormatInt(version, 10) + ": not in the history"
		if len(p.State.History) > 0 {
			text += ", and " + overview.VersionsHeld(p.State.History)
		}
		return notFound(text)
	}
	data.IsCurrent = p.State.RevisionErr == nil && p.State.Revision.ID == data.Revision.ID
	data.count(p.State.Roster)
	p.Data = data
	c.render(w, http.StatusOK, "rollout", p)
	return nil
}

// count counts the instances that have the revision.
func (d *rolloutData) count(roster fleetdial.Roster) {
	var latencies []time.Duration
	for _, in := range overview.WorstFirst(roster.Instances) {
		if in.State == fleetdial.InstanceGone {
			d.Gone++
			continue
		}
		d.Live++
		var applied fleetdial.Applied
		if in.Report != nil && in.Report.Applied != nil {
			applied = *in.Report.Applied
		}
		switch {
		case applied.ID == d.Revision.ID:
			d.Applied++
			latencies = append(latencies, max(0, applied.At.Sub(applied.PublishedAt)))
		case in.Report != nil && in.Report.Rejected != nil && in.Report.Rejected.ID == d.Revision.ID:
			d.Rejected = append(d.Rejected, instanceRow{in})
		case applied.Version > d.Revision.Version && applied.Version <= roster.Version:
			d.Newer++
		default:
			d.Lacking = append(d.Lacking, instanceRow{in})
		}
	}
	d.Latency = latencyBars(latencies)
	if len(latencies) > 0 {
		d.Slowest = slices.Max(latencies).Round(time.Millisecond).String()
	}
}

// latencyLimits are the upper limits of the bars of a histogram of latencies.
var latencyLimits = []time.Duration{
	3 * time.Millisecond, 10 * time.Millisecond, 30 * time.Millisecond, 100 * time.Millisecond, 300 * time.Millisecond,
	time.Second, 3 * time.Second, 10 * time.Second,
}

func latencyBars(latencies []time.Duration) []bar {
	if len(latencies) == 0 {
		return nil
	}
	bars := make([]bar, len(latencyLimits)+1)
	for i, limit := range latencyLimits {
		bars[i].Label = "< " + limit.String()
	}
	bars[len(latencyLimits)].Label = "≥ " + latencyLimits[len(latencyLimits)-1].String()
	for _, latency := range latencies {
		i, exact := slices.BinarySearch(latencyLimits, latency)
		if exact {
			i++
		}
		bars[i].Count++
	}
	return bars
}
