package console

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/testutil"
)

// upstream serves the paths of the tests of nginx: /base/echo and /base/events.
func upstream(t testing.TB, accelBuffering string) (url string, end context.CancelFunc) {
	t.Helper()
	ended, end := context.WithCancel(context.Background())
	mux := http.NewServeMux()
	mux.HandleFunc("/base/echo", func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		assert.NoError(t, err)
		w.Header()["X-Seen-User"] = r.Header["X-Remote-User"]
		w.Header().Set("X-Seen-Host", r.Host)
		_, _ = io.WriteString(w, r.URL.Path+" "+strings.Repeat("x", int(n)))
	})
	mux.HandleFunc("/base/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		if accelBuffering != "" {
			w.Header().Set("X-Accel-Buffering", accelBuffering)
		}
		_, _ = io.WriteString(w, "event: change\n\n")
		w.(http.Flusher).Flush()
		select {
		case <-ended.Done():
		case <-r.Context().Done():
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(func() { end(); server.Close() })
	return server.URL, end
}

func client(t testing.TB) *http.Client {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: within}
}

func TestNginx_Proxies(t *testing.T) {
	t.Parallel()
	at, _ := upstream(t, "")
	url := NewNginx(t, at, "/base/", map[string]string{"X-Remote-User": "alice"})
	const size = 300_000 // more than the buffers of nginx, so that it writes temporary files
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"echo", strings.NewReader(strings.Repeat("x", size)))
	require.NoError(t, err)
	r.Header.Set("X-Remote-User", "forged")
	resp, err := client(t).Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Equal(t, "/base/echo "+strings.Repeat("x", size), string(body))
	assert.Equal(t, []string{"alice"}, resp.Header["X-Seen-User"])
	assert.Equal(t, r.Host, resp.Header.Get("X-Seen-Host"))

	resp, err = client(t).Get(strings.TrimSuffix(url, "base/") + "echo")
	require.NoError(t, err)
	defer resp.Body.Close()
	assert.Equal(t, http.StatusNotFound, resp.StatusCode, "a path outside of the base path")
}

func TestNginx_BuffersEventsByDefault(t *testing.T) {
	t.Parallel()
	for _, accelBuffering := range []string{"no", ""} {
		at, end := upstream(t, accelBuffering)
		url := NewNginx(t, at, "/base/", nil)
		event := make(chan string, 1)
		go func() {
			defer close(event)
			resp, err := client(t).Get(url + "events")
			if !assert.NoError(t, err) {
				return
			}
			defer resp.Body.Close()
			line, err := bufio.NewReader(resp.Body).ReadString('\n')
			assert.NoError(t, err)
			event <- line
		}()
		if accelBuffering == "" {
			select {
			case line := <-event:
				t.Fatalf("nginx did not buffer %q, so that it shows nothing of a server that forgets X-Accel-Buffering", line)
			case <-time.After(300 * time.Millisecond):
			}
			end()
		}
		assert.Equal(t, "event: change\n", <-event, "X-Accel-Buffering: %s", accelBuffering)
	}
}

func TestProcess_EndsWithTheTest(t *testing.T) {
	t.Parallel()
	var p *process
	failed, text := outcome(t, func(t testing.TB) {
		p = startProcess(t, "sh", "-c", `echo "ready at http://x"; sleep 1000 & wait`)
		assert.Equal(t, "http://x", p.waitOutput(regexp.MustCompile(`ready at (\S+)`)))
	})
	assert.False(t, failed, text)
	assert.True(t, p.ended())
	failed, text = outcome(t, func(t testing.TB) {
		startProcess(t, "sh", "-c", `echo "WARNING: DATA RACE"`).waitOutput(regexp.MustCompile(`RACE`))
	})
	assert.True(t, failed)
	assert.Contains(t, text, "sh has a data race")
	failed, text = outcome(t, func(t testing.TB) {
		startProcess(t, "sh", "-c", `echo reason; exit 3`).waitOutput(regexp.MustCompile(`ready`))
	})
	assert.True(t, failed)
	assert.Contains(t, text, "reason", "the output of the program")
}

func TestFleet_HitsAreInTheRoster(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	fleet := NewFleet(t, server.URL(), 3)
	publish(t, "add", "--redis-url", server.URL(), "--level", "ShapeTiming", "--tenant", "acme", "--ttl", "10m", "--wait",
		"--min-instances", "3")
	request := fleetdial.Request{Tenant: "acme", Index: "orders", Endpoint: fleetdial.Search}
	assert.Equal(t, map[fleetdial.Level]int{fleetdial.ShapeTiming: 60}, fleet.Send(20, request))
	p, err := fleetdial.NewPublisher(server.Client(t), fleetdial.PublisherConfig{})
	require.NoError(t, err)
	hits := func() (sum int64) {
		roster, err := p.Roster(t.Context())
		require.NoError(t, err)
		require.Len(t, roster.Instances, 3)
		assert.Equal(t, "proxy-2", roster.Instances[1].Name)
		for _, directive := range roster.Hits().Directives {
			sum += int64(directive.Applied)
		}
		return sum
	}
	testutil.Eventually(t, within, "the hits are in the roster", func() bool { return hits() == 60 })
	stop := fleet.Keep(t, request)
	testutil.Eventually(t, within, "the hits rise", func() bool { return hits() > 90 })
	stop()
}
