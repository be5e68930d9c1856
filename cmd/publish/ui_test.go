package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/fleetdial/fleetdial/testutil"
)

// servingUI serves a handler as publish ui does, with other timeouts if timeout is set. The
// result stops the server, and returns how long that took.
func servingUI(
	t *testing.T, f uiFlags, timeout time.Duration, handler http.Handler, end func() error,
) (url string, stop func() time.Duration) {
	t.Helper()
	s, err := newUIServer(f, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	if timeout > 0 {
		s.readTimeout, s.writeTimeout = timeout, timeout
	}
	require.NoError(t, s.listen("127.0.0.1:0"))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.serve(ctx, handler, end) }()
	var stopped bool
	stop = func() time.Duration {
		if stopped {
			return 0
		}
		stopped = true
		begin := time.Now()
		cancel()
		assert.NoError(t, <-ended)
		return time.Since(begin)
	}
	t.Cleanup(func() { stop() })
	return s.url("/"), stop
}

// events is a handler that streams events until close is closed.
func events(closed <-chan struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := 0; ; i++ {
			fmt.Fprintf(w, "data: %d\n\n", i)
			if http.NewResponseController(w).Flush() != nil {
				return
			}
			select {
			case <-time.After(10 * time.Millisecond):
			case <-closed:
				return
			case <-r.Context().Done():
				return
			}
		}
	}
}

// TestUIServer_ShutdownEndsStreams stops a server with an open stream of events, and with a request
// that never ends.
func TestUIServer_ShutdownEndsStreams(t *testing.T) {
	t.Parallel()
	closed := make(chan struct{})
	mux := http.NewServeMux()
	mux.Handle("/events", events(closed))
	mux.HandleFunc("/hangs", func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	url, stop := servingUI(t, uiFlags{}, 0, mux, func() error { close(closed); return nil })
	stream, err := http.Get(url + "events")
	require.NoError(t, err)
	defer stream.Body.Close()
	lines := bufio.NewReader(stream.Body)
	for range 10 {
		_, err := lines.ReadString('\n')
		require.NoError(t, err)
	}
	hangs, err := http.Get(url + "hangs")
	require.NoError(t, err)
	defer hangs.Body.Close()
	assert.Less(t, stop(), 10*time.Second)
	_, err = io.Copy(io.Discard, lines)
	assert.NoError(t, err, "the stream ends as it should")
	_, err = io.Copy(io.Discard, hangs.Body)
	assert.Error(t, err)
}

// TestUIServer_Timeouts has a client that does not read, a client that does not send its body, and
// streams of events that are longer than every timeout, and have pauses that are.
func TestUIServer_Timeouts(t *testing.T) {
	t.Parallel()
	const timeout = 200 * time.Millisecond
	failed := make(chan error, 2)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /body", func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		failed <- err
	})
	mux.HandleFunc("GET /flood", func(w http.ResponseWriter, _ *http.Request) {
		_, err := io.Copy(w, zeros{})
		failed <- err
	})
	mux.HandleFunc("GET /pauses", func(w http.ResponseWriter, r *http.Request) {
		for range 4 {
			fmt.Fprintln(w, "event")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-time.After(2 * timeout):
			case <-r.Context().Done():
				return
			}
		}
		fmt.Fprintln(w, "end")
	})
	for _, isTLS := range []bool{false, true} {
		f, client := uiFlags{}, http.DefaultClient
		if isTLS {
			files := testutil.NewCertificates(t)
			f.cert, f.key, client = files.ServerCert, files.ServerKey, trusting(t, files.CA)
		}
		url, _ := servingUI(t, f, timeout, mux, func() error { return nil })
		for range 2 { // the second request has the connection of the first one
			stream, err := client.Get(url + "pauses")
			require.NoError(t, err)
			text, err := io.ReadAll(stream.Body)
			require.NoError(t, err)
			require.NoError(t, stream.Body.Close())
			assert.Contains(t, string(text), "end")
		}
	}
	url, _ := servingUI(t, uiFlags{}, timeout, mux, func() error { return nil })
	for _, request := range []string{
		"GET /flood HTTP/1.1\r\nHost: localhost\r\n\r\n", "POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", strings.Trim(strings.TrimPrefix(url, "http:"), "/"))
		require.NoError(t, err)
		defer conn.Close()
		_, err = io.WriteString(conn, request)
		require.NoError(t, err)
		select {
		case err := <-failed:
			assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
		case <-time.After(20 * time.Second):
			t.Error("the request takes any time: ", request)
		}
	}
}

