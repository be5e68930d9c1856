package main

import (
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/fleethttp"
	"github.com/fleetdial/fleetdial/testutil"
)

// The canaries. contentCanary may appear in captures only. secretCanary may appear in no
// output.
const (
	contentCanary = "canary-content"
	secretCanary  = "canary-secret"
)

// plantedPaths are paths with a canary in each position. In the position of an index, the
// canary is part of a text that OpenSearch would reject as an index name.
var plantedPaths = []string{
	"/orders/_doc/" + contentCanary + "-id?routing=" + contentCanary + "&" + contentCanary + "=1;" + contentCanary,
	"/orders%2F_doc%2F" + contentCanary,
	"/" + contentCanary + "%22query%22%3A1/_search",
	"/orders,%22" + contentCanary + "%22/_search?q=%zz" + contentCanary,
	"/%3Corders%2F" + contentCanary + "%3E/_search",
	"/_search/scroll/" + contentCanary,
	"/orders//_search//template//" + contentCanary,
}

// planted returns a request with a canary in each position except the path, its body, and
// the secrets of the request.
func planted(t *testing.T, key string) (template *http.Request, body string, secrets []string) {
	t.Helper()
	token, err := fleetdial.SignToken([]byte(key), fleetdial.Directive{
		Level: fleetdial.Shape, SamplePerMille: 1000, ExpiresAt: time.Now().Add(time.Minute),
		Match: fleetdial.Match{Principal: secretCanary + "-in-a-token"},
	})
	require.NoError(t, err)
	basic := base64.StdEncoding.EncodeToString([]byte(secretCanary + "-user:" + secretCanary + "-password"))
	template = &http.Request{
		Host: secretCanary + ".example:80",
		Header: http.Header{
			"X-Tenant": {"acme"}, "Content-Type": {"application/json"},
			"Authorization": {"Basic " + basic}, "Cookie": {"session=" + secretCanary}, "X-Api-Key": {secretCanary},
			"Proxy-Authorization": {"Bearer " + secretCanary}, "X-Canary-Secret": {"1"}, "Referer": {"http://" + secretCanary},
			"User-Agent": {secretCanary}, "Connection": {"X-Canary-Secret"}, fleethttp.DirectiveHeader: {token},
			"X-Forwarded-For": {secretCanary}, "X-Forwarded-Host": {secretCanary}, "Forwarded": {"for=" + secretCanary},
			"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
			"Tracestate":  {"vendor=" + secretCanary}, "Baggage": {"user=" + secretCanary},
		},
		Trailer: http.Header{"X-Canary-Secret-Sum": {secretCanary}},
	}
	body = fmt.Sprintf(`{"field":%q,%q:1}`, contentCanary, contentCanary)
	return template, body, []string{secretCanary, basic, token, token[:40]}
}

// answerCanaries responds with a canary in each position of a response. The X-Shape
// header selects the shape of the response.
func answerCanaries(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Set-Cookie", secretCanary)
	w.Header().Set("X-Upstream", secretCanary)
	w.Header().Set(http.TrailerPrefix+"X-Sum", secretCanary)
	switch r.Header.Get("X-Shape") {
	case "gzip":
		w.Header().Set("Content-Encoding", "gzip")
		zip := gzip.NewWriter(w)
		_, _ = io.WriteString(zip, contentCanary)
		_ = zip.Close()
	case "broken":
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, contentCanary)
		panic(http.ErrAbortHandler)
	case "malformed":
		answerRaw(w, "HTTP/1.1 200 OK\r\n"+secretCanary+"\r\n\r\n")
	case "surplus":
		answerRaw(w, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"+contentCanary+secretCanary)
	default:
		_, _ = io.WriteString(w, contentCanary)
	}
}

// answerRaw responds with these bytes, and closes the connection.
func answerRaw(w http.ResponseWriter, text string) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_, _ = io.WriteString(conn, text)
		_ = conn.Close()
	}
}

// TestProxy_RecordsContainNoValues sends requests and responses with canaries in every
// position. The proxy records them at every level, with ring buffer, captures and spans.
// No output may contain a canary, except that captures contain contentCanary.
func TestProxy_RecordsContainNoValues(t *testing.T) {
	t.Parallel()
	const key = "0123456789abcdef"
	p := startProxy(t, http.HandlerFunc(answerCanaries), "--token-key", secretFile(t, key), "--ring", "1000")
	template, body, secrets := planted(t, key)
	requests := 0
	for _, level := range []fleetdial.Level{fleetdial.Off, fleetdial.Shape, fleetdial.ShapeTiming, fleetdial.ShapeRewriteDiff} {
		p.apply(fleetdial.Directive{ID: "all", Level: level, RingBuffer: true, Capture: true})
		for i, path := range plantedPaths {
			for j, shape := range []string{"plain", "gzip", "broken", "malformed", "surplus"} {
				// URL.Opaque allows invalid escapes, which the proxy must accept.
				r, err := http.NewRequest([]string{http.MethodPost, "CANARY-CONTENT"}[(i+j)%2], p.traffic, io.MultiReader(strings.NewReader(body)))
				require.NoError(t, err)
				r.URL.Opaque = path
				r.Host, r.Header, r.Trailer = template.Host, template.Header.Clone(), template.Trailer.Clone()
				r.Header.Set("X-Shape", shape)
				if resp, err := p.client.Do(r); err == nil {
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}
				requests++
			}
		}
	}
	var ring string
	testutil.Eventually(t, 10*time.Second, "all requests are recorded", func() bool {
		ring = p.get("/debug/breakglass")
		return strings.Count(ring, `"request_id"`) == requests
	})
	outputs := map[string]string{"ring": ring, "metrics": p.get("/metrics"), "healthz": p.get("/healthz")}
	require.Zero(t, p.stop())
	traces, err := os.ReadFile(p.traces)
	require.NoError(t, err)
	outputs["stdout"], outputs["stderr"], outputs["traces"] = p.stdout.String(), p.stderr.String(), string(traces)
	outputs["package log"] = packageLog.String()
	require.Equal(t, requests*3/4, strings.Count(outputs["stdout"], "\n"), "all requests except those at level Off must be logged")
	require.NotEmpty(t, traces)
	for name, text := range outputs {
		for _, canary := range append(slices.Clone(secrets), contentCanary) {
			assert.NotContains(t, strings.ToLower(text), strings.ToLower(canary), name)
		}
	}

	captured := p.captures()
	require.Equal(t, requests, strings.Count(captured, "\n"))
	assert.Contains(t, captured, contentCanary, "captures must contain the content")
	for _, canary := range secrets {
		assert.NotContains(t, captured, canary)
	}
}
