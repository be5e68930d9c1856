package main

import (
	"io"
	"net/http"
	"net/http/httputil"
	"slices"

	"github.com/fleetdial/fleetdial/fleethttp"
)

// protectedHeaders are the headers by which the proxy decides, or which it adds. A client
// cannot remove them with the Connection header, and cannot send them as trailers.
func (p *proxy) protectedHeaders() []string {
	names := []string{fleethttp.DirectiveHeader, fleethttp.RequestIDHeader, "Authorization", "Traceparent", "Tracestate"}
	if !p.tenantInPath {
		names = append(names, p.tenantHeader)
	}
	return names
}

// keepProtected restores the protected headers that ReverseProxy removed because the
// Connection header names them.
func (p *proxy) keepProtected(pr *httputil.ProxyRequest) {
	for _, name := range p.protected {
		if values := pr.In.Header[name]; values != nil {
			pr.Out.Header[name] = values
		}
	}
	// The proxy removes the token even if it has no token key, because anyone who sees a
	// token can use it.
	delete(pr.Out.Header, fleethttp.DirectiveHeader)
}

// neverTrailers are further headers that are not forwarded as trailers, because they
// describe the connection or the message (RFC 9110, section 6.5.1).
var neverTrailers = []string{
	"Connection", "Content-Encoding", "Content-Length", "Content-Range", "Content-Type", "Forwarded", "Host", "Keep-Alive",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
}

// forwardTrailers forwards the trailers that the client has declared, except the
// protected headers. The trailers have their values at the end of the body.
func (p *proxy) forwardTrailers(pr *httputil.ProxyRequest) {
	pr.Out.Trailer = nil
	if pr.Out.Body == nil {
		return
	}
	for name := range pr.In.Trailer {
		if slices.Contains(p.protected, name) || slices.Contains(neverTrailers, name) {
			continue
		}
		if pr.Out.Trailer == nil {
			pr.Out.Trailer = make(http.Header)
		}
		pr.Out.Trailer[name] = nil
	}
	if pr.Out.Trailer != nil {
		pr.Out.Body = trailerBody{pr.Out.Body, pr.In.Trailer, pr.Out.Trailer}
	}
}

// trailerBody is a request body that copies trailers at its end. The server sets the
// values of from, and the transport sends to, on the goroutine that reads the body.
type trailerBody struct {
	io.ReadCloser
	from, to http.Header
}

func (b trailerBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		for name := range b.to {
			b.to[name] = b.from[name]
		}
	}
	return n, err
}
