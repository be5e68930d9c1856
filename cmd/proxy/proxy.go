package main

import (
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/internal/classify"
	"github.com/fleetdial/fleetdial/fleethttp"
)

// proxy forwards requests, and records the requests that have a decision.
type proxy struct {
	upstream     *url.URL
	tenantInPath bool
	tenantHeader string   // empty if tenantInPath
	protected    []string // see protectedHeaders
	forward      http.Handler
	records      *slog.Logger
	ring         *ring
	captures     *capturer // nil if captures are disabled
	tracer       tracer
}

func newProxy(c config, transport http.RoundTripper, records *slog.Logger, captures *capturer, tracer tracer) *proxy {
	p := &proxy{
		upstream: c.upstreamURL, tenantInPath: c.tenantHeader == "", tenantHeader: c.tenantHeader,
		records: records, ring: newRing(c.ring), captures: captures, tracer: tracer,
	}
	p.protected = p.protectedHeaders()
	forward := continueOnce(&httputil.ReverseProxy{
		Rewrite: p.rewrite, ModifyResponse: p.modifyResponse, ErrorHandler: p.answerFailure, Transport: transport,
		// The log lines of ReverseProxy contain errors, which may quote the upstream.
		ErrorLog: log.New(io.Discard, "", 0),
	})
	p.forward = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Opaque != "" { // the target of GET name:value HTTP/1.1
			p.answerFailure(w, r, errTarget)
			return
		}
		if r.ContentLength != 0 && exchangeFrom(r.Context()) == nil {
			r = r.WithContext(r.Context()) // a copy: the server keeps its own request
			r.Body = requestBody{r.Body}
		}
		forward.ServeHTTP(w, r)
	})
	return p
}

// ServeHTTP forwards the request, and records it if the request has a decision.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d := fleetdial.DecisionFrom(r.Context())
	if d == (fleetdial.Decision{}) {
		p.forward.ServeHTTP(w, r)
		return
	}
	req, _ := fleethttp.RequestFrom(r.Context())
	e := newExchange(d, req, r.Method)
	captured := d.Capture && p.captures != nil
	if captured {
		e.in.keep, e.out.keep = p.captures.cfg.maxBody, p.captures.cfg.maxBody
	}
	ctx, end := p.tracer.begin(withExchange(r.Context(), e), r.Header, e)
	r = r.WithContext(ctx)
	if r.ContentLength != 0 {
		r.Body = metered{requestBody{r.Body}, &e.in, e.requestBodyFailed(ctx)}
	}
	completed := false
	// The record is deferred, because ReverseProxy panics on an incomplete response, so
	// that the server closes the connection.
	defer func() {
		if !completed {
			// If the upstream caused the panic, the failure is already recorded.
			e.fail(clientGone)
		}
		s := e.stages()
		rec := e.record(s)
		end(e, s)
		p.records.LogAttrs(ctx, slog.LevelInfo, "request recorded", rec.attrs()...)
		if d.RingBuffer {
			p.ring.add(rec)
		}
		if captured {
			p.captures.add(newCapture(rec, r, e))
		}
	}()
	p.forward.ServeHTTP(w, r)
	completed = true
}

// rewrite prepares the request for the upstream.
func (p *proxy) rewrite(pr *httputil.ProxyRequest) {
	path, tenantRemoved := pr.Out.URL, false
	if p.tenantInPath {
		if rest, tenant := classify.SplitTenant(path); tenant != "" {
			path, tenantRemoved = rest, true
		}
	}
	setTarget(pr, path, p.upstream)
	p.forwardTrailers(pr)
	p.keepProtected(pr)
	pr.SetXForwarded()
	e := exchangeFrom(pr.In.Context())
	if e == nil {
		return
	}
	p.tracer.inject(pr.Out.Context(), pr.Out.Header)
	if e.decision.Level >= fleetdial.ShapeRewriteDiff {
		e.changes = diff(pr)
		e.changes.Path = p.pathChanges(tenantRemoved)
	}
}

// pathChanges returns the names of the parts of the path that rewrite changed.
func (p *proxy) pathChanges(tenantRemoved bool) (parts []string) {
	if tenantRemoved {
		parts = append(parts, "tenant")
	}
	if strings.Trim(p.upstream.Path, "/") != "" {
		parts = append(parts, "prefix")
	}
	return parts
}

// modifyResponse records the start of the response.
func (p *proxy) modifyResponse(resp *http.Response) error {
	ctx := resp.Request.Context()
	e := exchangeFrom(ctx)
	if e == nil {
		return nil
	}
	e.gotResponse()
	e.status = resp.StatusCode
	if e.decision.Capture && p.captures != nil {
		e.header = redact(resp.Header)
	}
	if _, upgraded := resp.Body.(io.Writer); !upgraded {
		resp.Body = metered{resp.Body, &e.out, e.responseBodyFailed(ctx)}
	}
	return nil
}

// answerFailure responds if the upstream did not. The response contains the failure and
// not the error, because the error may quote the upstream.
func (p *proxy) answerFailure(w http.ResponseWriter, r *http.Request, err error) {
	failure := failureOf(r.Context(), err)
	e := exchangeFrom(r.Context())
	if e != nil {
		e.fail(failure)
		failure = e.failure() // the request body may have failed before
	}
	status, answer := statusOf(failure)
	if e != nil {
		e.status = status
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"error":"`+answer+`"}`+"\n")
}
