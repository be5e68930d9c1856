package main

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/testutil"
)

// forwarder is a proxy without Redis. It records each request in every form except
// captures.
type forwarder struct {
	*proxy
	transport *http.Transport
	handler   http.Handler
	records   func(n int) []record // waits until there are n records
}

// forwarding returns a forwarder for the upstream. The upstream field of c is the base
// path.
func forwarding(t *testing.T, c config, spans tracer, upstream http.Handler) *forwarder {
	t.Helper()
	backend := httptest.NewServer(upstream)
	t.Cleanup(backend.Close)
	c.upstream, c.ring = backend.URL+c.upstream, 256
	c.capture = captureConfig{maxFile: 1 << 10, maxTotal: 1 << 10, maxAge: time.Second}
	if c.tenant == "" {
		c.tenant = "header:X-Tenant"
	}
	require.NoError(t, c.resolve())
	set, err := fleetdial.NewSet([]fleetdial.Directive{{
		ID: "a", Level: fleetdial.ShapeRewriteDiff, RingBuffer: true, SamplePerMille: 1000, ExpiresAt: time.Now().Add(time.Hour),
	}})
	require.NoError(t, err)
	transport := newTransport()
	t.Cleanup(transport.CloseIdleConnections)
	f := &forwarder{proxy: newProxy(c, transport, slog.New(slog.DiscardHandler), nil, spans), transport: transport}
	f.handler, err = (&fleet{store: fleetdial.Static(set)}).decide(c, f.proxy)
	require.NoError(t, err)
	f.records = func(n int) (out []record) {
		t.Helper()
		testutil.Eventually(t, 10*time.Second, "the requests are recorded", func() bool {
			out = f.ring.records()
			return len(out) >= n
		})
		return out
	}
	return f
}

// serving starts a server for the forwarder, and returns its address.
func (f *forwarder) serving(t *testing.T) (addr string) {
	t.Helper()
	server := httptest.NewServer(f.handler)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// dial opens a connection, and sends these lines.
func dial(t *testing.T, addr string, lines ...string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = io.WriteString(conn, strings.Join(lines, "\r\n"))
	require.NoError(t, err)
	return conn
}

// TestProxy_QueryUnchanged sends valid and invalid queries. The upstream must receive
// each query byte for byte.
func TestProxy_QueryUnchanged(t *testing.T) {
	t.Parallel()
	var seen string
	p := forwarding(t, config{}, tracer{}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r.RequestURI }))
	for _, query := range []string{
		"?q=status:a;b&size=5", "?a;b;c", "?q=%zz&size=5", "?q=%", "?&&=&a=&=b", "?q=a+b%20c%2f", "?q={\"a\":[1]}", "?q=\xc3\xbc|#x", "?", "",
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/orders/_search"+query, http.NoBody)
		p.handler.ServeHTTP(httptest.NewRecorder(), r)
		assert.Equal(t, "/orders/_search"+query, seen)
	}
}

func TestProxy_ForwardsTrailers(t *testing.T) {
	t.Parallel()
	p := forwarding(t, config{}, tracer{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Echo")
		_, _ = io.Copy(w, r.Body)
		w.Header().Set("X-Echo", r.Trailer.Get("X-Sum"))
	}))
	conn := dial(t, p.serving(t), "POST /orders/_bulk HTTP/1.1", "Host: x", "Transfer-Encoding: chunked", "Trailer: X-Sum", "",
		"4", "body", "0", "X-Sum: 42", "", "")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Equal(t, "body", string(body))
	assert.Equal(t, "42", resp.Trailer.Get("X-Echo"))
}

// TestTiming_IgnoresEarlyHints measures a response after early hints. The stage Upstream
// must last until the final response.
func TestTiming_IgnoresEarlyHints(t *testing.T) {
	t.Parallel()
	const wait = 200 * time.Millisecond
	arrived := make(chan struct{})
	p := forwarding(t, config{}, tracer{}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		<-time.After(2 * wait)
		_, _ = io.WriteString(w, "begun")
		_ = http.NewResponseController(w).Flush()
		<-arrived
		<-time.After(wait)
	}))
	resp, err := http.Get("http://" + p.serving(t) + "/orders/_search")
	close(arrived)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	got := p.records(1)[0].Timing
	// The upstream may begin a moment before the end of the request is noted.
	assert.GreaterOrEqual(t, got.Upstream, wait.Microseconds())
	assert.GreaterOrEqual(t, got.Response, wait.Microseconds())
	assert.InDelta(t, got.Total, got.Request+got.Upstream+got.Response, 3)
}

// TestProxy_PathTenantRemoved sends paths with a tenant. Directives must match the
// tenant, and the upstream must receive the path without the tenant.
func TestProxy_PathTenantRemoved(t *testing.T) {
	t.Parallel()
	var seen string
	p := forwarding(t, config{tenant: "path"}, tracer{}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r.RequestURI }))
	for i, tt := range []struct{ path, tenant, index, rest string }{
		{"/acme/orders/_search", "acme", "orders", "/orders/_search"},
		{"//acme/orders/_search", "acme", "orders", "/orders/_search"},
		{"///acme//orders/_search", "acme", "orders", "//orders/_search"},
		{"/a%2Fb/orders/_search", "a/b", "orders", "/orders/_search"},
		{"/acme", "acme", "", "/"},
		{"//", "", "", "//"},
	} {
		u, err := url.ParseRequestURI(tt.path)
		require.NoError(t, err)
		p.handler.ServeHTTP(httptest.NewRecorder(), (&http.Request{
			Method: http.MethodGet, URL: u, Host: "x", Header: http.Header{}, Body: http.NoBody,
		}).WithContext(t.Context()))
		rec := p.records(i + 1)[i]
		assert.Equal(t, [3]string{tt.tenant, tt.index, tt.rest}, [3]string{rec.Tenant, rec.Index, seen}, tt.path)
	}
}

// TestProxy_LongNamesTruncated sends a request with a long tenant and index. Both must be
// truncated in the record and in the span.
func TestProxy_LongNamesTruncated(t *testing.T) {
	t.Parallel()
	var spans testutil.Buffer
	traced, err := newTracer(&spans)
	require.NoError(t, err)
	p := forwarding(t, config{}, traced, http.HandlerFunc(hello))
	conn := dial(t, p.serving(t), fmt.Sprintf("GET /%s/_search HTTP/1.1", strings.Repeat("a,", 250<<10)), "Host: x",
		"X-Tenant: "+strings.Repeat("t", 400<<10), "", "")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	rec := p.records(1)[0]
	assert.Equal(t, strings.Repeat("t", maxName)+"…", rec.Tenant)
	assert.Equal(t, strings.Repeat("a,", maxName/2)+"…", rec.Index)
	require.NoError(t, traced.shutdown(t.Context()))
	assert.Less(t, len(spans.String()), 10<<10)
	assert.Contains(t, spans.String(), rec.Tenant)
}

// TestTiming_EarlyResponse has a response that began while the request was still being sent.
func TestTiming_EarlyResponse(t *testing.T) {
	t.Parallel()
	e := &exchange{began: time.Now().Add(-time.Second)}
	e.wrote.Store(int64(500 * time.Millisecond))
	e.first.Store(int64(200 * time.Millisecond))
	got := e.stages()
	assert.Equal(t, 200*time.Millisecond, got.Request)
	assert.Zero(t, got.Upstream)
	assert.Equal(t, got.Total, got.Request+got.Response)
}
