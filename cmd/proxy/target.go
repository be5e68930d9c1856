package main

import (
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/fleetdial/fleetdial/fleethttp"
)

// asterisk is the request target of OPTIONS for a whole server.
const asterisk = "*"

// setTarget sets the URL of the upstream request. path is the URL of the client without
// the tenant. The upstream receives the path and the query of the client byte for byte,
// after the path of the upstream's URL.
//
// There are two exceptions. net/http cannot send a path unchanged that begins with // and
// has bytes that Go escapes, so that these bytes are escaped. A path with a space, which
// HTTP/1 does not allow, is escaped too.
func setTarget(pr *httputil.ProxyRequest, path, upstream *url.URL) {
	raw := fleethttp.RawPath(path)
	keepsBytes := raw == path.EscapedPath()
	pr.Out.URL = path
	pr.SetURL(upstream)
	pr.Out.URL.RawQuery = pr.In.URL.RawQuery // ReverseProxy removes parameters that it cannot parse
	if raw == asterisk {
		pr.Out.URL.Opaque = asterisk
		return
	}
	if keepsBytes {
		return
	}
	target := strings.TrimSuffix(upstream.EscapedPath(), "/") + "/" + strings.TrimPrefix(raw, "/")
	if strings.HasPrefix(target, "//") || strings.Contains(target, " ") {
		pr.Out.URL.RawPath = escapeInvalid(target)
		return
	}
	// net/http sends Opaque unchanged. It would escape RawPath.
	pr.Out.URL.Opaque = target
}

// escapeInvalid escapes the bytes of a path that url.URL.EscapedPath does not accept. It
// keeps the escapes that the path has.
func escapeInvalid(path string) string {
	var out strings.Builder
	for i := range len(path) {
		c := path[i : i+1]
		if strings.Contains("/%[]", c) {
			out.WriteString(c)
			continue
		}
		out.WriteString((&url.URL{Path: "/" + c}).EscapedPath()[1:])
	}
	return out.String()
}
