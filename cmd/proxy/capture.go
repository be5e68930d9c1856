package main

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/fleetdial/fleetdial/fleethttp"
)

const (
	redacted = "[redacted]"
	// maxPath is the maximum length, in bytes, of a captured path, query or header value.
	// A longer text is truncated, and ends with "…". By default, OpenSearch accepts at
	// most 4 KiB for the whole request line (http.max_initial_line_length).
	maxPath = 4 << 10
	// maxHeaders is the maximum number of captured headers. A limit is necessary, because
	// net/http accepts as many headers as fit into 1 MiB from a client, and into 10 MiB
	// from an upstream.
	maxHeaders = 200
)

// capture is the captured traffic of one request, with path, query and bodies. It has the
// names of all headers, and only the values of the headers in plainHeaders.
//
// A capture takes at most twice the configured size of a body plus 200 KiB of memory.
type capture struct {
	record
	Path           string      `json:"path"`
	Query          string      `json:"query,omitempty"`
	RequestHeader  http.Header `json:"request_header"`
	RequestBody    body        `json:"request_body"`
	ResponseHeader http.Header `json:"response_header,omitempty"`
	ResponseBody   body        `json:"response_body"`
}

// body is the first part of a request or response body, as text if it is valid UTF-8.
type body struct {
	Text      string `json:"text,omitempty"`
	Base64    string `json:"base64,omitempty"`
	Truncated bool   `json:"truncated,omitempty"`
}

func newBody(m *meter) body {
	kept, complete := m.start()
	out := body{Truncated: !complete}
	if utf8.Valid(kept) {
		out.Text = string(kept)
	} else {
		out.Base64 = base64.StdEncoding.EncodeToString(kept)
	}
	return out
}

func newCapture(rec record, r *http.Request, e *exchange) capture {
	return capture{
		record: rec, Path: truncate(fleethttp.RawPath(r.URL), maxPath), Query: truncate(r.URL.RawQuery, maxPath),
		RequestHeader: redact(r.Header), RequestBody: newBody(&e.in),
		ResponseHeader: e.header, ResponseBody: newBody(&e.out),
	}
}

// plainHeaders are the headers whose values are captured. Their values hold no secrets,
// and help to read a body.
var plainHeaders = []string{
	"Accept", "Accept-Encoding", "Content-Encoding", "Content-Length", "Content-Type", "Date", "X-Request-Id",
}

// redact returns the captured form of a header. The result shares no memory with h.
func redact(h http.Header) http.Header {
	out, hidden := make(http.Header), []string{redacted}
	for name, values := range h {
		switch {
		case slices.Contains(plainHeaders, name):
			out[name] = []string{truncate(strings.Join(values, ", "), maxPath)}
		case len(out) < maxHeaders:
			out[truncate(name, maxName)] = hidden
		default:
			out["…"] = hidden // stands for all further headers
		}
	}
	return out
}
