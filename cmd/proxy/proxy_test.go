package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/fleethttp"
	"github.com/fleetdial/fleetdial/testutil"
)

func tenant(name string) http.Header {
	return http.Header{"X-Tenant": {name}, "X-Request-Id": {"r-" + name}}
}

// TestProxy_RecordsByLevel publishes a directive for one tenant at each level, and checks
// the records and spans.
func TestProxy_RecordsByLevel(t *testing.T) {
	t.Parallel()
	p := startProxy(t, http.HandlerFunc(hello))
	var n int
	for _, level := range []fleetdial.Level{fleetdial.Off, fleetdial.Shape, fleetdial.ShapeTiming, fleetdial.ShapeRewriteDiff} {
		p.apply(fleetdial.Directive{ID: "acme", Level: level, Match: fleetdial.Match{Tenant: "acme"}})
		for _, name := range []string{"acme", "globex"} {
			resp, body := p.send(http.MethodPost, "/orders/_search?q=1", "{}", tenant(name))
			assert.Equal(t, http.StatusOK, resp.StatusCode)
			assert.Equal(t, "hello", body)
		}
		if level == fleetdial.Off {
			assert.Empty(t, p.stdout.String())
			continue
		}
		n++
		got := p.lines(n)[n-1]
		assert.Equal(t, "acme", got["directive"])
		assert.Equal(t, level.String(), got["decided"])
		assert.Equal(t, "r-acme", got["request_id"])
		assert.Equal(t, "Search", got["endpoint"])
		assert.Equal(t, "orders", got["index"])
		assert.Equal(t, "acme", got["tenant"])
		assert.EqualValues(t, 200, got["status"])
		assert.EqualValues(t, 2, got["request_bytes"])
		assert.EqualValues(t, 5, got["response_bytes"])
		assert.Equal(t, level >= fleetdial.ShapeTiming, got["timing"] != nil)
		assert.Equal(t, level >= fleetdial.ShapeRewriteDiff, got["rewrites"] != nil)
		if timing, ok := got["timing"].(map[string]any); ok {
			sum := timing["request_us"].(float64) + timing["upstream_us"].(float64) + timing["response_us"].(float64)
			assert.InDelta(t, timing["total_us"], sum, 3)
		}
	}
	assert.Zero(t, p.stop())
	traces, err := os.ReadFile(p.traces)
	require.NoError(t, err)
	assert.Equal(t, 3, strings.Count(string(traces), `"SpanKind":2`))
	assert.Equal(t, 2*3, strings.Count(string(traces), `"Key":"fleetdial.duration_s"`))
}

// secretFile writes a secret to a file, and returns the name of the file.
func secretFile(t *testing.T, text string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(file, []byte(text+"\n"), 0o600))
	return file
}

// TestProxy_TokenRecordsOneRequest sends one request with a token, and one without. The
// fleet has an empty set.
func TestProxy_TokenRecordsOneRequest(t *testing.T) {
	t.Parallel()
	const key = "0123456789abcdef"
	p := startProxy(t, http.HandlerFunc(hello), "--token-key", secretFile(t, key))
	token, err := fleetdial.SignToken([]byte(key), fleetdial.Directive{
		Level: fleetdial.ShapeTiming, SamplePerMille: 1000, ExpiresAt: time.Now().Add(time.Minute),
	})
	require.NoError(t, err)
	p.send(http.MethodGet, "/orders/_search", "", tenant("acme"))
	header := tenant("acme")
	header[fleethttp.DirectiveHeader] = []string{token}
	resp, _ := p.send(http.MethodGet, "/orders/_search", "", header)
	assert.Equal(t, "applied", resp.Header.Get(fleethttp.DirectiveHeader))
	assert.Equal(t, fleetdial.TokenID, p.lines(1)[0]["directive"])
}

