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

// answered serves a request that bears a token, and returns the response with its body.
func answered(t *testing.T, next http.Handler) (*http.Response, string) {
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

// TestTheAnswerToATokenStays whatever the handler does with its response before it begins.
func TestTheAnswerToATokenStays(t *testing.T) {
	t.Parallel()
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</a>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set(fleethttp.DirectiveHeader, "the upstream's")
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
		"nothing is written":             {http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), http.StatusOK, ""},
		"a status":                       {clearThen(func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) }), http.StatusNotFound, ""},
		"a body":                         {clearThen(func(w http.ResponseWriter) { _, _ = io.WriteString(w, "body") }), http.StatusOK, "body"},
		"a flush by assertion": {clearThen(func(w http.ResponseWriter) {
			w.(http.Flusher).Flush()
			_, _ = io.WriteString(w, "body")
		}), http.StatusOK, "body"},
		"a flush by controller": {clearThen(func(w http.ResponseWriter) {
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, "body")
		}), http.StatusOK, "body"},
		"another protocol": {clearThen(func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusSwitchingProtocols)
			_, _ = io.WriteString(w, "")
		}), http.StatusSwitchingProtocols, ""},
	} {
		t.Run(name, func(t *testing.T) {
			resp, body := answered(t, tt.next)
			assert.Equal(t, tt.code, resp.StatusCode)
			assert.Equal(t, tt.body, body)
			require.Len(t, resp.Header[fleethttp.DirectiveHeader], 1)
			assert.True(t, strings.HasPrefix(resp.Header.Get(fleethttp.DirectiveHeader), "refused: "))
		})
	}
}

// TestATokenTakesNothingFromTheResponseWriter: a handler reaches what the server's can.
func TestATokenTakesNothingFromTheResponseWriter(t *testing.T) {
	t.Parallel()
	_, body := answered(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		assert.NoError(t, http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Minute)))
		conn, _, err := w.(http.Hijacker).Hijack()
		if assert.NoError(t, err) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhijacked")
			_ = conn.Close()
		}
	}))
	assert.Equal(t, "hijacked", body)
}
