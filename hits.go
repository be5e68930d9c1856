package fleetdial

import (
	"maps"
	"slices"
	"time"

	"github.com/fleetdial/fleetdial/internal/wire"
)

// MaxReportedHits is how many directives the hits of a [Report] name.
const MaxReportedHits = wire.MaxReportedHits

// ReportHits is what an instance has counted for the revision that it has applied.
//
//	type ReportHits struct {
//		Directives []ReportedHits // the directives with the most hits, at most MaxReportedHits
//		Window     time.Duration  // the time over which Recent counts
//		Total      Hits           // of all directives, also of those that are left out
//	}
type ReportHits = wire.ReportHits

// ReportedHits is what one directive has counted on an instance.
//
//	type ReportedHits struct {
//		DirectiveHits
//		Recent int64 // the requests that it applied to within the window
//	}
type ReportedHits = wire.ReportedHits

// RosterHits is what the instances of a fleet have counted for the current revision, as
// [Roster.Hits] returns it.
type RosterHits struct {
	// Directives are the directives that an instance names, in the order of their ids.
	Directives []RosterDirectiveHits
	// Hits are those of all directives, also of those that no instance names.
	Hits
	// Rate is how many requests per second the directives in Directives apply to. A request
	// that two directives apply to counts twice.
	Rate float64
	// Instances is how many instances have counted, and Truncated how many of them have more
	// directives with hits than the MaxReportedHits that they name.
	Instances, Truncated int
	// Oldest is when the oldest of the reports was written, by the clock of Redis. It is zero
	// if no instance has counted.
	Oldest time.Time
}

// RosterDirectiveHits is what the instances of a fleet have counted for a directive. Where
// instances leave directives out, see RosterHits.Truncated, the figures are lower bounds.
type RosterDirectiveHits struct {
	DirectiveHits
	// Rate is how many requests per second the directive applies to. It is 0 if no instance
	// has counted for long enough.
	Rate float64
	// Instances is how many instances name the directive.
	Instances int
}

// HitsOf returns what an instance has counted for the current revision. It returns nil if the
// instance is GONE, has not applied that revision, or is of a build that does not count.
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

// Hits adds up what the instances have counted for the current revision, see [Roster.HitsOf].
// An instance counts from the publish of a directive until its id, match or level changes,
// and begins again when its process does. The figures are as old as the reports, which are
// written every 10 s by default.
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
