package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
)

// The recorded failures of an exchange. The proxy records one of these words instead of
// the error, because the text of an error may quote bytes from the upstream.
const (
	// clientGone: the client disconnected before the end of the response, or its request
	// body was incomplete, or the proxy shut down before the exchange finished.
	clientGone = "client_gone"
	// malformed: the client sent a malformed request body, or a request target that is not
	// a path.
	malformed = "malformed_request"
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
	switch request, isRequest := errors.AsType[*requestError](err); {
	case ctx.Err() != nil:
		return clientGone
	case isRequest:
		return request.word()
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

// statusOf returns the status of the response for a failure without a response of the
// upstream, and the word in the body of this response.
func statusOf(failure string) (status int, answer string) {
	switch failure {
	case clientGone:
		return statusClientGone, failure
	case malformed:
		return http.StatusBadRequest, failure
	}
	return http.StatusBadGateway, "upstream_" + failure
}

// requestError is an error in a request: a read error of its body, or errTarget.
type requestError struct{ error }

var errTarget = &requestError{errors.New("the request target must be a path")}

func (e *requestError) Unwrap() error { return e.error }

// word returns clientGone if the connection of the client failed, and malformed
// otherwise. It returns "" if the server closed the body, because the upstream responded
// before reading all of it.
func (e *requestError) word() string {
	var network net.Error
	switch {
	case errors.Is(e.error, http.ErrBodyReadAfterClose):
		return ""
	case errors.Is(e.error, io.ErrUnexpectedEOF), errors.As(e.error, &network), errors.Is(e.error, net.ErrClosed),
		e.Error() == eofInTrailer:
		return clientGone
	}
	return malformed
}

// eofInTrailer is the text of an error of net/http, which has no variable for it.
const eofInTrailer = "http: unexpected EOF reading trailer"

// requestBody is the body of a request. It marks read errors, because a transport returns
// them among its own.
type requestBody struct{ io.ReadCloser }

func (b requestBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = &requestError{err}
	}
	return n, err
}

// requestBodyFailed returns a function that records the failure of a read error of the
// request body. ctx is the context of the request.
func (e *exchange) requestBodyFailed(ctx context.Context) func(error) {
	return func(err error) {
		word := clientGone
		if request, ok := errors.AsType[*requestError](err); ok && ctx.Err() == nil {
			word = request.word()
		}
		if word != "" {
			e.fail(word)
		}
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
