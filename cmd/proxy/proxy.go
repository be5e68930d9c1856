package main

import (
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/dialhttp"
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
	e := &exchange{decision: d, method: r.Method, began: time.Now()}
	e.request, _ = dialhttp.RequestFrom(r.Context())
	if d.Capture && p.captures != nil {
		e.in.keep, e.out.keep = p.captures.cfg.maxBody, p.captures.cfg.maxBody
	}
	ctx, end := p.tracer.begin(withExchange(r.Context(), e), r.Header, e)
	r = r.WithContext(ctx)
	// Deferred: a response that breaks off ends in a panic, with which the server closes the connection.
	defer func() {
		s := e.stages()
		rec := e.record(s)
		end(e, s)
		p.log.LogAttrs(ctx, slog.LevelInfo, "request", rec.attrs()...)
		if d.RingBuffer {
			p.ring.add(rec)
		}
		if d.Capture && p.captures != nil {
			p.captures.add(newCapture(rec, r, e))
		}
	}()
	p.forward.ServeHTTP(w, r)
}

func (p *proxy) rewrite(pr *httputil.ProxyRequest) {
	var path []string
	if p.tenantInPath {
		if rest, tenant := cutTenant(pr.Out.URL); tenant != "" {
			pr.Out.URL = rest
			path = []string{"tenant"}
		}
	}
	pr.SetURL(p.upstream)
	pr.SetXForwarded()
	if _, ok := pr.Out.Header["User-Agent"]; !ok {
		pr.Out.Header.Set("User-Agent", "") // none, rather than Go's
	}
	e := exchangeFrom(pr.In.Context())
	if e == nil {
		return
	}
	if e.decision.Level >= fleetdial.ShapeRewriteDiff {
		diff := diffHeaders(pr.In.Header, pr.Out.Header)
		added, removed := dialhttp.HeadersChanged(pr.In.Context())
		diff.Added, diff.Removed = known(append(diff.Added, added...)), known(append(diff.Removed, removed...))
		diff.Path = path
		e.changes = &diff
	}
	p.tracer.inject(pr.Out.Context(), pr.Out.Header)
	if pr.Out.Body != nil && pr.Out.Body != http.NoBody {
		pr.Out.Body = metered{pr.Out.Body, &e.in}
	}
}

func (p *proxy) modifyResponse(resp *http.Response) error {
	e := exchangeFrom(resp.Request.Context())
	if e == nil {
		return nil
	}
	e.status = resp.StatusCode
	if e.decision.Capture {
		e.header = resp.Header.Clone()
	}
	if _, upgraded := resp.Body.(io.Writer); !upgraded {
		resp.Body = metered{resp.Body, &e.out}
	}
	return nil
}

// answerFailure answers where the upstream does not. It says so in a word: the error may quote what the upstream sent.
func (p *proxy) answerFailure(w http.ResponseWriter, r *http.Request, err error) {
	failure := failureOf(err)
	if e := exchangeFrom(r.Context()); e != nil {
		e.status, e.failure = http.StatusBadGateway, failure
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadGateway)
	_, _ = io.WriteString(w, `{"error":"upstream_`+failure+`"}`+"\n")
}

func newDiscard() *log.Logger { return log.New(io.Discard, "", 0) }
