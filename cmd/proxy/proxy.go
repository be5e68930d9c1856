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
	"github.com/fleetdial/fleetdial/fleethttp"
)

// proxy forwards requests, and records those that a decision concerns.
type proxy struct {
	upstream     *url.URL
	tenantInPath bool
	forward      *httputil.ReverseProxy
	log          *slog.Logger
	ring         *ring
	captures     *capturer // nil without captures
	tracer       tracer
}

func newProxy(c config, transport http.RoundTripper, log *slog.Logger, captures *capturer, tracer tracer) *proxy {
	p := &proxy{
		upstream: c.upstreamURL, tenantInPath: c.tenantHeader == "", log: log, ring: newRing(c.ring), captures: captures,
		tracer: tracer,
	}
	p.forward = &httputil.ReverseProxy{
		Rewrite: p.rewrite, ModifyResponse: p.modifyResponse, ErrorHandler: p.answerFailure, Transport: transport,
		// Its lines quote errors, which may quote what the upstream sent.
		ErrorLog: newDiscard(),
	}
	return p
}

// ServeHTTP forwards the request. What is not to be recorded takes the shortest way.
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
		r.Body = metered{r.Body, &e.in, e.requestBrokeOff}
	}
	whole := false
	// Deferred: a response that breaks off ends in a panic, with which the server closes the connection.
	defer func() {
		if !whole { // and if not for the upstream, then since nobody took it
			e.fail(clientGone)
		}
		s := e.stages()
		rec := e.record(s)
		end(e, s)
		p.log.LogAttrs(ctx, slog.LevelInfo, "request", rec.attrs()...)
		if d.RingBuffer {
			p.ring.add(rec)
		}
		if captured {
			p.captures.add(newCapture(rec, r, e))
		}
	}()
	p.forward.ServeHTTP(w, r)
	whole = true
}

func (p *proxy) rewrite(pr *httputil.ProxyRequest) {
	cutOff := false
	if p.tenantInPath {
		if rest, tenant := cutTenant(pr.Out.URL); tenant != "" {
			pr.Out.URL, cutOff = rest, true
		}
	}
	pr.Out.URL.RawQuery = pr.In.URL.RawQuery // ReverseProxy takes off what it cannot parse
	pr.Out.Trailer = pr.In.Trailer           // which has its values when the body is read
	pr.SetURL(p.upstream)
	pr.SetXForwarded()
	// Also where there is no key to check it with: whoever sees a token can use it.
	delete(pr.Out.Header, fleethttp.DirectiveHeader)
	e := exchangeFrom(pr.In.Context())
	if e == nil {
		return
	}
	p.tracer.inject(pr.Out.Context(), pr.Out.Header)
	if e.decision.Level >= fleetdial.ShapeRewriteDiff {
		e.changes = diff(pr)
		e.changes.Path = p.changedParts(cutOff)
	}
}

// changedParts names what becomes another in a path, from which the tenant may have been cut off.
func (p *proxy) changedParts(cutOff bool) (parts []string) {
	if cutOff {
		parts = append(parts, "tenant")
	}
	if strings.Trim(p.upstream.Path, "/") != "" {
		parts = append(parts, "prefix")
	}
	return parts
}

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
		resp.Body = metered{resp.Body, &e.out, e.responseBrokeOff(ctx)}
	}
	return nil
}

// answerFailure answers where the upstream does not. It says so in a word: the error may quote what the upstream sent.
func (p *proxy) answerFailure(w http.ResponseWriter, r *http.Request, err error) {
	failure, status := failureOf(r.Context(), err), http.StatusBadGateway
	e := exchangeFrom(r.Context())
	if e != nil {
		e.fail(failure)
		failure = e.failure() // of a request that broke off, its body knows
	}
	answer := "upstream_" + failure
	if failure == clientGone {
		answer, status = failure, statusClientGone
	}
	if e != nil {
		e.status = status
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"error":"`+answer+`"}`+"\n")
}

func newDiscard() *log.Logger { return log.New(io.Discard, "", 0) }
