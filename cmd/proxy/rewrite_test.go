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

func TestRewritesAreNamed(t *testing.T) {
	t.Parallel()
	var seen http.Header
	var path string
	p := start(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen, path = r.Header, r.URL.EscapedPath() }),
		"--tenant", "path", "--token-key", secret(t, "0123456789abcdef"))
	p.have(fleetdial.Directive{ID: "acme", Level: fleetdial.ShapeRewriteDiff, Match: fleetdial.Match{Tenant: "acme", Index: "a/b"}})
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

// rewritten forwards a request, and returns what of it is recorded as changed, and what the upstream was sent.
func rewritten(t *testing.T, c config, spans tracer, header http.Header) (got rewrites, seen *http.Request) {
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

// TestWhatIsChangedIsNamed, all of it and nothing else. What is always added or changed stands in the first row.
func TestWhatIsChangedIsNamed(t *testing.T) {
	t.Parallel()
	traced, err := newTracer(io.Discard)
	require.NoError(t, err)
	t.Cleanup(func() { _ = traced.shutdown(context.Background()) })
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	forwarded := []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"}
	for name, tt := range map[string]struct {
		config config
		spans  tracer
		header http.Header
		path   string
		want   rewrites
	}{
		"nothing but what always is": {want: rewrites{Added: forwarded, Changed: []string{"Host"}}},
		"the upstream's own host":    {header: http.Header{"Host": {"the upstream's"}}, want: rewrites{Added: forwarded}},
		"a user agent stays":         {header: http.Header{"User-Agent": {"x"}}, want: rewrites{Added: forwarded, Changed: []string{"Host"}}},
		"Forwarded": {
			header: http.Header{"Forwarded": {"for=x"}, "X-Forwarded-For": {"x"}, "X-Forwarded-Proto": {"http"}},
			want: rewrites{
				Added: []string{"X-Forwarded-Host"}, Removed: []string{"Forwarded"}, Changed: []string{"Host", "X-Forwarded-For"},
			},
		},
		"a trace begins": {
			spans: traced, want: rewrites{Added: append([]string{"Traceparent"}, forwarded...), Changed: []string{"Host"}},
		},
		"a trace goes on": {
			spans: traced, header: http.Header{"Traceparent": {parent}, "Tracestate": {"vendor=1"}},
			want: rewrites{Added: forwarded, Changed: []string{"Host", "Traceparent"}},
		},
		"a trace passes": {
			header: http.Header{"Traceparent": {parent}, "Tracestate": {"vendor=1"}},
			want:   rewrites{Added: forwarded, Changed: []string{"Host"}},
		},
		"a token without a key": {
			header: http.Header{fleethttp.DirectiveHeader: {"x"}},
			want:   rewrites{Added: forwarded, Removed: []string{fleethttp.DirectiveHeader}, Changed: []string{"Host"}},
		},
		"headers of one hop": {
			header: http.Header{"Connection": {"X-Mine"}, "X-Mine": {"1"}, "Te": {"trailers, x"}},
			want: rewrites{
				Added: forwarded, Removed: []string{"Connection", "other"}, Changed: []string{"Host", "Te"},
			},
		},
		"a base path":     {config: config{upstream: "/base"}, want: rewrites{Added: forwarded, Changed: []string{"Host"}, Path: []string{"prefix"}}},
		"no base path":    {config: config{upstream: "/"}, want: rewrites{Added: forwarded, Changed: []string{"Host"}}},
		"a tenant":        {config: config{tenant: "path"}, want: rewrites{Added: forwarded, Changed: []string{"Host"}, Path: []string{"tenant"}}},
		"a tenant and it": {config: config{tenant: "path", upstream: "/base/"}, want: rewrites{Added: forwarded, Changed: []string{"Host"}, Path: []string{"tenant", "prefix"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tt.config.tenant == "" {
				tt.config.tenant = "header:X-Tenant"
			}
			header := http.Header{"X-Request-Id": {"1"}}
			for name, values := range tt.header {
				header[name] = values
			}
			got, seen := rewritten(t, tt.config, tt.spans, header)
			assert.Equal(t, tt.want, got)
			assert.Equal(t, tt.header["Tracestate"], seen.Header["Tracestate"], "as the client sent it")
			assert.Equal(t, tt.header["User-Agent"], seen.Header["User-Agent"])
			assert.NotContains(t, seen.Header, fleethttp.DirectiveHeader)
		})
	}
}
