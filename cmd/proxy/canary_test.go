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
	"github.com/fleetdial/fleetdial/dialhttp"
	"github.com/fleetdial/fleetdial/testutil"
)

// The canaries: content is what captures are for, secrets are what not even they may hold.
const (
	contentCanary = "canary-content"
	secretCanary  = "canary-secret"
)

// planted returns a request with a canary in each of its places, and the tokens that it bears.
func planted(t *testing.T, key string) (path, body string, header http.Header, secrets []string) {
	t.Helper()
	token, err := fleetdial.SignToken([]byte(key), fleetdial.Directive{
		Level: fleetdial.Shape, SamplePerMille: 1000, ExpiresAt: time.Now().Add(time.Minute),
		Match: fleetdial.Match{Principal: secretCanary + "-in-a-token"},
	})
	require.NoError(t, err)
	basic := base64.StdEncoding.EncodeToString([]byte(secretCanary + "-user:" + secretCanary + "-password"))
	header = http.Header{
		"X-Tenant": {"acme"}, "Content-Type": {"application/json"},
		"Authorization": {"Basic " + basic}, "Cookie": {"session=" + secretCanary}, "X-Api-Key": {secretCanary},
		"Proxy-Authorization": {"Bearer " + secretCanary}, "X-Canary-Secret": {"1"}, "Referer": {"http://" + secretCanary},
		"User-Agent": {secretCanary}, "Connection": {"X-Canary-Secret"}, dialhttp.DirectiveHeader: {token},
	}
	path = "/orders/_doc/" + contentCanary + "-id?routing=" + contentCanary + "&" + contentCanary + "=1"
	body = fmt.Sprintf(`{"field":%q,%q:1}`, contentCanary, contentCanary)
	return path, body, header, []string{secretCanary, basic, token, token[:40]}
}

// answerCanaries answers with a canary in each place of a response, in one of several shapes.
func answerCanaries(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Set-Cookie", secretCanary)
	w.Header().Set("X-Upstream", secretCanary)
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
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n"+secretCanary+"\r\n\r\n")
			_ = conn.Close()
		}
	default:
		_, _ = io.WriteString(w, contentCanary)
	}
}

// TestNoValueIsEverWritten plants canaries in every place of requests and responses, has them recorded in every way, at
// every level, and looks for them in every output.
func TestNoValueIsEverWritten(t *testing.T) {
	t.Parallel()
	const key = "0123456789abcdef"
	p := start(t, http.HandlerFunc(answerCanaries), "--token-key", secret(t, key))
	path, body, header, secrets := planted(t, key)
	shapes := []string{"plain", "gzip", "broken", "malformed"}
	requests := 0
	for _, level := range []fleetdial.Level{fleetdial.Off, fleetdial.Shape, fleetdial.ShapeTiming, fleetdial.ShapeRewriteDiff} {
		p.have(fleetdial.Directive{ID: "all", Level: level, RingBuffer: true, Capture: true})
		for _, method := range []string{http.MethodPost, "CANARY-CONTENT"} {
			for _, shape := range shapes {
				r, err := http.NewRequest(method, p.traffic+path, strings.NewReader(body))
				require.NoError(t, err)
				r.Header = header.Clone()
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
