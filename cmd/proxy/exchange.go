package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fleetdial/fleetdial"
)

// exchange is one request on which something is to be recorded, with its response. Its parts are filled in by the
// goroutines of the transport, which may outlive the request.
type exchange struct {
	decision fleetdial.Decision
	request  fleetdial.Request
	method   string
	began    time.Time

	status  int
	failure string
	changes *rewrites
	in, out meter

	wrote, first atomic.Int64 // since began, in ns; 0 for not yet
	header       http.Header  // of the response, if it is to be captured
}

type exchangeKey struct{}

func withExchange(ctx context.Context, e *exchange) context.Context {
	ctx = context.WithValue(ctx, exchangeKey{}, e)
	if e.decision.Level < fleetdial.ShapeTiming {
		return ctx
	}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest:         func(httptrace.WroteRequestInfo) { e.wrote.Store(int64(time.Since(e.began))) },
		GotFirstResponseByte: func() { e.first.Store(int64(time.Since(e.began))) },
	})
}

// exchangeFrom returns nil for a request of which nothing is recorded.
func exchangeFrom(ctx context.Context) *exchange {
	e, _ := ctx.Value(exchangeKey{}).(*exchange)
	return e
}

// stages are how long the parts of an exchange took. They add up to the total.
type stages struct {
	Request  time.Duration // until the request was sent, its body included
	Upstream time.Duration // until the first byte of the response
	Response time.Duration // until its end
	Total    time.Duration
}

func (e *exchange) stages() stages {
	s := stages{Total: time.Since(e.began)}
	wrote, first := time.Duration(e.wrote.Load()), time.Duration(e.first.Load())
	if first == 0 { // no answer
		s.Request, s.Upstream = wrote, s.Total-wrote
		return s
	}
	if wrote == 0 || wrote > first { // answered before all of it was sent
		wrote = first
	}
	s.Request, s.Upstream, s.Response = wrote, first-wrote, s.Total-first
	return s
}

// record is what is kept of an exchange: ids, names, sizes, a status and times. It holds no value of a document, a query,
// a header or a credential, and not the principal.
type record struct {
	Time      time.Time `json:"time"`
	RequestID string    `json:"request_id"`
	Directive string    `json:"directive,omitempty"`
	Level     string    `json:"level"`
	Method    string    `json:"method"`
	Endpoint  string    `json:"endpoint"`
	Tenant    string    `json:"tenant,omitempty"`
	Index     string    `json:"index,omitempty"`
	Status    int       `json:"status"`
	Failure   string    `json:"failure,omitempty"`
	In        int64     `json:"request_bytes"`
	Out       int64     `json:"response_bytes"`
	Timing    *timing   `json:"timing,omitempty"`
	Rewrites  *rewrites `json:"rewrites,omitempty"`
}

// timing is stages in microseconds.
type timing struct {
	Request  int64 `json:"request_us"`
	Upstream int64 `json:"upstream_us"`
	Response int64 `json:"response_us"`
	Total    int64 `json:"total_us"`
}

// knownMethods are recorded by name; any other might say anything.
var knownMethods = map[string]bool{
	http.MethodGet: true, http.MethodHead: true, http.MethodPost: true, http.MethodPut: true, http.MethodPatch: true,
	http.MethodDelete: true, http.MethodOptions: true,
}

func (e *exchange) record(s stages) record {
	out := record{
		Time: e.began.UTC(), RequestID: e.request.ID, Directive: e.decision.By, Level: e.decision.Level.String(),
		Method: e.method, Endpoint: e.request.Endpoint.String(), Tenant: e.request.Tenant, Index: e.request.Index,
		Status: e.status, Failure: e.failure, In: e.in.size(), Out: e.out.size(),
	}
	if !knownMethods[out.Method] {
		out.Method = "other"
	}
	if e.decision.Level >= fleetdial.ShapeTiming {
		out.Timing = &timing{
			s.Request.Microseconds(), s.Upstream.Microseconds(), s.Response.Microseconds(), s.Total.Microseconds(),
		}
	}
	if e.decision.Level >= fleetdial.ShapeRewriteDiff {
		out.Rewrites = e.changes
	}
	return out
}

// attrs are the record's for a log line.
func (r record) attrs() []slog.Attr {
	out := []slog.Attr{
		slog.String("request_id", r.RequestID), slog.String("decided", r.Level), slog.String("method", r.Method),
		slog.String("endpoint", r.Endpoint), slog.String("tenant", r.Tenant), slog.String("index", r.Index),
		slog.Int("status", r.Status), slog.Int64("request_bytes", r.In), slog.Int64("response_bytes", r.Out),
	}
	if r.Failure != "" {
		out = append(out, slog.String("failure", r.Failure))
	}
	if r.Timing != nil {
		out = append(out, slog.Any("timing", r.Timing))
	}
	if r.Rewrites != nil {
		out = append(out, slog.Any("rewrites", r.Rewrites))
	}
	return out
}

// failureOf names the kind of an error. Its text may quote what the upstream sent.
func failureOf(err error) string {
	var timeout interface{ Timeout() bool }
	var network *net.OpError
	switch {
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case errors.As(err, &network) && network.Op == "dial":
		return "unreachable"
	}
	return "failed"
}

// meter counts what is read of a body, and keeps its beginning if it is told to.
type meter struct {
	mu   sync.Mutex
	n    int64
	keep int
	kept []byte
}

func (m *meter) size() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.n
}

// beginning returns what was kept, and whether that is all.
func (m *meter) beginning() ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]byte(nil), m.kept...), m.n == int64(len(m.kept))
}

// metered is a body that a meter reads along.
type metered struct {
	io.ReadCloser
	m *meter
}

func (b metered) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.m.mu.Lock()
	defer b.m.mu.Unlock()
	b.m.n += int64(n)
	if room := b.m.keep - len(b.m.kept); room > 0 {
		b.m.kept = append(b.m.kept, p[:min(n, room)]...)
	}
	return n, err
}
