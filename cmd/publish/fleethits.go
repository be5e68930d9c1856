package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial"
)

// fleetHits is what the instances of the fleet have counted for the current revision.
type fleetHits struct {
	revision fleetdial.Revision
	roster   fleetdial.Roster
	sums     fleetdial.RosterHits
	rows     []hitsRow
}

// hitsRow is a directive of the current revision with its hits.
type hitsRow struct {
	fleetdial.Directive
	hits fleetdial.RosterDirectiveHits
	// isKnown says that the hits are known. They may be lower bounds.
	isKnown bool
	// concerned is how many instances evaluate the directive.
	concerned int
}

// readHits reads the roster and the current revision, or takes the revision of an earlier
// reading.
func (a *app) readHits(ctx context.Context, p *fleetdial.Publisher, earlier fleetHits) (fleetHits, error) {
	rev := earlier.revision
	for attempts := 3; ; attempts-- {
		roster, err := p.Roster(ctx)
		if err != nil {
			return fleetHits{}, err
		}
		known := earlier.roster.Published && earlier.roster.ID == roster.ID && earlier.roster.Digest == roster.Digest
		if !known {
			if rev, err = p.Current(ctx); isInvalid(err) {
				return fleetHits{}, fmt.Errorf("%v; proxies keep the last valid set", err)
			} else if err != nil {
				return fleetHits{}, a.noRevisionError(err)
			}
		}
		// A publish between the two readings makes them differ.
		if rev.ID == roster.ID || attempts == 0 {
			return newFleetHits(rev, roster), nil
		}
	}
}

// newFleetHits returns the hits with the directive of the highest rate first.
func newFleetHits(rev fleetdial.Revision, roster fleetdial.Roster) fleetHits {
	v := fleetHits{revision: rev, roster: roster, sums: roster.Hits()}
	byID := make(map[string]fleetdial.RosterDirectiveHits, len(v.sums.Directives))
	for _, h := range v.sums.Directives {
		byID[h.ID] = h
	}
	live := liveInstances(roster)
	v.roster.Instances = live
	for _, d := range rev.Set.Directives() {
		row := hitsRow{Directive: d}
		row.hits, row.isKnown = byID[d.ID]
		row.isKnown = row.isKnown || v.sums.Instances > 0 && v.sums.Truncated == 0
		for i := range live {
			if evaluates(&live[i], d) {
				row.concerned++
			}
		}
		v.rows = append(v.rows, row)
	}
	slices.SortStableFunc(v.rows, func(a, b hitsRow) int {
		return cmp.Or(cmp.Compare(b.hits.Rate, a.hits.Rate), cmp.Compare(b.hits.Applied, a.hits.Applied), strings.Compare(a.ID, b.ID))
	})
	return v
}

// evaluates reports whether an instance evaluates a directive. An instance without a readable
// report evaluates those without instances, because its labels are not known.
func evaluates(in *fleetdial.Instance, d fleetdial.Directive) bool {
	if in.Report == nil {
		return d.Instances == nil
	}
	return concerns(d, in.Report)
}

// hitsExpectedAfter is how long after its publish a directive is expected to have a hit.
const hitsExpectedAfter = 10 * time.Second

// withoutHits returns the ids of the directives without a hit, in the order of the set, once
// that is known for certain: each instance that evaluates the directive has reported long
// enough after the publish.
func (v *fleetHits) withoutHits() (ids []string) {
	expected := v.revision.PublishedAt.Add(hitsExpectedAfter)
	if v.revision.Version == 0 || v.revision.ID != v.roster.ID || v.roster.Now.Before(expected) {
		return nil
	}
	idle := make(map[string]bool)
	for _, row := range v.rows {
		idle[row.ID] = v.isWithoutHits(&row, expected)
	}
	for _, d := range v.revision.Set.Directives() {
		if idle[d.ID] {
			ids = append(ids, d.ID)
		}
	}
	return ids
}

func (v *fleetHits) isWithoutHits(row *hitsRow, expected time.Time) bool {
	expectsNone := row.Level == fleetdial.Off || row.SamplePerMille == 0 || !row.ExpiresAt.After(v.roster.Now)
	if expectsNone || row.concerned == 0 || row.hits.Instances > 0 {
		return false
	}
	for i := range v.roster.Instances {
		in := &v.roster.Instances[i]
		if !evaluates(in, row.Directive) {
			continue
		}
		hits := v.roster.HitsOf(in)
		isFull := hits != nil && len(hits.Directives) == fleetdial.MaxReportedHits
		if hits == nil || isFull || in.Report.WrittenAt.Before(expected) {
			return false
		}
	}
	return true
}

// uncounted returns the names of the instances without figures.
func (v *fleetHits) uncounted() (names []string) {
	for i := range v.roster.Instances {
		if v.roster.HitsOf(&v.roster.Instances[i]) == nil {
			names = append(names, v.roster.Instances[i].Name)
		}
	}
	return names
}

// oldFigures is the age from which figures count as old.
const oldFigures = 15 * time.Second

// agedInstance is an instance with the age of its figures.
type agedInstance struct {
	name string
	age  time.Duration
}

// old returns the instances with old figures, the oldest first.
func (v *fleetHits) old() (all []agedInstance) {
	for i := range v.roster.Instances {
		in := &v.roster.Instances[i]
		if v.roster.HitsOf(in) == nil {
			continue
		}
		if age := v.roster.Now.Sub(in.Report.WrittenAt); age > oldFigures {
			all = append(all, agedInstance{in.Name, age})
		}
	}
	slices.SortStableFunc(all, func(a, b agedInstance) int { return cmp.Compare(b.age, a.age) })
	return all
}
