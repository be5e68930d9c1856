package review

import (
	"fmt"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/plain"
)

// effects describes the changes that make the fleet record more requests, or more of
// them.
func effects(diff fleetdial.Diff) (notes []string) {
	for _, d := range diff.Added {
		notes = append(notes, plain.Word(d.ID)+": newly matched: "+Targets(d.Match))
		if d.Capture {
			notes = append(notes, plain.Word(d.ID)+": capture switched on")
		}
	}
	for _, c := range diff.Changed {
		id := plain.Word(c.After.ID)
		if c.Before.Match != c.After.Match {
			notes = append(notes, id+": newly matched: "+Targets(c.After.Match))
		}
		if c.After.Level > c.Before.Level {
			notes = append(notes, id+": level raised to "+c.After.Level.String())
		}
		if c.After.SamplePerMille > c.Before.SamplePerMille {
			notes = append(notes, id+": sample raised to "+plain.Sample(c.After.SamplePerMille))
		}
		if c.After.Capture && !c.Before.Capture {
			notes = append(notes, id+": capture switched on")
		}
		if c.Before.Instances != nil && c.After.Instances == nil {
			notes = append(notes, id+": newly on every instance")
		}
		if before, after := c.Before.MaxPerSecond, c.After.MaxPerSecond; before != 0 && after == 0 {
			notes = append(notes, id+": limit removed")
		} else if before != 0 && after > before {
			notes = append(notes, fmt.Sprintf("%s: limit raised to %d/s", id, after))
		}
	}
	return notes
}
