package review

import (
	"fmt"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/overview"
	"github.com/fleetdial/fleetdial/internal/plain"
)

// DecisionText describes the decision in one line.
func DecisionText(e fleetdial.Explanation, shares []DecisionShare, id string) string {
	if len(shares) > 1 {
		var parts []string
		for _, s := range shares[:len(shares)-1] {
			parts = append(parts, fmt.Sprintf("%s for %d of 1,000", recordingText(s.Decision), s.PerMille))
		}
		return fmt.Sprintf("decision: depends on the request id: %s, otherwise %s",
			strings.Join(parts, ", "), recordingText(shares[len(shares)-1].Decision))
	}
	d := e.Decision
	line := "decision: " + d.Level.String()
	if id == "" { // every id has this decision
		d = shares[0].Decision
		line = "decision: " + d.Level.String()
	}
	if d.By != "" {
		line += " by " + plain.Word(d.By)
	}
	if d.RingBuffer {
		line += ", ring-buffer"
	}
	if d.Capture {
		line += ", capture"
	}
	if id == "" {
		return line + ", for every request id"
	}
	return fmt.Sprintf("%s; the request id has bucket %d (0 to 999)", line, e.Bucket)
}

// recordingText describes what a decision records.
func recordingText(d fleetdial.Decision) string {
	text := d.Level.String()
	if d.RingBuffer {
		text += " with ring-buffer"
	}
	if d.Capture {
		text += " with capture"
	}
	return text
}

// Applies returns the cell of the column APPLIES.
func Applies(g fleetdial.Ground, id string) string {
	if id == "" && Matches(g) && isSampled(g) {
		return "sampled"
	}
	return plain.YesOrDash(g.Applies)
}

// Matches reports whether a directive applies to the request, apart from its sample and limit.
func Matches(g fleetdial.Ground) bool { return !g.Expired && !g.OtherInstances && len(g.Differs) == 0 }

// isSampled reports whether the request id decides whether the directive applies.
func isSampled(g fleetdial.Ground) bool {
	return g.Directive.SamplePerMille > 0 && g.Directive.SamplePerMille < 1000
}

// WhyNot returns all reasons for which a directive does not apply.
func WhyNot(view Perspective, g fleetdial.Ground, bucket int, id string, now time.Time) string {
	var parts []string
	if g.Expired {
		parts = append(parts, fmt.Sprintf("expired %v ago", max(0, now.Sub(g.Directive.ExpiresAt)).Round(time.Second)))
	}
	switch {
	case g.OtherInstances && view.Instance != "":
		parts = append(parts, "other instances: only on "+Instances(g.Directive.Instances))
	case g.OtherInstances:
		parts = append(parts, "only on "+Instances(g.Directive.Instances)+" (see --instance)")
	}
	for _, field := range g.Differs {
		parts = append(parts, fmt.Sprintf("%s is not %s", field, FieldText(g.Directive, field)))
	}
	switch {
	case id == "" && isSampled(g):
		parts = append(parts, fmt.Sprintf("sample: %d of 1,000 request ids", g.Directive.SamplePerMille))
	case id == "" && g.Directive.SamplePerMille == 0:
		parts = append(parts, "sample: no request id")
	case g.OutOfSample:
		parts = append(parts, fmt.Sprintf("out of sample: bucket %d is not below %d", bucket, g.Directive.SamplePerMille))
	}
	if limit := g.Directive.MaxPerSecond; limit > 0 && Matches(g) {
		parts = append(parts, fmt.Sprintf("limit: beyond %d requests a second", limit))
	}
	return strings.Join(parts, "; ")
}

// DecisionShare is a decision, and the number of the 1,000 buckets of request ids that get
// it.
type DecisionShare struct {
	Decision fleetdial.Decision
	PerMille int
}

// DecisionShares returns the decisions for the buckets from 0, and how many buckets get
// each. Buckets with the same recording are neighbours, because a bucket is in every sample
// of a higher bucket. If the request has an id, only its decision is returned.
func DecisionShares(e fleetdial.Explanation, hasID bool) (shares []DecisionShare) {
	if hasID {
		return []DecisionShare{{e.Decision, 1000}}
	}
	for bucket := range 1000 {
		d := decisionOf(e, bucket)
		last := len(shares) - 1
		if last >= 0 && recordingText(shares[last].Decision) == recordingText(d) {
			shares[last].PerMille++
		} else {
			shares = append(shares, DecisionShare{d, 1})
		}
	}
	return shares
}

// decisionOf returns the decision for the requests in a bucket.
func decisionOf(e fleetdial.Explanation, bucket int) (d fleetdial.Decision) {
	for _, g := range e.Directives {
		if !Matches(g) || bucket >= g.Directive.SamplePerMille {
			continue
		}
		if g.Directive.Level > d.Level {
			d.Level, d.By = g.Directive.Level, g.Directive.ID
		}
		d.RingBuffer = d.RingBuffer || g.Directive.RingBuffer
		d.Capture = d.Capture || g.Directive.Capture
	}
	return d
}

// Perspective is the instance whose decision explain shows. The zero perspective is that of no
// instance.
type Perspective struct {
	// Instance is its row in the roster, empty for none.
	Instance string
	// Name and labels are what directives select it by.
	Name   string
	Labels map[string]string
}

// Text describes the instance in one line.
func (v Perspective) Text() string {
	line := "instance: " + plain.Word(v.Instance)
	if v.Name != v.Instance {
		line += " (configured as " + plain.Word(v.Name) + ")"
	}
	if len(v.Labels) > 0 {
		line += " " + plain.Printable(overview.Labels(v.Labels))
	}
	return line
}

// Explain returns the decision of the instance, with a ground for each directive of the set,
// also for those of other instances.
func (v Perspective) Explain(set *fleetdial.Set, req fleetdial.Request, now time.Time) fleetdial.Explanation {
	all := set.Explain(req, now)
	if v.Instance == "" {
		return all
	}
	own := set.ForInstance(v.Name, v.Labels).Explain(req, now)
	grounds := make(map[string]fleetdial.Ground, len(own.Directives))
	for _, g := range own.Directives {
		grounds[g.Directive.ID] = g
	}
	for i, g := range all.Directives {
		if ground, ok := grounds[g.Directive.ID]; ok {
			all.Directives[i] = ground
		}
	}
	all.Decision = own.Decision
	return all
}

// RequestText describes a request in one line.
func RequestText(req fleetdial.Request) string {
	var parts []string
	for _, field := range []struct{ name, value string }{
		{"tenant", req.Tenant}, {"index", req.Index}, {"principal", req.Principal}, {"request-id", req.ID},
	} {
		if field.value != "" {
			parts = append(parts, field.name+"="+plain.Word(field.value))
		}
	}
	return strings.Join(append(parts, fmt.Sprintf("endpoint=%s", req.Endpoint)), " ")
}
