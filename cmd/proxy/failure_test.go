package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/testutil"
)

// TestWhoBrokeItOff has exchanges end before they are over, and looks at whom the record and the span name.
func TestWhoBrokeItOff(t *testing.T) {
	t.Parallel()
	// part is more than servers keep back.
	part := bytes.Repeat([]byte("x"), 64<<10)
	for name, tt := range map[string]struct {
		upstream http.HandlerFunc
		client   func(t *testing.T, addr string, begun <-chan struct{})
		status   int
		failure  string
	}{
		"the upstream, amid a response of known length": {
			func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "1000000")
				_, _ = w.Write(part)
				panic(http.ErrAbortHandler)
			}, download, http.StatusOK, brokeOff,
		},
		"the upstream, amid a stream": {
			func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write(part)
				panic(http.ErrAbortHandler)
			}, download, http.StatusOK, brokeOff,
		},
		"the upstream, before it answered": {
			func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, download, http.StatusBadGateway, failed,
		},
		"the client, amid a response that comes": {
			func(w http.ResponseWriter, r *http.Request) {
				for r.Context().Err() == nil {
					_, _ = w.Write(part)
				}
			}, leave, http.StatusOK, clientGone,
		},
		"the client, amid a response that does not go on": {
			func(w http.ResponseWriter, r *http.Request) {
				_, _ = w.Write(part)
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			}, leave, http.StatusOK, clientGone,
		},
		"the client, before there was a response": {
			func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, leave, statusClientGone, clientGone,
		},
		"the client, amid a request": {
			func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }, upload, statusClientGone, clientGone,
		},
		"the client, by what is no body": {
			func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }, malformed, statusClientGone, clientGone,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var spans testutil.Buffer
			traced, err := newTracer(&spans)
			require.NoError(t, err)
			begun := make(chan struct{}, 100) // the transport may try again
			p := forwarding(t, config{}, traced, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				begun <- struct{}{}
				tt.upstream(w, r)
			}))
			tt.client(t, p.serving(t), begun)
			got := p.records(1)[0]
			assert.Equal(t, tt.status, got.Status)
			assert.Equal(t, tt.failure, got.Failure)
			require.NoError(t, traced.shutdown(t.Context()))
			assert.Contains(t, spans.String(), fmt.Sprintf(`{"Code":"Error","Description":%q}`, tt.failure))
		})
	}
}

func download(_ *testing.T, addr string, _ <-chan struct{}) {
	if resp, err := http.Get("http://" + addr + "/orders/_search"); err == nil {
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
}

// leave goes away when the upstream has the request, and a response that has begun, has begun.
func leave(t *testing.T, addr string, begun <-chan struct{}) {
	t.Helper()
	conn := dial(t, addr, "GET /orders/_search HTTP/1.1", "Host: x", "", "")
	<-begun
	if strings.Contains(t.Name(), "amid") {
		_, err := io.ReadFull(conn, make([]byte, 16<<10))
		require.NoError(t, err)
	}
	require.NoError(t, conn.Close())
}

func upload(t *testing.T, addr string, begun <-chan struct{}) {
	t.Helper()
	conn := dial(t, addr, "POST /orders/_bulk HTTP/1.1", "Host: x", "Content-Length: 1000000", "", "some of it")
	<-begun
	require.NoError(t, conn.Close())
}

func malformed(t *testing.T, addr string, _ <-chan struct{}) {
	t.Helper()
	conn := dial(t, addr, "POST /orders/_bulk HTTP/1.1", "Host: x", "Transfer-Encoding: chunked", "", "4", "some", "of it", "")
	_, err := io.ReadAll(conn)
	require.NoError(t, err)
}

// TestAnEarlyAnswerIsNoFailure: an upstream that does not wait for a body is not let down by its sender.
func TestAnEarlyAnswerIsNoFailure(t *testing.T) {
	t.Parallel()
	const requests = 50
	p := forwarding(t, config{}, tracer{}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	}))
	addr := p.serving(t)
	for range requests {
		resp, err := http.Post("http://"+addr+"/orders/_bulk", "", bytes.NewReader(make([]byte, 200<<10)))
		if err == nil {
			_ = resp.Body.Close()
		}
	}
	for _, got := range p.records(requests) {
		assert.NotEqual(t, clientGone, got.Failure)
	}
	e := &exchange{}
	e.requestBrokeOff(http.ErrBodyReadAfterClose)
	assert.Empty(t, e.failure())
}

func TestFailureWords(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	assert.Equal(t, clientGone, failureOf(ended, errors.New("anything")))
	assert.Equal(t, timedOut, failureOf(t.Context(), os.ErrDeadlineExceeded))
	assert.Equal(t, failed, failureOf(t.Context(), io.ErrUnexpectedEOF))
	closed := httptest.NewServer(http.HandlerFunc(hello))
	closed.Close()
	_, err := newTransport().RoundTrip(httptest.NewRequestWithContext(t.Context(), http.MethodGet, closed.URL, http.NoBody))
	assert.Equal(t, unreachable, failureOf(t.Context(), err))
}
