package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
)

func TestCapture_Request(t *testing.T) {
	t.Parallel()
	p := startProxy(t, http.HandlerFunc(hello), "--capture-body-bytes", "10")
	p.apply(fleetdial.Directive{ID: "a", Level: fleetdial.Shape, Capture: true, Match: fleetdial.Match{Tenant: "acme"}})
	header := tenant("acme")
	header["Content-Type"], header["Cookie"] = []string{"application/json"}, []string{"x"}
	p.send(http.MethodPost, "/orders/_search?q=a", strings.Repeat("x", 11), header)
	p.send(http.MethodPost, "/orders/_search", "{}", tenant("globex"))
	require.Zero(t, p.stop())
	var got capture
	require.NoError(t, json.Unmarshal([]byte(p.captures()), &got), "there must be exactly one capture")
	assert.Equal(t, body{Text: strings.Repeat("x", 10), Truncated: true}, got.RequestBody)
	assert.Equal(t, body{Text: "hello"}, got.ResponseBody)
	assert.Equal(t, "/orders/_search", got.Path)
	assert.Equal(t, "q=a", got.Query)
	assert.Equal(t, []string{"application/json"}, got.RequestHeader["Content-Type"])
	assert.Equal(t, []string{redacted}, got.RequestHeader["Cookie"])
	assert.Equal(t, []string{redacted}, got.RequestHeader["X-Tenant"])
	assert.Equal(t, []string{"5"}, got.ResponseHeader["Content-Length"])
	assert.EqualValues(t, 11, got.In)
}

func TestCapture_BinaryBody(t *testing.T) {
	t.Parallel()
	m := meter{keep: 4}
	_, err := io.Copy(io.Discard, metered{ReadCloser: io.NopCloser(bytes.NewReader([]byte{0xff, 0xfe})), m: &m})
	require.NoError(t, err)
	assert.Equal(t, body{Base64: "//4="}, newBody(&m))
}

// TestCapture_LongRequestTruncated captures a request with a long path, query and header,
// and with many headers.
func TestCapture_LongRequestTruncated(t *testing.T) {
	t.Parallel()
	p := startProxy(t, http.HandlerFunc(hello))
	p.apply(fleetdial.Directive{ID: "a", Level: fleetdial.Off, Capture: true})
	header := http.Header{"Accept": {strings.Repeat("a", 100<<10)}, strings.Repeat("N", 10<<10): {"1"}}
	for i := range 1000 {
		header[fmt.Sprint("X-", i)] = []string{"1"}
	}
	p.send(http.MethodGet, "/"+strings.Repeat("p", 300<<10)+"/_search?q="+strings.Repeat("q", 300<<10), "", header)
	require.Zero(t, p.stop())
	text := p.captures()
	assert.Less(t, len(text), 100<<10)
	var got capture
	require.NoError(t, json.Unmarshal([]byte(text), &got))
	assert.Equal(t, "/"+strings.Repeat("p", maxPath-1)+"…", got.Path)
	assert.Equal(t, "q="+strings.Repeat("q", maxPath-2)+"…", got.Query)
	assert.Equal(t, []string{strings.Repeat("a", maxPath) + "…"}, got.RequestHeader["Accept"])
	assert.Contains(t, got.RequestHeader, "…", "the capture must show that headers were omitted")
	for name := range got.RequestHeader {
		assert.LessOrEqual(t, len(name), maxName+len("…"))
	}
}
