package main

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// targets are request targets, and the targets that the upstream must receive. An empty
// target is the one of the client.
var targets = []struct{ target, upstream, endpoint, index string }{
	{"/orders/_search", "", "Search", "orders"},
	{"/<logs-{now%2Fd}>/_search", "", "Search", "<logs-{now/d}>"},
	{"/<logs-{now%2fd}>/_search?q=a%2Fb", "", "Search", "<logs-{now/d}>"},
	{"/%3Clogs-%7Bnow%2Fd%7D%3E/_search", "", "Search", "<logs-{now/d}>"},
	{"/%3clogs-{now%2Fd%7d>/_search", "", "Search", "<logs-{now/d}>"},
	{"/orders/_doc/a|b^c\\d\"e`f%2Fg", "", "GetById", "orders"},
	{"/orders/_doc/%5Fsearch%2F..%2f%00", "", "GetById", "orders"},
	{"/orders/_doc/\xc3\xbc\xff%2F", "", "GetById", "orders"},
	{"/orders/_doc/a#b%2Fc", "", "GetById", "orders"},
	{"//orders//_search", "", "Search", "orders"},
	{"//orders//_doc/[a]%2F<", "//orders//_doc/[a]%2F%3C", "GetById", "orders"},
	{"/orders/_doc//<a%2Fb>", "", "GetById", "orders"},
	{"/orders/../_search", "", "Unknown", "orders"},
	{"/orders/./<a%2Fb>/../_search", "", "Unknown", "orders"},
	{"/*/_search", "", "Search", "*"},
	{"/orders/_search?", "", "Search", "orders"},
	{"/<a%2Fb>/_search?", "", "Search", "other"},
	{"/<{a%2Fb}>/_search?q={%zz}|\"<>;&;&&=#x", "", "Search", "<{a/b}>"},
	{"http://elsewhere:1/<logs-{now%2Fd}>/_search?q=<", "/<logs-{now%2Fd}>/_search?q=<", "Search", "<logs-{now/d}>"},
	{"http://elsewhere:1", "/", "Unknown", ""},
	{"https://u:p@elsewhere//orders/_search", "//orders/_search", "Search", "orders"},
}

// sendTarget sends a GET request with the target, and returns the status of the response.
func sendTarget(t *testing.T, addr, method, target string) int {
	t.Helper()
	conn := dial(t, addr, method+" "+target+" HTTP/1.1", "Host: x", "Connection: close", "", "")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err, target)
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err, target)
	return resp.StatusCode
}

// TestProxy_TargetUnchanged sends request targets. The upstream must receive each target
// byte for byte, with and without a base path and a tenant, and the record must have the
// fields as OpenSearch reads the path.
func TestProxy_TargetUnchanged(t *testing.T) {
	t.Parallel()
	for base, prefix := range map[string]string{"": "", "/base": "/base", "/a%2Fb/": "/a%2Fb"} {
		var seen string
		p := forwarding(t, config{upstream: base}, tracer{}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r.RequestURI }))
		addr := p.serving(t)
		for i, tt := range targets {
			want := tt.upstream
			if want == "" {
				want = tt.target
			}
			if prefix != "" {
				// Only a target that begins with // cannot be sent unchanged.
				want = prefix + strings.ReplaceAll(want, "%2F%3C", "%2F<")
			}
			assert.Equal(t, http.StatusOK, sendTarget(t, addr, http.MethodGet, tt.target), tt.target)
			assert.Equal(t, want, seen, tt.target)
			got := p.records(i + 1)[i]
			assert.Equal(t, [2]string{tt.endpoint, tt.index}, [2]string{got.Endpoint, got.Index}, tt.target)
		}
	}
}

func TestProxy_TargetWithTenant(t *testing.T) {
	t.Parallel()
	var seen string
	p := forwarding(t, config{tenant: "path"}, tracer{}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r.RequestURI }))
	addr := p.serving(t)
	for i, tt := range []struct{ target, tenant, index, upstream string }{
		{"/acme/<logs-{now%2Fd}>/_search", "acme", "<logs-{now/d}>", "/<logs-{now%2Fd}>/_search"},
		{"/<a%2Fb>/orders/_search", "<a/b>", "orders", "/orders/_search"},
		{"/acme/orders/_doc/%41|", "acme", "orders", "/orders/_doc/%41|"},
	} {
		assert.Equal(t, http.StatusOK, sendTarget(t, addr, http.MethodGet, tt.target), tt.target)
		got := p.records(i + 1)[i]
		assert.Equal(t, [3]string{tt.tenant, tt.index, tt.upstream}, [3]string{got.Tenant, got.Index, seen}, tt.target)
	}
}

// TestProxy_TargetsThatAreNoPaths sends an asterisk, and targets that are not paths.
func TestProxy_TargetsThatAreNoPaths(t *testing.T) {
	t.Parallel()
	for _, c := range []config{{}, {tenant: "path"}} {
		seen := "nothing"
		p := forwarding(t, c, tracer{}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r.RequestURI }))
		addr := p.serving(t)
		assert.Equal(t, http.StatusOK, sendTarget(t, addr, http.MethodGet, "*"))
		assert.Equal(t, "*", seen)
		assert.Empty(t, p.records(1)[0].Tenant)
		seen = "nothing"
		for i, target := range []string{"name:value", "http:orders/_search", "urn:a:b?q"} {
			assert.Equal(t, http.StatusBadRequest, sendTarget(t, addr, http.MethodGet, target), target)
			got := p.records(i + 2)[i+1]
			assert.Equal(t, malformed, got.Failure, target)
			assert.Equal(t, http.StatusBadRequest, got.Status, target)
		}
		assert.Equal(t, "nothing", seen)
	}
}

// TestSetTarget_Space forwards a path with a space, which only HTTP/2 can carry.
func TestSetTarget_Space(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "/a%20b/%3C%2F%7C[]/%C3%BC", escapeInvalid("/a b/<%2F|[]/\xc3\xbc"))
}
