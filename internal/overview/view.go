package overview

import (
	"fmt"
	"strings"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/plain"
)

// View is what status shows of a fleet.
type View struct {
	fleetdial.Roster
	// IsRead says that the current set was read. Directives are its directives.
	IsRead     bool
	Directives []fleetdial.Directive
	// Selecting holds the unexpired directives with instances, and general the ids of those
	// without.
	Selecting []fleetdial.Directive
	general   []string
}

// NewView returns the view of a roster and the directives of its current revision.
func NewView(roster fleetdial.Roster, directives []fleetdial.Directive) View {
	v := View{Roster: roster, IsRead: true, Directives: directives}
	for _, d := range directives {
		switch {
		case !d.ExpiresAt.After(roster.Now):
		case d.Instances != nil:
			v.Selecting = append(v.Selecting, d)
		default:
			v.general = append(v.general, d.ID)
		}
	}
	return v
}

// Concerned are the unexpired directives that concern an instance.
type Concerned struct {
	selecting, general []string
}

// DirectivesOf returns the directives of the current set that concern an instance. known is
// false if the set or the report cannot be read.
func (v *View) DirectivesOf(in fleetdial.Instance) (c Concerned, known bool) {
	if !v.IsRead || in.Report == nil {
		return c, false
	}
	for _, d := range v.Selecting {
		if Concerns(d, in.Report) {
			c.selecting = append(c.selecting, d.ID)
		}
	}
	c.general = v.general
	return c, true
}

// IDs returns the ids of all directives, those with instances first.
func (c Concerned) IDs() []string { return append(append([]string{}, c.selecting...), c.general...) }

// Text returns the first ids and the number of the others, "-" for none.
func (c Concerned) Text(limit int) string {
	selecting := c.selecting[:min(len(c.selecting), limit)]
	general := c.general[:min(len(c.general), limit-len(selecting))]
	text := strings.Join(plain.Words(append(selecting[:len(selecting):len(selecting)], general...)), ", ")
	if more := len(c.selecting) + len(c.general) - len(selecting) - len(general); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return plain.DashIfEmpty(text)
}
