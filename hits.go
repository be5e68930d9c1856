package fleetdial

import (
	"maps"
	"slices"
	"time"

	"github.com/fleetdial/fleetdial/internal/wire"
)

// MaxReportedHits is the largest number of directives in the hits of a [Report].
const MaxReportedHits = wire.MaxReportedHits

// ReportHits is the hits of one instance, for the revision that it has applied.
//
//	type ReportHits struct {
//		Directives []ReportedHits // the directives with the most hits, at most MaxReportedHits
//		Window     time.Duration  // the time before the report in which Recent counts
//		Total      Hits           // the hits of all directives, the others included
//	}
type ReportHits = wire.ReportHits

// ReportedHits is the hits of one directive on one instance.
//
//	type ReportedHits struct {
//		DirectiveHits
//		Recent int64 // the requests to which the directive applied within the Window
//	}
type ReportedHits = wire.ReportedHits

// RosterHits is the sum of the hits of all instances for the current revision.
// [Roster.Hits] returns RosterHits.
type RosterHits struct {
	// Directives are the directives in the reports, in the order of their ids.
	Directives []RosterDirectiveHits
	// Hits are the hits of all directives, also of directives that are in no report.
	Hits
	// Rate is the number of requests per second to which the directives in Directives apply.
	// A request to which two directives apply counts twice.
	Rate float64
	// Instances is the number of instances with hits for the current revision. Truncated is
	// the number of these whose reports leave directives out, because more than
	// MaxReportedHits directives have hits.
	Instances, Truncated int
	// Oldest is the time of the oldest of the reports, by the clock of Redis. It is zero if
	// there is none.
	Oldest time.Time
}

// RosterDirectiveHits is the sum of the hits of one directive on all instances. If
// RosterHits.Truncated is not 0, the figures are lower bounds.
type RosterDirectiveHits struct {
	DirectiveHits
	// Rate is the number of requests per second to which the directive applies. It is 0 if
	// no instance has counted for long enough.
	Rate float64
	// Instances is the number of instances whose reports have the directive.
	Instances int
}

// HitsOf returns the hits of an instance for the current revision. HitsOf returns nil if
// the instance is gone, has not applied that revision, or is of a build that does not
// count hits.
func (r *Roster) HitsOf(in *Instance) *ReportHits {
	rep := in.Report
	if in.State == InstanceGone || rep == nil || rep.Hits == nil || rep.Applied == nil {
		return nil
	}
	if rep.Applied.ID != r.ID || r.differs(rep.Applied) {
		return nil
	}
	return rep.Hits
}

// Hits returns the sum of the hits of all instances for the current revision: see
// [Roster.HitsOf]. The count of a directive begins with its publish, and begins again
// when its id, match or level changes and when the process of the instance restarts. The
// figures are as old as the reports, which are written every 10 s by default.
func (r *Roster) Hits() RosterHits {
	var out RosterHits
	all := make(map[string]*RosterDirectiveHits)
	for i := range r.Instances {
		in := &r.Instances[i]
		hits := r.HitsOf(in)
		if hits == nil {
			continue
		}
		out.Instances++
		if at := in.Report.WrittenAt; out.Oldest.IsZero() || at.Before(out.Oldest) {
			out.Oldest = at
		}
		rest := hits.Total
		for _, h := range hits.Directives {
			sum := all[h.ID]
			if sum == nil {
				sum = &RosterDirectiveHits{DirectiveHits: DirectiveHits{ID: h.ID}}
				all[h.ID] = sum
			}
			sum.add(h, hits.Window)
			rest.Applied -= h.Applied
			rest.Capped -= h.Capped
		}
		if rest.Applied > 0 || rest.Capped > 0 {
			out.Truncated++
		}
		out.Applied += hits.Total.Applied
		out.Capped += hits.Total.Capped
	}
	for _, id := range slices.Sorted(maps.Keys(all)) {
		out.Directives = append(out.Directives, *all[id])
		out.Rate += all[id].Rate
	}
	return out
}

// add adds what one instance has counted.
func (d *RosterDirectiveHits) add(h ReportedHits, window time.Duration) {
	d.Applied += h.Applied
	d.Capped += h.Capped
	d.Instances++
	if window > 0 {
		d.Rate += float64(h.Recent) / window.Seconds()
	}
}
