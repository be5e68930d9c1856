package main

import (
	"bufio"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rawUpstream answers with these bytes. readBody stands for reading the body.
func rawUpstream(answers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		for _, answer := range answers {
			if answer == readBody {
				// The proxy may close the connection instead.
				_, _ = io.CopyN(io.Discard, rw, int64(len(expectBody)))
				continue
			}
			_, _ = rw.WriteString(answer)
			_ = rw.Flush()
		}
	}
}

const (
	expectBody    = "body"
	readBody      = "read the body"
	sendContinue  = "HTTP/1.1 100 Continue\r\n\r\n"
	sendEarlyHint = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
	sendOK        = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	sendTooLarge  = "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"
)

// expect sends a request with "Expect: 100-continue", and the body after 100 Continue. It
// returns the statuses, and the response with the final one.
func expect(t *testing.T, addr string) (statuses []int, last *http.Response) {
	t.Helper()
	conn := dial(t, addr, "POST /orders/_bulk HTTP/1.1", "Host: x", "Expect: 100-continue", "Content-Length: 4", "", "")
	responses := bufio.NewReader(conn)
	sent := false
	for {
		resp, err := http.ReadResponse(responses, nil)
		require.NoError(t, err)
		statuses = append(statuses, resp.StatusCode)
		if resp.StatusCode >= http.StatusOK {
			return statuses, resp
		}
		assert.Equal(t, resp.StatusCode == http.StatusEarlyHints, resp.Header.Get("Link") != "", "header of %d", resp.StatusCode)
		if resp.StatusCode == http.StatusContinue && !sent {
			sent = true
			_, err = io.WriteString(conn, expectBody)
			require.NoError(t, err)
		}
	}
}

func TestProxy_Expect100Continue(t *testing.T) {
	t.Parallel()
	reads := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, err := io.ReadAll(r.Body); err != nil || string(body) != expectBody {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	for name, tt := range map[string]struct {
		upstream http.Handler
		want     []int
	}{
		"upstream reads":          {reads, []int{100, 200}},
		"upstream sends 100":      {rawUpstream(sendContinue, readBody, sendOK), []int{100, 200}},
		"upstream sends 100 late": {rawUpstream(readBody, sendContinue, sendOK), []int{100, 200}},
		"upstream sends two":      {rawUpstream(sendContinue, readBody, sendContinue, sendOK), []int{100, 200}},
		"upstream sends none":     {rawUpstream(readBody, sendOK), []int{100, 200}},
		"upstream sends 103":      {rawUpstream(sendEarlyHint, sendContinue, readBody, sendOK), []int{103, 100, 200}},
		"upstream sends 100, 103": {rawUpstream(sendContinue+sendEarlyHint, readBody, sendOK), []int{100, 103, 200}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := forwarding(t, config{}, tracer{}, tt.upstream)
			statuses, last := expect(t, p.serving(t))
			assert.ElementsMatch(t, tt.want, statuses, "103 may come second on a busy machine")
			assert.Empty(t, last.Header.Get("Link"), "the header of another status")
			assert.EqualValues(t, len(expectBody), p.records(1)[0].In)
		})
	}
}

func TestProxy_Expect100ContinueBodyNotRead(t *testing.T) {
	t.Parallel()
	t.Run("upstream closes", func(t *testing.T) {
		t.Parallel()
		p := forwarding(t, config{}, tracer{}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}))
		p.transport.ExpectContinueTimeout = time.Minute // or a busy machine reads the body
		statuses, _ := expect(t, p.serving(t))
		assert.Equal(t, []int{413}, statuses)
		assert.Zero(t, p.records(1)[0].In)
	})
	// The transport reads the body of an upstream that keeps the connection open, and may
	// do so before the final status is forwarded.
	t.Run("upstream does not close", func(t *testing.T) {
		t.Parallel()
		p := forwarding(t, config{}, tracer{}, rawUpstream(sendTooLarge, readBody))
		statuses, _ := expect(t, p.serving(t))
		if len(statuses) == 2 && statuses[0] == http.StatusContinue {
			statuses = statuses[1:]
		}
		assert.Equal(t, []int{413}, statuses)
	})
}

func TestProxy_Expect100ContinueKeepsHeaders(t *testing.T) {
	t.Parallel()
	p := forwarding(t, config{}, tracer{}, rawUpstream(sendContinue, readBody,
		"HTTP/1.1 200 OK\r\nX-Kind: whole\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 42\r\n\r\n"))
	_, last := expect(t, p.serving(t))
	body, err := io.ReadAll(last.Body)
	require.NoError(t, err)
	assert.Equal(t, "ok", string(body))
	assert.Equal(t, "whole", last.Header.Get("X-Kind"))
	assert.Equal(t, "42", last.Trailer.Get("X-Sum"))
}