func TestProxy_PrincipalMatchedNotRecorded(t *testing.T) {
	t.Parallel()
	p := startProxy(t, http.HandlerFunc(hello))
	// printf 'opaque' | sha256sum
	bearer := "sha256:6d229884c1268bb0"
	p.apply(
		fleetdial.Directive{ID: "basic", Level: fleetdial.Shape, Match: fleetdial.Match{Principal: "svc-batch"}},
		fleetdial.Directive{ID: "bearer", Level: fleetdial.Shape, Match: fleetdial.Match{Principal: bearer}},
	)
	r, err := http.NewRequest(http.MethodGet, "/", http.NoBody)
	require.NoError(t, err)
	r.SetBasicAuth("svc-batch", "x")
	p.send(http.MethodGet, "/orders/_count", "", r.Header)
	p.send(http.MethodGet, "/orders/_count", "", http.Header{"Authorization": {"bearer opaque"}})
	p.send(http.MethodGet, "/orders/_count", "", http.Header{"Authorization": {"Digest opaque"}})
	got := p.lines(2)
	assert.Equal(t, "basic", got[0]["directive"])
	assert.Equal(t, "bearer", got[1]["directive"])
	assert.NotContains(t, p.stdout.String(), "svc-batch")
	assert.NotContains(t, p.stdout.String(), bearer)
}

func TestRing_KeepsLatestRecords(t *testing.T) {
	t.Parallel()
	p := startProxy(t, http.HandlerFunc(hello), "--ring", "3")
	assert.Equal(t, "[]\n", p.get("/debug/breakglass"))
	p.apply(fleetdial.Directive{ID: "a", Level: fleetdial.Off, RingBuffer: true})
	for i := range 5 {
		p.send(http.MethodGet, "/orders/_count", "", http.Header{"X-Request-Id": {fmt.Sprint(i)}})
	}
	var kept []record
	testutil.Eventually(t, 5*time.Second, "the latest request is recorded", func() bool {
		require.NoError(t, json.Unmarshal([]byte(p.get("/debug/breakglass")), &kept))
		return kept[len(kept)-1].RequestID == "4"
	})
	require.Len(t, kept, 3)
	assert.Equal(t, "2", kept[0].RequestID)
	assert.Empty(t, p.stdout.String(), "a directive at level Off must not log")
}

// TestProxy_InvalidUpstreamResponse sends a request to an upstream with an invalid
// response. The proxy must report the failure, and must not quote the response.
func TestProxy_InvalidUpstreamResponse(t *testing.T) {
	t.Parallel()
	p := startProxy(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\ncanary\r\n\r\n")
			_ = conn.Close()
		}
	}))
	p.apply(fleetdial.Directive{ID: "a", Level: fleetdial.ShapeRewriteDiff})
	resp, body := p.send(http.MethodPost, "/orders/_search", "{}", nil)
	assert.Equal(t, http.StatusBadGateway, resp.StatusCode)
	assert.Equal(t, `{"error":"upstream_failed"}`+"\n", body)
	got := p.lines(1)[0]
	assert.EqualValues(t, 502, got["status"])
	assert.Equal(t, "failed", got["failure"])
	assert.NotContains(t, p.stdout.String()+p.stderr.String(), "canary")
}

// TestProxy_StreamsResponses sends requests with and without a record. Each part of the
// response must arrive before the upstream writes the next part.
func TestProxy_StreamsResponses(t *testing.T) {
	t.Parallel()
	more := make(chan struct{})
	p := startProxy(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 2 {
			_, _ = io.WriteString(w, "part")
			_ = http.NewResponseController(w).Flush()
			<-more
		}
	}))
	for _, level := range []fleetdial.Level{fleetdial.Off, fleetdial.ShapeRewriteDiff} {
		p.apply(fleetdial.Directive{ID: "a", Level: level, Capture: level > 0})
		resp, err := p.client.Get(p.traffic + "/orders/_search")
		require.NoError(t, err)
		for range 2 {
			part := make([]byte, 4)
			_, err := io.ReadFull(resp.Body, part)
			require.NoError(t, err)
			more <- struct{}{}
		}
		require.NoError(t, resp.Body.Close())
	}
}

func TestProxy_ShutdownWaitsForActiveRequests(t *testing.T) {
	t.Parallel()
	started, finish := make(chan struct{}), make(chan struct{})
	finishRequest := sync.OnceFunc(func() { close(finish) })
	p := startProxy(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(started)
		<-finish
		_, _ = io.WriteString(w, "done")
	}))
	t.Cleanup(finishRequest)
	answered := make(chan string, 1)
	go func() {
		resp, err := p.client.Get(p.traffic + "/orders/_search")
		if err != nil {
			answered <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		answered <- string(body)
	}()
	<-started
	exited := make(chan int, 1)
	go func() { exited <- p.stop() }()
	testutil.Eventually(t, 5*time.Second, "the traffic listener is closed", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(p.traffic, "http://"))
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	assert.Empty(t, exited)
	finishRequest()
	assert.Equal(t, "done", <-answered)
	assert.Zero(t, <-exited)
}
