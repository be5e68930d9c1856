package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/fleethttp"
)

func TestRewrites_Recorded(t *testing.T) {
	t.Parallel()
	var seen http.Header
	var path string
	p := startProxy(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen, path = r.Header, r.URL.EscapedPath() }),
		"--tenant", "path", "--token-key", secretFile(t, "0123456789abcdef"))
	p.apply(fleetdial.Directive{ID: "acme", Level: fleetdial.ShapeRewriteDiff, Match: fleetdial.Match{Tenant: "acme", Index: "a/b"}})
	p.send(http.MethodGet, "/acme/a%2Fb/_search", "", http.Header{"X-Debug-Directive": {"none"}, "Te": {"x"}, "Keep-Alive": {"1"}})
	got := p.lines(1)[0]["rewrites"].(map[string]any)
	assert.Equal(t, []any{"Traceparent", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Request-Id"}, got["headers_added"])
	assert.Contains(t, got["headers_removed"], "X-Debug-Directive")
	assert.Contains(t, got["headers_removed"], "Keep-Alive")
	assert.Equal(t, []any{"tenant"}, got["path"])
	assert.Equal(t, "/a%2Fb/_search", path)
	assert.NotContains(t, seen, "X-Debug-Directive")
	assert.Len(t, seen.Get("X-Request-Id"), 32)
}

// forwardRewritten forwards a request. It returns the recorded rewrites, and the request
// that the upstream received.
func forwardRewritten(t *testing.T, c config, spans tracer, header http.Header) (got rewrites, seen *http.Request) {
	t.Helper()
	p := forwarding(t, c, spans, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r }))
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/acme/orders/_search", http.NoBody)
	r.Header = header
	if header.Get("Host") != "" {
		r.Host = p.upstream.Host
		delete(header, "Host")
	}
	p.handler.ServeHTTP(httptest.NewRecorder(), r)
	require.NotNil(t, seen)
	return *p.ring.records()[0].Rewrites, seen
}

// traceParent is the Traceparent header of a client.
const traceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

var (
	addedHeaders = []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"}
	changedHost  = []string{"Host"}
)

// rewriteTests are requests, and the rewrites that the proxy must record for them.
var rewriteTests = map[string]struct {
	config config
	traced bool
	header http.Header
	want   rewrites
}{
	"always":             {want: rewrites{Added: addedHeaders, Changed: changedHost}},
	"host of upstream":   {header: http.Header{"Host": {"of the upstream"}}, want: rewrites{Added: addedHeaders}},
	"user agent is kept": {header: http.Header{"User-Agent": {"x"}}, want: rewrites{Added: addedHeaders, Changed: changedHost}},
	"forwarding headers": {
		header: http.Header{"Forwarded": {"for=x"}, "X-Forwarded-For": {"x"}, "X-Forwarded-Proto": {"http"}},
		want: rewrites{
			Added: []string{"X-Forwarded-Host"}, Removed: []string{"Forwarded"}, Changed: []string{"Host", "X-Forwarded-For"},
		},
	},
	"new trace": {
		traced: true, want: rewrites{Added: append([]string{"Traceparent"}, addedHeaders...), Changed: changedHost},
	},
	"continued trace": {
		traced: true, header: http.Header{"Traceparent": {traceParent}, "Tracestate": {"vendor=1"}},
		want: rewrites{Added: addedHeaders, Changed: []string{"Host", "Traceparent"}},
	},
	"trace without tracer": {
		header: http.Header{"Traceparent": {traceParent}, "Tracestate": {"vendor=1"}},
		want:   rewrites{Added: addedHeaders, Changed: changedHost},
	},
	"token without key": {
		header: http.Header{fleethttp.DirectiveHeader: {"x"}},
		want:   rewrites{Added: addedHeaders, Removed: []string{fleethttp.DirectiveHeader}, Changed: changedHost},
	},
	"hop-by-hop headers": {
		header: http.Header{"Connection": {"X-Mine"}, "X-Mine": {"1"}, "Te": {"trailers, x"}},
		want: rewrites{
			Added: addedHeaders, Removed: []string{"Connection", "other"}, Changed: []string{"Host", "Te"},
		},
	},
	"base path":            {config: config{upstream: "/base"}, want: rewrites{Added: addedHeaders, Changed: changedHost, Path: []string{"prefix"}}},
	"root base path":       {config: config{upstream: "/"}, want: rewrites{Added: addedHeaders, Changed: changedHost}},
	"tenant":               {config: config{tenant: "path"}, want: rewrites{Added: addedHeaders, Changed: changedHost, Path: []string{"tenant"}}},
	"tenant and base path": {config: config{tenant: "path", upstream: "/base/"}, want: rewrites{Added: addedHeaders, Changed: changedHost, Path: []string{"tenant", "prefix"}}},
}

// TestRewrites_OnlyChangesRecorded forwards requests. The recorded rewrites must contain
// every change, and nothing else.
func TestRewrites_OnlyChangesRecorded(t *testing.T) {
	t.Parallel()
	traced, err := newTracer(io.Discard)
	require.NoError(t, err)
	t.Cleanup(func() { _ = traced.shutdown(context.Background()) })
	for name, tt := range rewriteTests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tt.config.tenant == "" {
				tt.config.tenant = "header:X-Tenant"
			}
			var spans tracer
			if tt.traced {
				spans = traced
			}
			header := http.Header{"X-Request-Id": {"1"}}
			for name, values := range tt.header {
				header[name] = values
			}
			got, seen := forwardRewritten(t, tt.config, spans, header)
			assert.Equal(t, tt.want, got)
			assert.Equal(t, tt.header["Tracestate"], seen.Header["Tracestate"], "the upstream must receive the client's tracestate")
			assert.Equal(t, tt.header["User-Agent"], seen.Header["User-Agent"])
			assert.NotContains(t, seen.Header, fleethttp.DirectiveHeader)
		})
	}
}
