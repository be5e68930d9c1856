package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/cmd/internal/classify"
	"github.com/fleetdial/fleetdial/fleethttp"
)

// seenRequest is the header and the trailer that the upstream received.
type seenRequest struct{ header, trailer http.Header }

// protecting returns a forwarder, and a function that sends lines to it and returns what
// the upstream received.
func protecting(t *testing.T, spans tracer) (p *forwarder, send func(lines ...string) seenRequest) {
	t.Helper()
	var seen seenRequest
	p = forwarding(t, config{}, spans, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		seen = seenRequest{r.Header, r.Trailer}
	}))
	addr := p.serving(t)
	return p, func(lines ...string) seenRequest {
		t.Helper()
		conn := dial(t, addr, append([]string{"POST /orders/_search HTTP/1.1", "Host: x"}, lines...)...)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, resp.StatusCode)
		return seen
	}
}

// TestProxy_ConnectionKeepsProtectedHeaders names headers in Connection. The upstream must
// receive those by which the proxy decides, and those that the proxy adds.
func TestProxy_ConnectionKeepsProtectedHeaders(t *testing.T) {
	t.Parallel()
	traced, err := newTracer(io.Discard)
	require.NoError(t, err)
	t.Cleanup(func() { _ = traced.shutdown(context.Background()) })
	for _, spans := range []tracer{{}, traced} {
		p, send := protecting(t, spans)
		seen := send("X-Request-Id: r1", "X-Tenant: acme", "Authorization: Basic eDp5", "Traceparent: "+traceParent, "Tracestate: a=b",
			"X-Debug-Directive: token", "X-Mine: 1", "Content-Length: 0",
			"Connection: X-Request-Id, x-tenant,Authorization", "Connection: traceparent, Tracestate, X-Debug-Directive, X-Mine",
			"Connection: X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto", "", "").header
		for name, want := range map[string]string{
			"X-Request-Id": "r1", "X-Tenant": "acme", "Authorization": "Basic eDp5", "Tracestate": "a=b",
			"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "x", "X-Forwarded-Proto": "http",
		} {
			assert.Equal(t, []string{want}, seen[name], name)
		}
		require.Len(t, seen["Traceparent"], 1)
		assert.Equal(t, traceParent[:36], seen["Traceparent"][0][:36], "the trace of the client")
		assert.NotContains(t, seen, "X-Mine")
		assert.NotContains(t, seen, fleethttp.DirectiveHeader)
		assert.Equal(t, "acme", p.records(1)[0].Tenant)

		seen = send("Connection: X-Request-Id, X-Tenant", "Content-Length: 0", "", "").header
		assert.Equal(t, []string{p.records(2)[1].RequestID}, seen["X-Request-Id"], "a generated id must not be removed either")
		assert.NotContains(t, seen, "X-Tenant")
	}
}

// TestProxy_RepeatedHeaders repeats the headers by which the proxy decides.
func TestProxy_RepeatedHeaders(t *testing.T) {
	t.Parallel()
	p, send := protecting(t, tracer{})
	seen := send("X-Request-Id: r1", "x-request-id: r2", "X-Tenant: acme", "X-Tenant: globex", "Content-Length: 0", "", "").header
	assert.Equal(t, []string{"r1"}, seen["X-Request-Id"])
	got := p.records(1)[0]
	assert.Equal(t, "r1", got.RequestID)
	assert.Empty(t, got.Tenant, "a request with several tenants has no tenant")
	assert.Contains(t, got.Rewrites.Removed, "X-Request-Id")

	r, err := http.NewRequest(http.MethodGet, "/", http.NoBody)
	require.NoError(t, err)
	r.SetBasicAuth("svc", "x")
	source, err := classify.New(classify.DefaultTenant)
	require.NoError(t, err)
	assert.Equal(t, "svc", source.Request(r).Principal)
	r.Header.Add("Authorization", "Bearer x")
	assert.Empty(t, source.Request(r).Principal, "a request with several credentials has no principal")
}

// TestProxy_TrailersFiltered sends trailers. The upstream must receive those that the
// client has declared, except the protected ones.
func TestProxy_TrailersFiltered(t *testing.T) {
	t.Parallel()
	_, send := protecting(t, tracer{})
	seen := send("Transfer-Encoding: chunked", "X-Request-Id: r1",
		"Trailer: X-Sum, x-debug-directive, X-Request-Id, X-Tenant, Authorization, Traceparent, X-Forwarded-For, Content-Type", "",
		"4", "body", "0", "X-Sum: 42", "X-Debug-Directive: token", "X-Request-Id: r2", "X-Tenant: acme", "Authorization: Basic x",
		"Traceparent: x", "X-Forwarded-For: x", "Content-Type: x", "X-Undeclared: 1", "", "")
	assert.Equal(t, http.Header{"X-Sum": {"42"}}, seen.trailer)
	assert.Equal(t, []string{"r1"}, seen.header["X-Request-Id"])

	seen = send("Transfer-Encoding: chunked", "Trailer: X-Debug-Directive", "", "4", "body", "0", "X-Debug-Directive: token", "", "")
	assert.Empty(t, seen.trailer)
}
