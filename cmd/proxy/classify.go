package main

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/fleethttp"
)

// classifier finds the fields of a request that directives match.
type classifier struct {
	tenantHeader string // if empty, the tenant is the first path segment
}

func (c classifier) classify(r *http.Request) fleetdial.Request {
	u, tenant := r.URL, ""
	if c.tenantHeader != "" {
		if values := r.Header[c.tenantHeader]; len(values) == 1 {
			tenant = values[0] // a request with several tenants has no tenant
		}
	} else {
		u, tenant = splitTenant(u)
	}
	endpoint, index := fleethttp.OpenSearch(r.Method, u)
	return fleetdial.Request{Tenant: tenant, Index: index, Principal: principal(r), Endpoint: endpoint}
}

// splitTenant returns the first non-empty segment of the path, and the URL without this
// segment. If the path is not validly escaped, or is not a path but an asterisk,
// splitTenant returns u and no tenant.
func splitTenant(u *url.URL) (rest *url.URL, tenant string) {
	raw := fleethttp.RawPath(u)
	if !strings.HasPrefix(raw, "/") {
		return u, ""
	}
	first, after, _ := strings.Cut(strings.TrimLeft(raw, "/"), "/")
	tenant, err := url.PathUnescape(first)
	if err != nil {
		return u, ""
	}
	path, err := url.PathUnescape("/" + after)
	if err != nil {
		return u, ""
	}
	out := *u
	out.Path, out.RawPath = path, "/"+after
	return &out, tenant
}

// principal returns the principal in the credentials of a request. For basic
// authentication, the principal is the user. For a bearer token, the principal is
// "sha256:" and the first 16 hex digits of the token's digest, so that a directive can
// match the token without containing it. A request with several Authorization headers has
// no principal. The proxy does not verify the credentials, and never records the
// principal.
func principal(r *http.Request) string {
	values := r.Header["Authorization"]
	if len(values) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	switch {
	case strings.EqualFold(scheme, "Basic"):
		user, _, _ := r.BasicAuth()
		return user
	case strings.EqualFold(scheme, "Bearer"):
		sum := sha256.Sum256([]byte(token))
		return "sha256:" + hex.EncodeToString(sum[:8])
	}
	return ""
}
