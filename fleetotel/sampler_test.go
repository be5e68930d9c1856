package fleetotel_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/fleetotel"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func at(level fleetdial.Level) context.Context {
	return fleetdial.WithDecision(context.Background(), fleetdial.Decision{Level: level, By: "acme"})
}

// exportedSpans runs work, and returns the spans that the sampler exported.
func exportedSpans(t *testing.T, next sdktrace.Sampler, work func(trace.Tracer)) tracetest.SpanStubs {
	t.Helper()
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter), sdktrace.WithSampler(fleetotel.NewSampler(next)))
	work(provider.Tracer("test"))
	spans := exporter.GetSpans()
	require.NoError(t, provider.Shutdown(context.Background()))
	return spans
}

func TestSampler_DecisionRecordsSpans(t *testing.T) {
	t.Parallel()
	for level, exported := range map[fleetdial.Level]int{fleetdial.Off: 0, fleetdial.Shape: 2, fleetdial.ShapeRewriteDiff: 2} {
		spans := exportedSpans(t, nil, func(tracer trace.Tracer) {
			ctx, outer := tracer.Start(at(level), "outer")
			_, inner := tracer.Start(ctx, "inner")
			inner.End()
			outer.End()
		})
		require.Len(t, spans, exported, level)
		for _, span := range spans {
			assert.Contains(t, span.Attributes, fleetotel.LevelKey.String(level.String()))
			assert.Contains(t, span.Attributes, fleetotel.DirectiveKey.String("acme"))
		}
	}
}

func TestSampler_NoDecisionUsesNext(t *testing.T) {
	t.Parallel()
	spans := exportedSpans(t, sdktrace.AlwaysSample(), func(tracer trace.Tracer) {
		_, span := tracer.Start(context.Background(), "plain")
		span.End()
	})
	require.Len(t, spans, 1)
	assert.Empty(t, spans[0].Attributes)
	assert.Equal(t, "Fleetdial{AlwaysOnSampler}", fleetotel.NewSampler(sdktrace.AlwaysSample()).Description())
}

func TestSampler_KeepsTracestate(t *testing.T) {
	t.Parallel()
	state, err := trace.ParseTraceState("vendor=1")
	require.NoError(t, err)
	parent := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, TraceState: state, Remote: true})
	spans := exportedSpans(t, nil, func(tracer trace.Tracer) {
		_, span := tracer.Start(trace.ContextWithSpanContext(at(fleetdial.Shape), parent), "child of an unsampled span")
		span.End()
	})
	require.Len(t, spans, 1)
	assert.Equal(t, "vendor=1", spans[0].SpanContext.TraceState().String())
	assert.Equal(t, parent.TraceID(), spans[0].SpanContext.TraceID())
}

func TestStage_RequiresShapeTiming(t *testing.T) {
	t.Parallel()
	for level, events := range map[fleetdial.Level]int{fleetdial.Shape: 0, fleetdial.ShapeTiming: 1} {
		spans := exportedSpans(t, nil, func(tracer trace.Tracer) {
			ctx, span := tracer.Start(at(level), "request")
			fleetotel.Stage(ctx, "upstream", 1500*time.Millisecond)
			span.End()
		})
		require.Len(t, spans[0].Events, events)
		if events > 0 {
			assert.Equal(t, "upstream", spans[0].Events[0].Name)
			assert.Equal(t, []attribute.KeyValue{fleetotel.DurationKey.Float64(1.5)}, spans[0].Events[0].Attributes)
		}
	}
}

func TestStage_NoAlloc(t *testing.T) {
	ctx := at(fleetdial.Shape)
	assert.Zero(t, testing.AllocsPerRun(1000, func() { fleetotel.Stage(ctx, "upstream", time.Second) }))
}
