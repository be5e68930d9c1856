// Package fleetotel records OpenTelemetry spans for the requests that a directive
// matches.
package fleetotel

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/fleetdial/fleetdial"
)

// The attribute keys of the spans of [NewSampler], and of the events of [Stage].
const (
	// LevelKey is the span attribute with the name of the decision's level.
	LevelKey = attribute.Key("fleetdial.level")
	// DirectiveKey is the span attribute with the id of the directive that set the level.
	DirectiveKey = attribute.Key("fleetdial.directive")
	// DurationKey is the event attribute with the duration of a stage, in seconds.
	DurationKey = attribute.Key("fleetdial.duration_s")
)

type sampler struct{ next sdktrace.Sampler }

// NewSampler returns a sampler that records and samples a span if the context of the span
// has a decision of at least Shape. The span has the attributes [LevelKey] and
// [DirectiveKey]. For any other span the sampler uses next. The default of next is
// ParentBased(NeverSample).
//
// The context must have the decision before the span starts. Therefore the middleware
// that decides must wrap the middleware that traces.
func NewSampler(next sdktrace.Sampler) sdktrace.Sampler {
	if next == nil {
		next = sdktrace.ParentBased(sdktrace.NeverSample())
	}
	return sampler{next}
}

// ShouldSample returns whether the tracer records and samples a span.
func (s sampler) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	d := fleetdial.DecisionFrom(p.ParentContext)
	if d.Level < fleetdial.Shape {
		return s.next.ShouldSample(p)
	}
	return sdktrace.SamplingResult{
		Decision:   sdktrace.RecordAndSample,
		Attributes: []attribute.KeyValue{LevelKey.String(d.Level.String()), DirectiveKey.String(d.By)},
		Tracestate: trace.SpanContextFromContext(p.ParentContext).TraceState(),
	}
}

// Description returns the name of the sampler, with the description of the next sampler.
func (s sampler) Description() string { return "Fleetdial{" + s.next.Description() + "}" }

// Stage adds an event with the duration of a completed stage to the span of ctx, if the
// decision of the request is at least ShapeTiming. Otherwise Stage does nothing, and does
// not allocate.
func Stage(ctx context.Context, name string, took time.Duration) {
	if fleetdial.DecisionFrom(ctx).Level < fleetdial.ShapeTiming {
		return
	}
	trace.SpanFromContext(ctx).AddEvent(name, trace.WithAttributes(DurationKey.Float64(took.Seconds())))
}
