package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/testutil"
)

// responsePart is larger than the buffers of the servers, so that writing it sends bytes.
var responsePart = bytes.Repeat([]byte("x"), 64<<10)

// interruption is an exchange that the upstream or the client interrupts, and its record.
type interruption struct {
	upstream http.HandlerFunc
	client   func(t *testing.T, addr string, started <-chan struct{})
	status   int
	failure  string
}

var interruptions = map[string]interruption{
	"upstream aborts response of known length": {
		func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000000")
			_, _ = w.Write(responsePart)
			panic(http.ErrAbortHandler)
		}, download, http.StatusOK, brokeOff,
	},
	"upstream aborts chunked response": {
		func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(responsePart)
			panic(http.ErrAbortHandler)
		}, download, http.StatusOK, brokeOff,
	},
	"upstream aborts before response": {
		func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, download, http.StatusBadGateway, failed,
	},
	"client disconnects during continuous response": {
		func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				_, _ = w.Write(responsePart)
			}
		}, disconnectDuringResponse, http.StatusOK, clientGone,
	},
	"client disconnects during paused response": {
		func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write(responsePart)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, disconnectDuringResponse, http.StatusOK, clientGone,
	},
	"client disconnects before response": {
		func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, disconnect, statusClientGone, clientGone,
	},
	"client disconnects during request": {
		func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }, upload, statusClientGone, clientGone,
	},
	"client sends malformed body": {
		func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }, sendMalformed, http.StatusBadRequest, malformed,
	},
}

// TestProxy_RecordsInterruption interrupts exchanges. The record and the span must tell
// whether the upstream or the client caused the failure.
func TestProxy_RecordsInterruption(t *testing.T) {
	t.Parallel()
	for name, tt := range interruptions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var spans testutil.Buffer
			traced, err := newTracer(&spans)
			require.NoError(t, err)
			started := make(chan struct{}, 100) // buffered, because the transport may retry
			p := forwarding(t, config{}, traced, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				started <- struct{}{}
				tt.upstream(w, r)
			}))
			tt.client(t, p.serving(t), started)
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

// disconnect closes the connection after the upstream has received the request.
func disconnect(t *testing.T, addr string, started <-chan struct{}) {
	t.Helper()
	conn := dial(t, addr, "GET /orders/_search HTTP/1.1", "Host: x", "", "")
	<-started
	require.NoError(t, conn.Close())
}

// disconnectDuringResponse closes the connection after the first bytes of the response.
func disconnectDuringResponse(t *testing.T, addr string, started <-chan struct{}) {
	t.Helper()
	conn := dial(t, addr, "GET /orders/_search HTTP/1.1", "Host: x", "", "")
	<-started
	_, err := io.ReadFull(conn, make([]byte, 16<<10))
	require.NoError(t, err)
	require.NoError(t, conn.Close())
}

// upload sends a part of the request body, and closes the connection.
func upload(t *testing.T, addr string, started <-chan struct{}) {
	t.Helper()
	conn := dial(t, addr, "POST /orders/_bulk HTTP/1.1", "Host: x", "Content-Length: 1000000", "", "some of it")
	<-started
	require.NoError(t, conn.Close())
}

// sendMalformed sends a chunked request body with an invalid chunk.
func sendMalformed(t *testing.T, addr string, _ <-chan struct{}) {
	t.Helper()
	conn := dial(t, addr, "POST /orders/_bulk HTTP/1.1", "Host: x", "Transfer-Encoding: chunked", "", "4", "some", "of it", "")
	_, err := io.ReadAll(conn)
	require.NoError(t, err)
}

// TestProxy_EarlyResponseNotClientFailure sends bodies to an upstream that responds
// without reading them. The record must not blame the client.
func TestProxy_EarlyResponseNotClientFailure(t *testing.T) {
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
	e.requestBodyFailed(t.Context())(&requestError{http.ErrBodyReadAfterClose})
	assert.Empty(t, e.failure())
}

// malformedBodies are chunked bodies that no server accepts.
var malformedBodies = map[string]string{
	"longer than its chunk": "4\r\nsome more\r\n0\r\n\r\n",
	"length is not hex":     "x\r\nsome\r\n0\r\n\r\n",
	"no length":             "\r\nsome\r\n0\r\n\r\n",
	"length is too large":   "fffffffffffffffff\r\nsome\r\n",
	"malformed trailer":     "4\r\nsome\r\n0\r\nno colon\r\n\r\n",
}

// TestProxy_MalformedBody sends malformed bodies, with and without a directive. The proxy
// must answer 400, and must blame neither the upstream nor the connection.
func TestProxy_MalformedBody(t *testing.T) {
	t.Parallel()
	for _, recorded := range []bool{true, false} {
		p := forwarding(t, config{}, tracer{}, http.HandlerFunc(hello))
		if !recorded {
			p.handler = p.forward
		}
		addr := p.serving(t)
		for name, body := range malformedBodies {
			conn := dial(t, addr, "POST /orders/_bulk HTTP/1.1", "Host: x", "Transfer-Encoding: chunked", "", body)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err, name)
			answer, err := io.ReadAll(resp.Body)
			require.NoError(t, err, name)
			assert.Equal(t, http.StatusBadRequest, resp.StatusCode, name)
			assert.Equal(t, `{"error":"malformed_request"}`+"\n", string(answer), name)
		}
		if recorded {
			for _, got := range p.records(len(malformedBodies)) {
				assert.Equal(t, malformed, got.Failure)
			}
		}
	}
}

func TestFailureOf_Words(t *testing.T) {
	t.Parallel()
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	assert.Equal(t, clientGone, failureOf(canceled, errors.New("anything")))
	assert.Equal(t, timedOut, failureOf(t.Context(), os.ErrDeadlineExceeded))
	assert.Equal(t, failed, failureOf(t.Context(), io.ErrUnexpectedEOF))
	for _, gone := range []error{
		io.ErrUnexpectedEOF, &net.OpError{Op: "read", Err: syscall.ECONNRESET}, net.ErrClosed, os.ErrDeadlineExceeded, errors.New(eofInTrailer),
	} {
		assert.Equal(t, clientGone, failureOf(t.Context(), fmt.Errorf("send: %w", &requestError{gone})), gone)
	}
	assert.Equal(t, malformed, failureOf(t.Context(), &requestError{errors.New("anything")}))
	closed := httptest.NewServer(http.HandlerFunc(hello))
	closed.Close()
	_, err := newTransport().RoundTrip(httptest.NewRequestWithContext(t.Context(), http.MethodGet, closed.URL, http.NoBody))
	assert.Equal(t, unreachable, failureOf(t.Context(), err))
}
