package console_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/console"
)

// event is a server-sent event.
type event struct{ kind, id string }

// stream is a stream of events that a browser has open.
type stream struct {
	header http.Header
	events chan event // closed at the end of the stream
}

// listen opens the stream of the fleet "default" as the browser does.
func (r *rig) listen(server *httptest.Server, query, lastEventID string) *stream {
	r.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+r.base+"f/default/events"+query, nil)
	require.NoError(r, err)
	if lastEventID != "" {
		req.Header.Set("Last-Event-ID", lastEventID)
	}
	res, err := server.Client().Do(req)
	require.NoError(r, err)
	require.Equal(r, http.StatusOK, res.StatusCode)
	s := &stream{header: res.Header, events: make(chan event, 100)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(s.events)
		var next event
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch name {
			case "event":
				next.kind = value
			case "id":
				next.id = value
			case "":
				s.events <- next
				next = event{}
			}
		}
	}()
	r.Cleanup(func() {
		cancel()
		_ = res.Body.Close()
		<-done
	})
	return s
}

// next returns the next event, and false at the end of the stream.
func (s *stream) next(t testing.TB) (event, bool) {
	t.Helper()
	select {
	case e, ok := <-s.events:
		return e, ok
	case <-time.After(10 * time.Second):
		t.Fatal("no event arrived within 10 s")
		return event{}, false
	}
}

func serve(r *rig) *httptest.Server {
	server := httptest.NewServer(r.ui)
	r.Cleanup(server.Close)
	return server
}

func TestEvents_FirstBeatAndState(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.publish(directive("one", time.Hour))
	s := r.listen(serve(r), "", "")
	assert.Equal(t, "text/event-stream", s.header.Get("Content-Type"))
	assert.Equal(t, "no", s.header.Get("X-Accel-Buffering"))
	assert.Equal(t, "no-store", s.header.Get("Cache-Control"))
	first, _ := s.next(t)
	assert.Equal(t, event{"beat", ""}, first)
	second, _ := s.next(t)
	assert.Equal(t, "change", second.kind)
	assert.NotEmpty(t, second.id)
	assert.Contains(t, r.get("f/default/").body, `data-state="`+second.id+`"`)
}

// TestEvents_PublishArrives measures the median of several publishes, because the machine may be
// busy.
func TestEvents_PublishArrives(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.publish(directive("one", time.Hour))
	s := r.listen(serve(r), "", "")
	for e, _ := s.next(t); e.kind != "change"; e, _ = s.next(t) {
	}
	var took []time.Duration
	for range 5 {
		version := r.publish(directive("one", time.Hour)).Version
		began := time.Now()
		for shown := false; !shown; {
			e, ok := s.next(t)
			require.True(t, ok)
			body := r.get("f/default/").body
			shown = e.kind == "change" && strings.Contains(body, `data-state="`+e.id+`"`) &&
				strings.Contains(body, "rollout/"+string(rune('0'+version))+`"`)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	t.Logf("a publish was on the page after %v", took)
	assert.Less(t, took[len(took)/2], 300*time.Millisecond)
}

func TestEvents_Resumption(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.publish(directive("one", time.Hour))
	server := serve(r)
	s := r.listen(server, "", "")
	_, _ = s.next(t)
	known, _ := s.next(t)
	// A page that shows the newest state gets no change, whether it is loaded or connects again.
	for _, again := range []*stream{r.listen(server, "?after="+known.id, ""), r.listen(server, "?after=older", known.id)} {
		e, _ := again.next(t)
		assert.Equal(t, "beat", e.kind)
		select {
		case e := <-again.events:
			t.Errorf("event %v without a change", e)
		case <-time.After(300 * time.Millisecond):
		}
	}
	// One that missed a publish gets a change at once.
	r.publish(directive("two", time.Hour))
	require.Eventually(t, func() bool { return strings.Contains(r.get("f/default/").text(), "Version 2 ") }, 5*time.Second, 10*time.Millisecond)
	missed := r.listen(server, "", known.id)
	_, _ = missed.next(t)
	e, _ := missed.next(t)
	assert.Equal(t, "change", e.kind)
	assert.NotEqual(t, known.id, e.id)
}

func TestEvents_EndWithConsole(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	server := serve(r)
	s := r.listen(server, "", "")
	_, _ = s.next(t)
	require.NoError(t, r.ui.Close())
	for ok := true; ok; {
		_, ok = s.next(t)
	}
	res, err := server.Client().Get(server.URL + "/console/f/default/events")
	require.NoError(t, err)
	_ = res.Body.Close()
	assert.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
	assert.Equal(t, http.StatusServiceUnavailable, r.get("f/default/").status)
}

func TestEvents_EndWithBrowser(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		req := httptest.NewRequestWithContext(ctx, http.MethodGet, "/console/f/default/events", nil)
		req.Host = "localhost"
		r.ui.ServeHTTP(httptest.NewRecorder(), req)
	}()
	cancel()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the handler goes on without a browser")
	}
}

func TestEvents_Rejected(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	assert.Equal(t, http.StatusBadRequest, r.get("f/a%20b/events").status)
	r.signIn.user.Store(nil)
	assert.Equal(t, http.StatusUnauthorized, r.get("f/default/events").status)

	open := start(t, func(cfg *console.Config) { cfg.SignIn, cfg.AllowPublish = nil, false })
	res, err := http.Head(serve(open).URL + "/console/f/default/events")
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	assert.Equal(t, http.StatusOK, res.StatusCode)
}
