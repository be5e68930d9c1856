package fleethttp_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/fleethttp"
)

// answerToToken serves a request with an invalid token, and returns the response and its
// body.
func answerToToken(t *testing.T, next http.Handler) (*http.Response, string) {
	t.Helper()
	wrap, err := fleethttp.Middleware(storeOf(t), fleethttp.Config{TokenKey: tokenKey})
	require.NoError(t, err)
	server := httptest.NewServer(wrap(next))
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = io.WriteString(conn, "GET /orders/_search HTTP/1.1\r\nHost: x\r\nX-Debug-Directive: none\r\n\r\n")
	require.NoError(t, err)
	for reader := bufio.NewReader(conn); ; {
		resp, err := http.ReadResponse(reader, nil)
		require.NoError(t, err)
		if resp.StatusCode == http.StatusEarlyHints {
			continue
		}
		if resp.StatusCode == http.StatusSwitchingProtocols {
			return resp, ""
		}
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp, string(body)
	}
}

// TestTokenAnswer_HeaderSurvivesHandler serves handlers that clear or replace the
// response header before the response begins. The result of the token must stay in the
// header.
func TestTokenAnswer_HeaderSurvivesHandler(t *testing.T) {
	t.Parallel()
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</a>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set(fleethttp.DirectiveHeader, "from the upstream")
		_, _ = io.WriteString(w, "body")
	}))
	defer upstream.Close()
	target, err := url.Parse(upstream.URL)
	require.NoError(t, err)
	clearThen := func(then func(w http.ResponseWriter)) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			clear(w.Header())
			then(w)
		})
	}
	for name, tt := range map[string]struct {
		next http.Handler
		code int
		body string
	}{
		"ReverseProxy after early hints": {httputil.NewSingleHostReverseProxy(target), http.StatusOK, "body"},
		"no write":                       {http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), http.StatusOK, ""},
		"status":                         {clearThen(func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) }), http.StatusNotFound, ""},
		"body":                           {clearThen(func(w http.ResponseWriter) { _, _ = io.WriteString(w, "body") }), http.StatusOK, "body"},
		"flush by type assertion": {clearThen(func(w http.ResponseWriter) {
			w.(http.Flusher).Flush()
			_, _ = io.WriteString(w, "body")
		}), http.StatusOK, "body"},
		"flush by ResponseController": {clearThen(func(w http.ResponseWriter) {
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, "body")
		}), http.StatusOK, "body"},
		"declared as a trailer": {clearThen(func(w http.ResponseWriter) {
			w.Header().Set("Trailer", "X-Sum, x-debug-directive")
			_, _ = io.WriteString(w, "body")
			w.Header().Set(fleethttp.DirectiveHeader, "from the handler")
		}), http.StatusOK, "body"},
		"switching protocols": {clearThen(func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusSwitchingProtocols)
			_, _ = io.WriteString(w, "")
		}), http.StatusSwitchingProtocols, ""},
	} {
		t.Run(name, func(t *testing.T) {
			resp, body := answerToToken(t, tt.next)
			assert.Equal(t, tt.code, resp.StatusCode)
			assert.Equal(t, tt.body, body)
			require.Len(t, resp.Header[fleethttp.DirectiveHeader], 1)
			assert.True(t, strings.HasPrefix(resp.Header.Get(fleethttp.DirectiveHeader), "rejected: "))
			assert.NotContains(t, resp.Trailer, fleethttp.DirectiveHeader)
		})
	}
}

// TestTokenAnswer_ResponseWriterFeatures sets a deadline and hijacks the connection of a
// request with a token, as the server's ResponseWriter allows.
func TestTokenAnswer_ResponseWriterFeatures(t *testing.T) {
	t.Parallel()
	_, body := answerToToken(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		assert.NoError(t, http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Minute)))
		conn, _, err := w.(http.Hijacker).Hijack()
		if assert.NoError(t, err) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhijacked")
			_ = conn.Close()
		}
	}))
	assert.Equal(t, "hijacked", body)
}
