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

// exchange is a recorded request and its response. The goroutines of the transport write
// to some fields, and may outlive the request. These fields are atomic or have a lock.
type exchange struct {
	decision fleetdial.Decision
	request  fleetdial.Request
	method   string
	began    time.Time

	status  int
	changes *rewrites
	header  http.Header // redacted response header, nil without a capture
	in, out meter

	failed       atomic.Pointer[string]
	wrote, first atomic.Int64 // nanoseconds since began, 0 before the event
}

// newExchange starts an exchange. It keeps only the fields of the request that are
// recorded.
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
		// An informational response resets first, because it is not the final response.
		// The transport does not report the first byte of the final response in this
		// case, so gotResponse sets first.
		Got1xxResponse: func(int, textproto.MIMEHeader) error {
			e.first.Store(0)
			return nil
		},
	})
}

// gotResponse records the start of the response, if the transport did not report it.
func (e *exchange) gotResponse() { e.first.CompareAndSwap(0, int64(time.Since(e.began))) }

// exchangeFrom returns the exchange of ctx, or nil if the request is not recorded.
func exchangeFrom(ctx context.Context) *exchange {
	e, _ := ctx.Value(exchangeKey{}).(*exchange)
	return e
}

// stages are the durations of the stages of an exchange. The stages add up to Total.
type stages struct {
	Request  time.Duration // until the whole request was sent, with its body
	Upstream time.Duration // until the first byte of the response
	Response time.Duration // until the end of the response
	Total    time.Duration
}

func (e *exchange) stages() stages {
	s := stages{Total: time.Since(e.began)}
	wrote, first := time.Duration(e.wrote.Load()), time.Duration(e.first.Load())
	if first == 0 { // no response
		s.Request, s.Upstream = wrote, s.Total-wrote
		return s
	}
	if wrote == 0 || wrote > first { // the response began before the request was sent
		wrote = first
	}
	s.Request, s.Upstream, s.Response = wrote, first-wrote, s.Total-first
	return s
}
