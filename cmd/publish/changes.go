package main

import (
	"encoding/json"
	"strings"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
	"github.com/fleetdial/fleetdial/internal/plain"
	"github.com/fleetdial/fleetdial/internal/review"
)

// changeLines returns a line for each difference: + for an added, ~ for a changed and - for
// a removed directive.
func changeLines(diff fleetdial.Diff, p tui.Palette) (lines []string) {
	for _, d := range diff.Added {
		lines = append(lines, p.Add+"+ "+review.Describe(d)+p.End)
	}
	for _, c := range diff.Changed {
		lines = append(lines, p.Change+"~ "+plain.Word(c.After.ID)+": "+strings.Join(review.FieldChanges(c), ", ")+p.End)
	}
	for _, d := range diff.Removed {
		lines = append(lines, p.Remove+"- "+review.Describe(d)+p.End)
	}
	return lines
}

// directivesJSON returns directives in the JSON of publish bodies.
func directivesJSON(all []fleetdial.Directive) ([]json.RawMessage, error) {
	set, err := fleetdial.NewSet(all)
	if err != nil {
		return nil, err
	}
	var body struct {
		Directives []json.RawMessage `json:"directives"`
	}
	err = json.Unmarshal(fleetdial.AppendBody(nil, set), &body)
	return body.Directives, err
}
