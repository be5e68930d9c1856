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

// classifier tells what directives can match of a request.
type classifier struct {
	tenantHeader string // empty takes the tenant from the path
}

func (c classifier) classify(r *http.Request) fleetdial.Request {
	u, tenant := r.URL, ""
	if c.tenantHeader != "" {
		if values := r.Header[c.tenantHeader]; len(values) == 1 {
			tenant = values[0] // of several, nobody can tell which one holds
		}
	} else {
		u, tenant = cutTenant(u)
	}
	endpoint, index := fleethttp.OpenSearch(r.Method, u)
	return fleetdial.Request{Tenant: tenant, Index: index, Principal: principal(r), Endpoint: endpoint}
}

// cutTenant returns the first part of a URL's path that is not empty, and the URL without it.
func cutTenant(u *url.URL) (rest *url.URL, tenant string) {
	escaped := strings.TrimLeft(u.EscapedPath(), "/")
	first, after, _ := strings.Cut(escaped, "/")
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

// principal returns who a request is from, as far as its credentials tell without being checked: the user of basic
// authentication, or of a bearer token "sha256:" and the first 16 hex digits of its digest, with which a directive can
// name it. It is never recorded.
func principal(r *http.Request) string {
	header := r.Header.Get("Authorization")
	scheme, token, _ := strings.Cut(header, " ")
	switch {
	case header == "":
	case strings.EqualFold(scheme, "Basic"):
		user, _, _ := r.BasicAuth()
		return user
	case strings.EqualFold(scheme, "Bearer"):
		sum := sha256.Sum256([]byte(token))
		return "sha256:" + hex.EncodeToString(sum[:8])
	}
	return ""
}