// TestUIServer_Limits sends a body that is too large, a header that is too large, and bytes
// that are no request.
func TestUIServer_Limits(t *testing.T) {
	t.Parallel()
	url, _ := servingUI(t, uiFlags{}, 0, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}
		fmt.Fprint(w, n)
	}), func() error { return nil })
	send := func(size int64, header string) int {
		r, err := http.NewRequest("POST", url, io.LimitReader(zeros{}, size))
		require.NoError(t, err)
		r.Header.Set("X-Long", header)
		resp, err := http.DefaultTransport.RoundTrip(r)
		require.NoError(t, err)
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode
	}
	assert.Equal(t, http.StatusOK, send(uiMaxBody, ""))
	assert.Equal(t, http.StatusRequestEntityTooLarge, send(uiMaxBody+1, ""))
	assert.Equal(t, http.StatusRequestHeaderFieldsTooLarge, send(0, strings.Repeat("a", 2*uiMaxHeader)))
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestUIServer_LogsRejectedHostsOnceAMinute(t *testing.T) {
	t.Parallel()
	var log testutil.Buffer
	s, err := newUIServer(uiFlags{}, slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	handler := s.limited(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusMisdirectedRequest) }))
	reject := func() int {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
		return strings.Count(log.String(), "unknown host")
	}
	assert.Equal(t, 1, reject())
	assert.Equal(t, 1, reject())
	s.rejected.Add(-60)
	assert.Equal(t, 2, reject())
}

// TestUIServer_TLS checks that a stream of events works over HTTP/2, of which many share a
// connection.
func TestUIServer_TLS(t *testing.T) {
	t.Parallel()
	files := testutil.NewCertificates(t)
	closed := make(chan struct{})
	url, stop := servingUI(t, uiFlags{cert: files.ServerCert, key: files.ServerKey}, 0, events(closed), func() error { close(closed); return nil })
	client := trusting(t, files.CA)
	for range 10 {
		stream, err := client.Get(url)
		require.NoError(t, err)
		defer stream.Body.Close()
		assert.Equal(t, 2, stream.ProtoMajor)
		_, err = bufio.NewReader(stream.Body).ReadString('\n')
		require.NoError(t, err)
	}
	assert.Less(t, stop(), 10*time.Second)
}

func trusting(t *testing.T, ca string) *http.Client {
	t.Helper()
	pem, err := os.ReadFile(ca)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(pem))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &http.Client{Transport: transport, Jar: jar, Timeout: 20 * time.Second}
}

// runUI runs publish ui with -o json, and returns its address and its stderr.
func runUI(t *testing.T, args ...string) (url string, stderr *testutil.Buffer) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	stdout := new(testutil.Buffer)
	stderr = new(testutil.Buffer)
	ended := make(chan int, 1)
	args = append([]string{"ui", "--listen", "127.0.0.1:0", "-o", "json", "--redis-url", "redis://127.0.0.1:1"}, args...)
	go func() {
		ended <- run(ctx, args, strings.NewReader(""), stdout, stderr, func(string) string { return "" })
	}()
	t.Cleanup(func() {
		cancel()
		assert.Equal(t, exitDone, <-ended, stderr.String())
	})
	testutil.Eventually(t, 20*time.Second, "the address", func() bool { return strings.Contains(stdout.String(), "\n") })
	var line struct{ URL, Fleet string }
	require.NoError(t, json.Unmarshal([]byte(stdout.String()), &line))
	assert.Equal(t, "default", line.Fleet)
	return line.URL, stderr
}

