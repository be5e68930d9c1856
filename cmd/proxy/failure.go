package main

import (
	"context"
	"errors"
	"net"
	"net/http"
)

// The words for what goes wrong with an exchange. Errors are not recorded: their text may quote what the upstream sent.
const (
	// clientGone: the client went away before it had the response, or its request broke off; or the proxy was ended, and
	// did not wait for them.
	clientGone = "client_gone"
	// brokeOff: the response of the upstream ended before it was whole. The status is that with which it had begun.
	brokeOff = "upstream_broke_off"
	// unreachable: no connection to the upstream could be made.
	unreachable = "unreachable"
	// timedOut: the upstream did not get as far as a response in time.
	timedOut = "timeout"
	// failed: the upstream closed the connection, or what it sent is no response.
	failed = "failed"
)

// statusClientGone is what is recorded where there was no response when the client went away: nginx' "client closed
// request". Of the upstream it says nothing, as a 502 would.
const statusClientGone = 499

// failureOf returns the word for an error with which there is no response to a request with that context: one of those
// above but brokeOff.
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

// fail notes the word for what went wrong, if nothing has before: what comes after follows from it.
func (e *exchange) fail(word string) { e.failed.CompareAndSwap(nil, &word) }

// failure returns what went wrong first, empty for nothing.
func (e *exchange) failure() string {
	if word := e.failed.Load(); word != nil {
		return *word
	}
	return ""
}

// requestBrokeOff is told of what a request's body ends with, if that is not its end.
func (e *exchange) requestBrokeOff(err error) {
	// The server closes a body that the upstream did not wait for.
	if !errors.Is(err, http.ErrBodyReadAfterClose) {
		e.fail(clientGone)
	}
}

// responseBrokeOff returns what is told of what the body of a response ends with, if that is not its end.
func (e *exchange) responseBrokeOff(ctx context.Context) func(error) {
	return func(error) {
		if ctx.Err() != nil {
			e.fail(clientGone)
			return
		}
		e.fail(brokeOff)
	}
}
