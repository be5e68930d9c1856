package fleetotel_test

import (
	"context"
	"fmt"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/fleetotel"
)

// The sampler exports the span of the decided request, and drops the other span.
func ExampleNewSampler() {
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter), sdktrace.WithSampler(fleetotel.NewSampler(nil)))
	tracer := provider.Tracer("proxy")

	decided := fleetdial.WithDecision(context.Background(), fleetdial.Decision{Level: fleetdial.Shape, By: "acme-search"})
	for name, ctx := range map[string]context.Context{"acme": decided, "globex": context.Background()} {
		_, span := tracer.Start(ctx, name)
		span.End()
	}
	for _, span := range exporter.GetSpans() {
		fmt.Println(span.Name)
	}
	if err := provider.Shutdown(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output: acme
}

// The proxy adds the time of each stage. Only decisions of at least ShapeTiming record it.
func ExampleStage() {
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter), sdktrace.WithSampler(fleetotel.NewSampler(nil)))

	decision := fleetdial.Decision{Level: fleetdial.ShapeTiming, By: "acme-search"}
	ctx, span := provider.Tracer("proxy").Start(fleetdial.WithDecision(context.Background(), decision), "acme")
	fleetotel.Stage(ctx, "upstream", 250*time.Millisecond)
	span.End()
	for _, event := range exporter.GetSpans()[0].Events {
		fmt.Println(event.Name, event.Attributes[0].Value.AsFloat64())
	}
	if err := provider.Shutdown(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output: upstream 0.25
}
