package fleethttp

import (
	"bufio"
	"net"
	"net/http"
)

// tokenAnswer is the response to a request with a token. It sets the result header again
// when the final response begins, because the handler may clear the header after an
// informational response, as httputil.ReverseProxy does. It also removes the result
// header from the trailers that the handler has declared.
type tokenAnswer struct {
	http.ResponseWriter
	result string
	begun  bool // whether the final response has begun
}

var (
	_ http.Flusher  = (*tokenAnswer)(nil)
	_ http.Hijacker = (*tokenAnswer)(nil)
)

func newTokenAnswer(w http.ResponseWriter, result string) *tokenAnswer {
	w.Header().Set(DirectiveHeader, result) // for a handler that writes no response
	return &tokenAnswer{ResponseWriter: w, result: result}
}

func (w *tokenAnswer) begin() {
	if !w.begun {
		w.begun = true
		w.Header().Set(DirectiveHeader, w.result)
		removeOption(w.Header(), "Trailer", DirectiveHeader)
	}
}

func (w *tokenAnswer) WriteHeader(code int) {
	if code >= http.StatusOK || code == http.StatusSwitchingProtocols {
		w.begin()
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *tokenAnswer) Write(p []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(p)
}

// FlushError is the method that [http.ResponseController] flushes with.
func (w *tokenAnswer) FlushError() error {
	w.begin()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

func (w *tokenAnswer) Flush() { _ = w.FlushError() }

func (w *tokenAnswer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

// Unwrap gives [http.ResponseController] access to the other methods of the server's
// ResponseWriter.
func (w *tokenAnswer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
