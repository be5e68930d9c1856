// Package fleetotel records traces by the decision on the request that they belong to.
package fleetotel

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/fleetdial/fleetdial"
)

// The attributes of spans that a directive has recorded, and of the events of their stages.
const (
	// LevelKey holds the decision's level, by its name.
	LevelKey = attribute.Key("fleetdial.level")
	// DirectiveKey holds the id of the directive that gave the level.
	DirectiveKey = attribute.Key("fleetdial.directive")
	// DurationKey holds how long a stage took, in seconds.
	DurationKey = attribute.Key("fleetdial.duration_s")
)

type sampler struct{ next sdktrace.Sampler }

// NewSampler returns a sampler that records a span, and samples it, if the context that it begins in carries a decision
// of at least Shape, and asks next otherwise; nil is ParentBased(NeverSample). A span that a decision records has the
// attributes LevelKey and DirectiveKey. The decision has to be in the context before the span begins, so the middleware
// that decides stands outside of the one that traces.
func NewSampler(next sdktrace.Sampler) sdktrace.Sampler {
	if next == nil {
		next = sdktrace.ParentBased(sdktrace.NeverSample())
	}
	return sampler{next}
}

// ShouldSample says what becomes of a span.
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

// Description names the sampler, and the one that it asks.
func (s sampler) Description() string { return "Fleetdial{" + s.next.Description() + "}" }

// Stage adds an event to the span of ctx that says how long a stage of the request took, now that it has ended, if the
// decision on the request is at least ShapeTiming. Otherwise it does nothing, and allocates nothing.
func Stage(ctx context.Context, name string, took time.Duration) {
	if fleetdial.DecisionFrom(ctx).Level < fleetdial.ShapeTiming {
		return
	}
	trace.SpanFromContext(ctx).AddEvent(name, trace.WithAttributes(DurationKey.Float64(took.Seconds())))
}
