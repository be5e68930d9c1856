package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
)

// changeLines returns a line for each difference: + for an added, ~ for a changed and - for
// a removed directive.
func changeLines(diff fleetdial.Diff, p tui.Palette) (lines []string) {
	for _, d := range diff.Added {
		lines = append(lines, p.Add+"+ "+describe(d)+p.End)
	}
	for _, c := range diff.Changed {
		lines = append(lines, p.Change+"~ "+tui.Word(c.After.ID)+": "+strings.Join(fieldChanges(c), ", ")+p.End)
	}
	for _, d := range diff.Removed {
		lines = append(lines, p.Remove+"- "+describe(d)+p.End)
	}
	return lines
}

// describe describes a directive in one line.
func describe(d fleetdial.Directive) string {
	words := []string{tui.Word(d.ID) + ":", d.Level.String()}
	if d.SamplePerMille != 1000 {
		words = append(words, sample(d.SamplePerMille))
	}
	words = append(words, targets(d.Match))
	if d.RingBuffer {
		words = append(words, "ring-buffer")
	}
	if d.Capture {
		words = append(words, "capture")
	}
	if d.Instances != nil {
		words = append(words, "on "+instancesText(d.Instances))
	}
	if d.MaxPerSecond > 0 {
		words = append(words, fmt.Sprintf("max %d/s", d.MaxPerSecond))
	}
	return strings.Join(append(words, "until", formatTime(d.ExpiresAt)), " ")
}

func targets(m fleetdial.Match) string {
	var parts []string
	for _, t := range []struct{ name, value string }{
		{"tenant", m.Tenant}, {"index", m.Index}, {"principal", m.Principal}, {"endpoint", endpointName(m.Endpoint)},
	} {
		if t.value != "" {
			parts = append(parts, t.name+"="+tui.Word(t.value))
		}
	}
	if len(parts) == 0 {
		return "every request"
	}
	return strings.Join(parts, " ")
}

func endpointName(e fleetdial.Endpoint) string {
	if e == fleetdial.AnyEndpoint {
		return ""
	}
	return e.String()
}

// formatTime formats a time for people, in seconds.
func formatTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// fieldChanges describes the change of each changed field.
func fieldChanges(c fleetdial.Changed) (parts []string) {
	for _, f := range c.Fields() {
		before, after := fieldText(c.Before, f), fieldText(c.After, f)
		parts = append(parts, fmt.Sprintf("%s %s → %s", f, before, after))
	}
	return parts
}

func fieldText(d fleetdial.Directive, f fleetdial.Field) string {
	switch f {
	case fleetdial.FieldLevel:
		return d.Level.String()
	case fleetdial.FieldTenant:
		return wordOrAny(d.Match.Tenant)
	case fleetdial.FieldIndex:
		return wordOrAny(d.Match.Index)
	case fleetdial.FieldPrincipal:
		return wordOrAny(d.Match.Principal)
	case fleetdial.FieldEndpoint:
		return wordOrAny(endpointName(d.Match.Endpoint))
	case fleetdial.FieldSample:
		return fmt.Sprint(d.SamplePerMille)
	case fleetdial.FieldExpiresAt:
		// Two TTLs that count from the same second differ in milliseconds only.
		return d.ExpiresAt.UTC().Format("2006-01-02T15:04:05.000Z")
	case fleetdial.FieldRingBuffer:
		return tui.YesOrDash(d.RingBuffer)
	case fleetdial.FieldInstances:
		return cmp.Or(instancesText(d.Instances), "*")
	case fleetdial.FieldMaxPerSecond:
		if d.MaxPerSecond == 0 {
			return "-"
		}
		return fmt.Sprint(d.MaxPerSecond)
	}
	return tui.YesOrDash(d.Capture)
}

// effects describes the changes that make the fleet record more requests, or more of
// them.
func effects(diff fleetdial.Diff) (notes []string) {
	for _, d := range diff.Added {
		notes = append(notes, tui.Word(d.ID)+": newly matched: "+targets(d.Match))
		if d.Capture {
			notes = append(notes, tui.Word(d.ID)+": capture switched on")
		}
	}
	for _, c := range diff.Changed {
		id := tui.Word(c.After.ID)
		if c.Before.Match != c.After.Match {
			notes = append(notes, id+": newly matched: "+targets(c.After.Match))
		}
		if c.After.Level > c.Before.Level {
			notes = append(notes, id+": level raised to "+c.After.Level.String())
		}
		if c.After.SamplePerMille > c.Before.SamplePerMille {
			notes = append(notes, id+": sample raised to "+sample(c.After.SamplePerMille))
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
