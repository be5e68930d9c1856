package main

import (
	"context"
	"io"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/fleetdial/fleetdial/fleetotel"
)

// tracer creates a span for each exchange. The zero tracer creates no spans.
type tracer struct {
	provider *sdktrace.TracerProvider
	spans    trace.Tracer
}

// newTracer returns a tracer that writes spans as JSON. The caller must call shutdown.
func newTracer(w io.Writer) (tracer, error) {
	exporter, err := stdouttrace.New(stdouttrace.WithWriter(w))
	if err != nil {
		return tracer{}, err
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithSampler(fleetotel.NewSampler(nil)))
	return tracer{provider, provider.Tracer("github.com/fleetdial/fleetdial/cmd/proxy")}, nil
}

func (t tracer) shutdown(ctx context.Context) error {
	if t.provider == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// begin starts the span of a request, and returns a function that ends the span. The
// parent of the span is the span in the header. The span keeps only the ids of its
// parent, because a tracestate can contain any text. The upstream receives the tracestate
// unchanged.
func (t tracer) begin(ctx context.Context, header http.Header, e *exchange) (context.Context, func(*exchange, stages)) {
	if t.spans == nil {
		return ctx, func(*exchange, stages) {}
	}
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(header))
	ctx = trace.ContextWithSpanContext(ctx, trace.SpanContextFromContext(ctx).WithTraceState(trace.TraceState{}))
	ctx, span := t.spans.Start(ctx, e.request.Endpoint.String(), trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		attribute.String("fleetdial.request_id", e.request.ID), attribute.String("fleetdial.tenant", e.request.Tenant),
		attribute.String("db.collection.name", e.request.Index)))
	return ctx, func(e *exchange, s stages) {
		fleetotel.Stage(ctx, "request", s.Request)
		fleetotel.Stage(ctx, "upstream", s.Upstream)
		fleetotel.Stage(ctx, "response", s.Response)
		span.SetAttributes(attribute.Int("http.response.status_code", e.status))
		if failure := e.failure(); failure != "" {
			span.SetStatus(codes.Error, failure)
		}
		span.End()
	}
}

// inject adds the span to the header of the upstream request, so that it is the parent of
// the upstream's spans.
func (t tracer) inject(ctx context.Context, header http.Header) {
	if t.spans != nil {
		propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(header))
	}
}
