package main

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	redacted = "[redacted]"
	// maxPath bounds a path, a query and a header's value, each with "…" at its end if it was longer. OpenSearch takes 4 KiB
	// for all of a request's first line unless told otherwise (http.max_initial_line_length).
	maxPath = 4 << 10
	// maxHeaders bounds how many headers are captured, of those that net/http accepts: as many as fit into 1 MiB from a
	// client, 10 MiB from an upstream.
	maxHeaders = 200
)

// capture is the traffic of one request: what directives ask for by the name of capture, bodies and query included.
// Of headers it has the names, and the values of those that say nothing but how to read a body.
//
// In memory it takes at most twice the configured size of a body, and 200 KiB.
type capture struct {
	record
	Path           string      `json:"path"`
	Query          string      `json:"query,omitempty"`
	RequestHeader  http.Header `json:"request_header"`
	RequestBody    body        `json:"request_body"`
	ResponseHeader http.Header `json:"response_header,omitempty"`
	ResponseBody   body        `json:"response_body"`
}

// body is the beginning of one, as text if it is UTF-8.
type body struct {
	Text      string `json:"text,omitempty"`
	Base64    string `json:"base64,omitempty"`
	Truncated bool   `json:"truncated,omitempty"`
}

func newBody(m *meter) body {
	kept, whole := m.beginning()
	out := body{Truncated: !whole}
	if utf8.Valid(kept) {
		out.Text = string(kept)
	} else {
		out.Base64 = base64.StdEncoding.EncodeToString(kept)
	}
	return out
}

func newCapture(rec record, r *http.Request, e *exchange) capture {
	return capture{
		record: rec, Path: cut(r.URL.EscapedPath(), maxPath), Query: cut(r.URL.RawQuery, maxPath),
		RequestHeader: redact(r.Header), RequestBody: newBody(&e.in),
		ResponseHeader: e.header, ResponseBody: newBody(&e.out),
	}
}

// plainHeaders are those whose values are captured.
var plainHeaders = []string{
	"Accept", "Accept-Encoding", "Content-Encoding", "Content-Length", "Content-Type", "Date", "X-Request-Id",
}

// redact returns what is captured of a header, and shares no memory with it.
func redact(h http.Header) http.Header {
	out, hidden := make(http.Header), []string{redacted}
	for name, values := range h {
		switch {
		case slices.Contains(plainHeaders, name):
			out[name] = []string{cut(strings.Join(values, ", "), maxPath)}
		case len(out) < maxHeaders:
			out[cut(name, maxName)] = hidden
		default:
			out["…"] = hidden // there are more
		}
	}
	return out
}
