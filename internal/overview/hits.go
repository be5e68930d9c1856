package overview

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial"
)

// Hits is what the instances of the fleet have counted for the current revision.
type Hits struct {
	Revision fleetdial.Revision
	Roster   fleetdial.Roster
	Sums     fleetdial.RosterHits
	Rows     []HitsRow
}

// HitsRow is a directive of the current revision with its hits.
type HitsRow struct {
	fleetdial.Directive
	Hits fleetdial.RosterDirectiveHits
	// IsKnown says that the hits are known. They may be lower bounds.
	IsKnown bool
	// Concerned is how many instances evaluate the directive.
	Concerned int
}

// NewHits returns the hits with the directive of the highest rate first.
func NewHits(rev fleetdial.Revision, roster fleetdial.Roster) Hits {
	v := Hits{Revision: rev, Roster: roster, Sums: roster.Hits()}
	v.Roster.Instances = LiveInstances(roster)
	v.Rows = HitsRows(rev.Set, v.Sums)
	for i := range v.Rows {
		v.Rows[i].Concerned = CountEvaluating(v.Roster.Instances, v.Rows[i].Directive)
	}
	return v
}

// HitsRows returns the directives of a set with their hits, with that of the highest rate first.
// Concerned is 0 in all rows, because to count takes long for a large set and many instances.
func HitsRows(set *fleetdial.Set, sums fleetdial.RosterHits) []HitsRow {
	byID := make(map[string]fleetdial.RosterDirectiveHits, len(sums.Directives))
	for _, h := range sums.Directives {
		byID[h.ID] = h
	}
	rows := make([]HitsRow, 0, set.Len())
	for _, d := range set.Directives() {
		row := HitsRow{Directive: d}
		row.Hits, row.IsKnown = byID[d.ID]
		row.IsKnown = row.IsKnown || sums.Instances > 0 && sums.Truncated == 0
		rows = append(rows, row)
	}
	slices.SortStableFunc(rows, func(a, b HitsRow) int {
		return cmp.Or(cmp.Compare(b.Hits.Rate, a.Hits.Rate), cmp.Compare(b.Hits.Applied, a.Hits.Applied), strings.Compare(a.ID, b.ID))
	})
	return rows
}

// CountEvaluating returns how many of these instances evaluate a directive.
func CountEvaluating(instances []fleetdial.Instance, d fleetdial.Directive) (n int) {
	if d.Instances == nil {
		return len(instances)
	}
	for i := range instances {
		if evaluates(&instances[i], d) {
			n++
		}
	}
	return n
}

// HitsExpectedAfter is how long after its publish a directive is expected to have a hit.
const HitsExpectedAfter = 10 * time.Second

// WithoutHits returns the ids of the directives without a hit, in the order of the set, once
// that is known for certain: each instance that evaluates the directive has reported long
// enough after the publish.
func (v *Hits) WithoutHits() (ids []string) {
	expected := v.Revision.PublishedAt.Add(HitsExpectedAfter)
	if v.Revision.Version == 0 || v.Revision.ID != v.Roster.ID || v.Roster.Now.Before(expected) {
		return nil
	}
	idle := make(map[string]bool)
	for _, row := range v.Rows {
		idle[row.ID] = v.isWithoutHits(&row, expected)
	}
	for _, d := range v.Revision.Set.Directives() {
		if idle[d.ID] {
			ids = append(ids, d.ID)
		}
	}
	return ids
}

func (v *Hits) isWithoutHits(row *HitsRow, expected time.Time) bool {
	expectsNone := row.Level == fleetdial.Off || row.SamplePerMille == 0 || !row.ExpiresAt.After(v.Roster.Now)
	if expectsNone || row.Concerned == 0 || row.Hits.Instances > 0 {
		return false
	}
	for i := range v.Roster.Instances {
		in := &v.Roster.Instances[i]
		if !evaluates(in, row.Directive) {
			continue
		}
		hits := v.Roster.HitsOf(in)
		isFull := hits != nil && len(hits.Directives) == fleetdial.MaxReportedHits
		if hits == nil || isFull || in.Report.WrittenAt.Before(expected) {
			return false
		}
	}
	return true
}

// Uncounted returns the names of the instances without figures.
func (v *Hits) Uncounted() (names []string) {
	for i := range v.Roster.Instances {
		if v.Roster.HitsOf(&v.Roster.Instances[i]) == nil {
			names = append(names, v.Roster.Instances[i].Name)
		}
	}
	return names
}

// OldFigures is the age from which figures count as old.
const OldFigures = 15 * time.Second

// AgedInstance is an instance with the age of its figures.
type AgedInstance struct {
	Name string
	Age  time.Duration
}

// Old returns the instances with old figures, the oldest first.
func (v *Hits) Old() (all []AgedInstance) {
	for i := range v.Roster.Instances {
		in := &v.Roster.Instances[i]
		if v.Roster.HitsOf(in) == nil {
			continue
		}
		if age := v.Roster.Now.Sub(in.Report.WrittenAt); age > OldFigures {
			all = append(all, AgedInstance{in.Name, age})
		}
	}
	slices.SortStableFunc(all, func(a, b AgedInstance) int { return cmp.Compare(b.Age, a.Age) })
	return all
}
