package main

import (
	"cmp"
	"net/http"
	"net/http/httputil"
	"slices"

	"github.com/fleetdial/fleetdial/fleethttp"
)

// rewrites lists the changes that the proxy made to a request. It has names, never
// values.
type rewrites struct {
	Added   []string `json:"headers_added,omitempty"`
	Removed []string `json:"headers_removed,omitempty"`
	Changed []string `json:"headers_changed,omitempty"`
	// Path has the names of the changed parts of the path: "tenant" or "prefix".
	Path []string `json:"path,omitempty"`
}

// ownHeaders are the headers that the proxy adds, changes or removes. The name of any
// other header comes from the client, and can contain any text.
var ownHeaders = []string{
	"Connection", "Forwarded", "Host", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "Te",
	"Traceparent", "Tracestate", "Trailer", "Transfer-Encoding", "Upgrade", "User-Agent", "X-Debug-Directive",
	"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Request-Id",
}

// diff returns the headers of a request that the proxy and its middleware changed.
func diff(pr *httputil.ProxyRequest) *rewrites {
	out := diffHeaders(pr.In.Header, pr.Out.Header)
	if cmp.Or(pr.Out.Host, pr.Out.URL.Host) != pr.In.Host { // net/http keeps Host outside of Header
		out.Changed = append(out.Changed, "Host")
	}
	added, removed := fleethttp.HeadersChanged(pr.In.Context())
	out.Added, out.Removed = append(out.Added, added...), append(out.Removed, removed...)
	for _, names := range []*[]string{&out.Added, &out.Removed, &out.Changed} {
		*names = knownNames(*names)
	}
	return &out
}

// diffHeaders returns the differences between two headers.
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

// knownNames returns the names sorted and without duplicates. It replaces each name that
// is not in ownHeaders by other.
func knownNames(names []string) []string {
	for i, name := range names {
		if !slices.Contains(ownHeaders, name) {
			names[i] = other
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
