package main

import (
	"context"
	"errors"
	"net"
	"net/http"
)

// The recorded failures of an exchange. The proxy records one of these words instead of
// the error, because the text of an error may quote bytes from the upstream.
const (
	// clientGone: the client disconnected before the end of the response, or its request
	// body was incomplete or malformed, or the proxy shut down before the exchange
	// finished.
	clientGone = "client_gone"
	// brokeOff: the response of the upstream was incomplete. The recorded status is the
	// status of this response.
	brokeOff = "upstream_broke_off"
	// unreachable: the proxy could not connect to the upstream.
	unreachable = "unreachable"
	// timedOut: the upstream did not send a response in time.
	timedOut = "timeout"
	// failed: the upstream closed the connection, or sent an invalid response.
	failed = "failed"
)

// statusClientGone is the recorded status if the client disconnected before there was a
// response. It is the status "client closed request" of nginx. A 502 would blame the
// upstream.
const statusClientGone = 499

// failureOf returns the failure for an error of the transport. ctx is the context of the
// request. failureOf never returns brokeOff, because the request has no response.
func failureOf(ctx context.Context, err error) string {
	var timeout interface{ Timeout() bool }
	var network *net.OpError
	switch {
	case ctx.Err() != nil:
		return clientGone
	case errors.As(err, &timeout) && timeout.Timeout():
		return timedOut
	case errors.As(err, &network) && network.Op == "dial":
		return unreachable
	}
	return failed
}

// fail records a failure. Only the first failure counts, because it causes the others.
func (e *exchange) fail(word string) { e.failed.CompareAndSwap(nil, &word) }

// failure returns the first failure, or "" if the exchange has not failed.
func (e *exchange) failure() string {
	if word := e.failed.Load(); word != nil {
		return *word
	}
	return ""
}

// requestBodyFailed records the failure of a read error of the request body.
func (e *exchange) requestBodyFailed(err error) {
	// The server closes the body if the upstream responded before reading all of it.
	if !errors.Is(err, http.ErrBodyReadAfterClose) {
		e.fail(clientGone)
	}
}

// responseBodyFailed returns a function that records the failure of a read error of the
// response body. ctx is the context of the request.
func (e *exchange) responseBodyFailed(ctx context.Context) func(error) {
	return func(error) {
		if ctx.Err() != nil {
			e.fail(clientGone)
			return
		}
		e.fail(brokeOff)
	}
}
