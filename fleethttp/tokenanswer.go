package fleethttp

import (
	"bufio"
	"net"
	"net/http"
)

// tokenAnswer is the response to a request that bore a token: it says what became of that also if the handler clears the
// header after an informational response, as httputil.ReverseProxy does.
type tokenAnswer struct {
	http.ResponseWriter
	result string
	begun  bool // the final response has
}

var (
	_ http.Flusher  = (*tokenAnswer)(nil)
	_ http.Hijacker = (*tokenAnswer)(nil)
)

func newTokenAnswer(w http.ResponseWriter, result string) *tokenAnswer {
	w.Header().Set(DirectiveHeader, result) // for a handler that writes nothing
	return &tokenAnswer{ResponseWriter: w, result: result}
}

func (w *tokenAnswer) begin() {
	if !w.begun {
		w.begun = true
		w.Header().Set(DirectiveHeader, w.result)
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

// FlushError is what http.ResponseController flushes with.
func (w *tokenAnswer) FlushError() error {
	w.begin()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

func (w *tokenAnswer) Flush() { _ = w.FlushError() }

func (w *tokenAnswer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

// Unwrap lets http.ResponseController reach what the server's has besides.
func (w *tokenAnswer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