// TestUI_Link signs in with the link that the command prints, over TLS and below a base path.
func TestUI_Link(t *testing.T) {
	t.Parallel()
	files := testutil.NewCertificates(t)
	link, stderr := runUI(t, "--listen-cert", files.ServerCert, "--listen-key", files.ServerKey, "--base-path", "console", "--allow-publish")
	require.Regexp(t, `^https://127\.0\.0\.1:\d+/console/signin\?token=\w+$`, link)
	client := trusting(t, files.CA)
	base, _, _ := strings.Cut(link, "signin")
	get := func(url string) (int, *http.Response) {
		resp, err := client.Get(url)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return resp.StatusCode, resp
	}
	status, _ := get(base)
	assert.Equal(t, http.StatusUnauthorized, status)
	_, last := get(link)
	assert.NotContains(t, last.Request.URL.String(), "token", "the address bar shows no token")
	assert.NotEqual(t, http.StatusUnauthorized, last.StatusCode)
	account, _ := get(base + "signin")
	assert.Equal(t, http.StatusOK, account)
	assert.Contains(t, stderr.String(), "signed in with a link")
	assert.NotContains(t, stderr.String(), "token=")

	r, err := http.NewRequest("GET", base, nil)
	require.NoError(t, err)
	r.Host = "rebound.example"
	resp, err := client.Do(r)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, http.StatusMisdirectedRequest, resp.StatusCode)
	assert.Contains(t, stderr.String(), "host=rebound.example")
}

// TestUI_Users signs in with a password.
func TestUI_Users(t *testing.T) {
	t.Parallel()
	hash, err := bcrypt.GenerateFromPassword([]byte("geheim"), bcrypt.MinCost)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "users")
	require.NoError(t, os.WriteFile(file, []byte("alice:"+string(hash)+"\n"), 0o600))
	base, stderr := runUI(t, "--users", file)
	form := strings.NewReader("name=alice&password=geheim")
	resp, err := http.DefaultTransport.RoundTrip(newRequest(t, "POST", base+"signin", form, "Content-Type", "application/x-www-form-urlencoded"))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, http.StatusSeeOther, resp.StatusCode)
	assert.Contains(t, stderr.String(), "user=alice")
	assert.NotContains(t, stderr.String(), "geheim")
}

// TestUI_AuthHeader sends the header of a proxy from two addresses of this machine, one of which is
// trusted.
func TestUI_AuthHeader(t *testing.T) {
	t.Parallel()
	base, stderr := runUI(t, "--auth-header", "X-User", "--trusted-proxy", "127.0.0.2", "--allow-publish", "--host", "fleet.example.com")
	assert.Contains(t, stderr.String(), "every user of the proxy may publish")
	for from, want := range map[string]int{"127.0.0.1": http.StatusForbidden, "127.0.0.2": http.StatusOK} {
		dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		transport := &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}
		r := newRequest(t, "GET", base+"signin", nil, "X-User", "alice", "X-Forwarded-For", "127.0.0.2")
		r.Host = "fleet.example.com"
		resp, err := transport.RoundTrip(r)
		require.NoError(t, err)
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, want, resp.StatusCode, from)
		assert.Equal(t, want == http.StatusOK, strings.Contains(string(text), "alice"), from)
	}
	assert.Contains(t, stderr.String(), "not come from a trusted proxy")
	for host, want := range map[string]int{
		"localhost": http.StatusUnauthorized, "127.0.0.1:1": http.StatusUnauthorized, "[::1]": http.StatusUnauthorized,
		"FLEET.example.com:443": http.StatusUnauthorized, "other.example.com": http.StatusMisdirectedRequest,
	} {
		r := newRequest(t, "GET", base+"signin", nil)
		r.Host = host
		dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.0.0.2")}}
		resp, err := (&http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}).RoundTrip(r)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, want, resp.StatusCode, "--host adds to the names of a loopback address: %s", host)
	}
}

// newRequest returns a request with headers.
func newRequest(t *testing.T, method, url string, body io.Reader, headers ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, url, body)
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}
