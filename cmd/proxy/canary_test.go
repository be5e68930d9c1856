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

// The canaries: content is what captures are for, secrets are what not even they may hold.
const (
	contentCanary = "canary-content"
	secretCanary  = "canary-secret"
)

// plantedPaths have a canary in each of a path's places. Where OpenSearch would see the name of an index, it is one.
var plantedPaths = []string{
	"/orders/_doc/" + contentCanary + "-id?routing=" + contentCanary + "&" + contentCanary + "=1;" + contentCanary,
	"/orders%2F_doc%2F" + contentCanary,
	"/" + contentCanary + "%22query%22%3A1/_search",
	"/orders,%22" + contentCanary + "%22/_search?q=%zz" + contentCanary,
	"/%3Corders%2F" + contentCanary + "%3E/_search",
	"/_search/scroll/" + contentCanary,
	"/orders//_search//template//" + contentCanary,
}

// planted returns a request with a canary in each of its other places, and the tokens that it bears.
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

// answerCanaries answers with a canary in each place of a response, in one of several shapes.
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

// answerRaw answers with these bytes, and ends the connection.
func answerRaw(w http.ResponseWriter, text string) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_, _ = io.WriteString(conn, text)
		_ = conn.Close()
	}
}

// TestNoValueIsEverWritten plants canaries in every place of requests and responses, has them recorded in every way, at
// every level, and looks for them in every output.
func TestNoValueIsEverWritten(t *testing.T) {
	t.Parallel()
	const key = "0123456789abcdef"
	p := start(t, http.HandlerFunc(answerCanaries), "--token-key", secret(t, key), "--ring", "1000")
	template, body, secrets := planted(t, key)
	requests := 0
	for _, level := range []fleetdial.Level{fleetdial.Off, fleetdial.Shape, fleetdial.ShapeTiming, fleetdial.ShapeRewriteDiff} {
		p.have(fleetdial.Directive{ID: "all", Level: level, RingBuffer: true, Capture: true})
		for i, path := range plantedPaths {
			for j, shape := range []string{"plain", "gzip", "broken", "malformed", "surplus"} {
				// No client sends an escape that is none, but the proxy must not mind.
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
	testutil.Eventually(t, 10*time.Second, "all are recorded", func() bool {
		ring = p.get("/debug/breakglass")
		return strings.Count(ring, `"request_id"`) == requests
	})
	outputs := map[string]string{"ring": ring, "metrics": p.get("/metrics"), "healthz": p.get("/healthz")}
	require.Zero(t, p.stop())
	traces, err := os.ReadFile(p.traces)
	require.NoError(t, err)
	outputs["stdout"], outputs["stderr"], outputs["traces"] = p.stdout.String(), p.stderr.String(), string(traces)
	outputs["package log"] = logged.String()
	require.Equal(t, requests*3/4, strings.Count(outputs["stdout"], "\n"), "all but those at Off")
	require.NotEmpty(t, traces)
	for name, text := range outputs {
		for _, canary := range append(slices.Clone(secrets), contentCanary) {
			assert.NotContains(t, strings.ToLower(text), strings.ToLower(canary), name)
		}
	}

	captured := p.captures()
	require.Equal(t, requests, strings.Count(captured, "\n"))
	assert.Contains(t, captured, contentCanary, "which is what captures are for")
	for _, canary := range secrets {
		assert.NotContains(t, captured, canary)
	}
}
