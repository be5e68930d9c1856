package main

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
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
	changes *rewrites
	header  http.Header // of the response, redacted, if it is to be captured
	in, out meter

	failed       atomic.Pointer[string]
	wrote, first atomic.Int64 // since began, in ns; 0 for not yet
}

// newExchange begins an exchange, and keeps nothing of the request but what is recorded.
func newExchange(d fleetdial.Decision, req fleetdial.Request, method string) *exchange {
	return &exchange{decision: d, request: recordable(req), method: methodName(method), began: time.Now()}
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
		// What came was not the response, and the transport does not tell when that begins: gotResponse does.
		Got1xxResponse: func(int, textproto.MIMEHeader) error {
			e.first.Store(0)
			return nil
		},
	})
}

// gotResponse notes that the response has begun, if that is not known yet.
func (e *exchange) gotResponse() { e.first.CompareAndSwap(0, int64(time.Since(e.began))) }

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
