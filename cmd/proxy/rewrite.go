package main

import (
	"cmp"
	"net/http"
	"net/http/httputil"
	"slices"

	"github.com/fleetdial/fleetdial/fleethttp"
)

// rewrites are what the proxy changed of a request: names, never values.
type rewrites struct {
	Added   []string `json:"headers_added,omitempty"`
	Removed []string `json:"headers_removed,omitempty"`
	Changed []string `json:"headers_changed,omitempty"`
	// Path names the parts of the path that were changed.
	Path []string `json:"path,omitempty"`
}

// ownHeaders are those that the proxy adds or changes, or takes off because they concern one hop. Any other was named
// by the client, and its name may say anything.
var ownHeaders = []string{
	"Connection", "Forwarded", "Host", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "Te",
	"Traceparent", "Tracestate", "Trailer", "Transfer-Encoding", "Upgrade", "User-Agent", "X-Debug-Directive",
	"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Request-Id",
}

// diff returns what the proxy, and the middleware before it, changed of a request's headers.
func diff(pr *httputil.ProxyRequest) *rewrites {
	out := diffHeaders(pr.In.Header, pr.Out.Header)
	if cmp.Or(pr.Out.Host, pr.Out.URL.Host) != pr.In.Host { // which are no headers to net/http
		out.Changed = append(out.Changed, "Host")
	}
	added, removed := fleethttp.HeadersChanged(pr.In.Context())
	out.Added, out.Removed = append(out.Added, added...), append(out.Removed, removed...)
	for _, names := range []*[]string{&out.Added, &out.Removed, &out.Changed} {
		*names = known(*names)
	}
	return &out
}

// diffHeaders returns what was changed from one header to the other.
func diffHeaders(from, to http.Header) rewrites {
	var out rewrites
	for name, values := range from {
		switch after, kept := to[name]; {
		case !kept:
			out.Removed = append(out.Removed, name)
		case !slices.Equal(values, after):
			out.Changed = append(out.Changed, name)
		}
	}
	for name := range to {
		if _, had := from[name]; !had {
			out.Added = append(out.Added, name)
		}
	}
	return out
}

// known sorts the names, and replaces those that are not the proxy's own.
func known(names []string) []string {
	for i, name := range names {
		if !slices.Contains(ownHeaders, name) {
			names[i] = other
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
