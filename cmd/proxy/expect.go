package main

import (
	"io"
	"maps"
	"net/http"
	"sync"
)

// continueOnce returns a handler that sends at most one 100 Continue to a client. next is
// a [httputil.ReverseProxy].
//
// ReverseProxy alone may send two. It forwards the 100 Continue of the upstream, and
// net/http's server sends another one when the body is read. The transport reads the body
// on a goroutine of its own: when the upstream has sent 100 Continue, which may not be
// forwarded yet, or when the upstream has not answered for ExpectContinueTimeout.
func continueOnce(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The server sends 100 Continue under the same condition.
		if r.Header.Get("Expect") == "" || r.ContentLength == 0 || !r.ProtoAtLeast(1, 1) {
			next.ServeHTTP(w, r)
			return
		}
		cw := &continueWriter{ResponseWriter: w, header: w.Header().Clone()}
		clear(w.Header())
		// The transport may read the body for longer than the handler runs.
		defer cw.endContinue()
		r = r.WithContext(r.Context()) // a copy: the server keeps its own request
		r.Body = continueBody{r.Body, cw}
		next.ServeHTTP(cw, r)
	})
}

// continueWriter is the response to a client that waits for 100 Continue. Two goroutines
// write to it until the final status is written: one forwards the responses of the
// upstream, the other reads the body.
type continueWriter struct {
	http.ResponseWriter
	// header replaces the header of ResponseWriter until the final status is written. The
	// goroutine that reads the body must not write a header that the other goroutine
	// changes.
	header http.Header

	mu sync.Mutex
	// done means that 100 Continue is sent, or must not be sent any more.
	done bool
}

func (w *continueWriter) Header() http.Header { return w.header }

// WriteHeader sends a status that the upstream has sent.
func (w *continueWriter) WriteHeader(code int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if code == http.StatusContinue && w.done {
		return
	}
	final := code >= http.StatusOK || code == http.StatusSwitchingProtocols
	w.done = w.done || final || code == http.StatusContinue
	header := w.ResponseWriter.Header()
	maps.Copy(header, w.header)
	w.ResponseWriter.WriteHeader(code)
	if final {
		w.header = header // which takes the trailers
		return
	}
	clear(header)
}

// sendContinue sends 100 Continue, because the body is to be read.
func (w *continueWriter) sendContinue() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.done {
		w.done = true
		w.ResponseWriter.WriteHeader(http.StatusContinue)
	}
}

func (w *continueWriter) endContinue() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = true
}

// Unwrap lets [http.ResponseController] flush and hijack.
func (w *continueWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// continueBody sends 100 Continue before it is read.
type continueBody struct {
	io.ReadCloser
	w *continueWriter
}

func (b continueBody) Read(p []byte) (int, error) {
	b.w.sendContinue()
	return b.ReadCloser.Read(p)
}
