package review

import (
	"fmt"
	"strings"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/plain"
)

// Notes are the hints and warnings about added and changed directives that may not do what their
// author expects.
func Notes(diff fleetdial.Diff) []string { return append(MatchNotes(diff), capNotes(diff)...) }

// MatchNotes are those of Notes about names and about directives that record nothing.
func MatchNotes(diff fleetdial.Diff) []string { return append(literalNotes(diff), inertNotes(diff)...) }

// literalNotes warns of the added and changed names that read as a pattern or as a word for
// every name. Names are compared literally, so such a directive matches less than its author
// may expect.
func literalNotes(diff fleetdial.Diff) (notes []string) {
	for _, d := range published(diff) {
		for _, name := range []struct{ field, value string }{
			{"tenant", d.Match.Tenant}, {"index", d.Match.Index}, {"principal", d.Match.Principal},
		} {
			if !readsAsPattern(name.value) {
				continue
			}
			notes = append(notes, fmt.Sprintf("warning: %s: %s %s is taken literally, and matches no other name",
				plain.Word(d.ID), name.field, plain.Quoted(name.value)))
		}
	}
	return notes
}

func readsAsPattern(name string) bool {
	switch strings.ToLower(name) {
	case "any", "all", "none", "-", "_all":
		return true
	}
	return strings.ContainsAny(name, "*?")
}

// inertNotes warns of the added and changed directives that record nothing.
func inertNotes(diff fleetdial.Diff) (notes []string) {
	for _, d := range published(diff) {
		switch {
		case d.SamplePerMille == 0:
			notes = append(notes, fmt.Sprintf("warning: %s: sample 0 applies to no request", plain.Word(d.ID)))
		case d.Level == fleetdial.Off && !d.RingBuffer && !d.Capture:
			notes = append(notes, fmt.Sprintf(
				"warning: %s: level Off records nothing, and does not lower the level of other directives", plain.Word(d.ID)))
		}
	}
	return notes
}

// capNotes suggests a limit for the added and changed directives that record every request.
func capNotes(diff fleetdial.Diff) (notes []string) {
	for _, d := range published(diff) {
		records := d.Level != fleetdial.Off || d.RingBuffer || d.Capture
		if d.Match == (fleetdial.Match{}) && d.MaxPerSecond == 0 && d.SamplePerMille > 0 && records {
			notes = append(notes, fmt.Sprintf("hint: %s: matches every request without a limit "+
				"(--max-per-second 100, or max_per_second in a file, limits the requests on each instance)", plain.Word(d.ID)))
		}
	}
	return notes
}

// published returns the added and the changed directives.
func published(diff fleetdial.Diff) []fleetdial.Directive {
	out := diff.Added[:len(diff.Added):len(diff.Added)]
	for _, c := range diff.Changed {
		out = append(out, c.After)
	}
	return out
}
