package review

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/plain"
)

// Instances describes which instances evaluate a directive. It is empty for all.
func Instances(in *fleetdial.Instances) string {
	if in == nil {
		return ""
	}
	var all []string
	if len(in.Names) > 0 {
		all = append(all, strings.Join(plain.Words(in.Names), ","))
	}
	for _, label := range slices.Sorted(maps.Keys(in.Labels)) {
		all = append(all, labelWord(label, in.Labels[label]))
	}
	if in.PerMille != nil {
		all = append(all, fmt.Sprintf("%d/1000 of the instances", *in.PerMille))
	}
	return strings.Join(all, " and ")
}

func labelWord(name, value string) string { return plain.Word(name) + "=" + plain.Word(value) }

// Differences names the added (+), changed (~) and removed (-) directives.
func Differences(diff fleetdial.Diff) string {
	var names []string
	for _, d := range diff.Added {
		names = append(names, "+"+plain.Word(d.ID))
	}
	for _, c := range diff.Changed {
		names = append(names, "~"+plain.Word(c.After.ID))
	}
	for _, d := range diff.Removed {
		names = append(names, "-"+plain.Word(d.ID))
	}
	return plain.Listed(names)
}

// wordOrAny returns a name as a word of a line, "*" for an empty name.
func wordOrAny(name string) string {
	if name == "" {
		return "*"
	}
	return plain.Word(name)
}

// Describe describes a directive in one line.
func Describe(d fleetdial.Directive) string {
	words := []string{plain.Word(d.ID) + ":", d.Level.String()}
	if d.SamplePerMille != 1000 {
		words = append(words, plain.Sample(d.SamplePerMille))
	}
	words = append(words, Targets(d.Match))
	if d.RingBuffer {
		words = append(words, "ring-buffer")
	}
	if d.Capture {
		words = append(words, "capture")
	}
	if d.Instances != nil {
		words = append(words, "on "+Instances(d.Instances))
	}
	if d.MaxPerSecond > 0 {
		words = append(words, fmt.Sprintf("max %d/s", d.MaxPerSecond))
	}
	return strings.Join(append(words, "until", plain.Time(d.ExpiresAt)), " ")
}

// Targets names the fields of a match, or says that it matches every request.
func Targets(m fleetdial.Match) string {
	var parts []string
	for _, t := range []struct{ name, value string }{
		{"tenant", m.Tenant}, {"index", m.Index}, {"principal", m.Principal}, {"endpoint", EndpointName(m.Endpoint)},
	} {
		if t.value != "" {
			parts = append(parts, t.name+"="+plain.Word(t.value))
		}
	}
	if len(parts) == 0 {
		return "every request"
	}
	return strings.Join(parts, " ")
}

// EndpointName returns the name of an endpoint, empty for AnyEndpoint.
func EndpointName(e fleetdial.Endpoint) string {
	if e == fleetdial.AnyEndpoint {
		return ""
	}
	return e.String()
}

// FieldChanges describes the change of each changed field.
func FieldChanges(c fleetdial.Changed) (parts []string) {
	for _, f := range c.Fields() {
		before, after := FieldText(c.Before, f), FieldText(c.After, f)
		parts = append(parts, fmt.Sprintf("%s %s → %s", f, before, after))
	}
	return parts
}

// FieldText returns the value of a field of a directive.
func FieldText(d fleetdial.Directive, f fleetdial.Field) string {
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
		return wordOrAny(EndpointName(d.Match.Endpoint))
	case fleetdial.FieldSample:
		return fmt.Sprint(d.SamplePerMille)
	case fleetdial.FieldExpiresAt:
		// Two TTLs that count from the same second differ in milliseconds only.
		return d.ExpiresAt.UTC().Format("2006-01-02T15:04:05.000Z")
	case fleetdial.FieldRingBuffer:
		return plain.YesOrDash(d.RingBuffer)
	case fleetdial.FieldInstances:
		return cmp.Or(Instances(d.Instances), "*")
	case fleetdial.FieldMaxPerSecond:
		if d.MaxPerSecond == 0 {
			return "-"
		}
		return fmt.Sprint(d.MaxPerSecond)
	}
	return plain.YesOrDash(d.Capture)
}
