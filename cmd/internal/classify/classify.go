// Package classify finds the fields of a request that directives match, as cmd/proxy does.
package classify

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/fleethttp"
)

// DefaultTenant is the default source of a request's tenant.
const DefaultTenant = "header:X-Tenant"

// Classifier finds the fields of a request that directives match.
type Classifier struct {
	// TenantHeader is the header with the tenant. If it is empty, the tenant is the first
	// path segment.
	TenantHeader string
}

// New returns a Classifier for a source of the tenant: header:NAME or path.
func New(tenant string) (Classifier, error) {
	kind, name, _ := strings.Cut(tenant, ":")
	switch {
	case kind == "header" && name != "":
		return Classifier{http.CanonicalHeaderKey(name)}, nil
	case tenant == "path":
		return Classifier{}, nil
	}
	return Classifier{}, errors.New("must be header:NAME or path")
}

// Request returns the fields of a request, except its id.
func (c Classifier) Request(r *http.Request) fleetdial.Request {
	u, tenant := r.URL, ""
	if c.TenantHeader != "" {
		if values := r.Header[c.TenantHeader]; len(values) == 1 {
			tenant = values[0] // a request with several tenants has no tenant
		}
	} else {
		u, tenant = SplitTenant(u)
	}
	endpoint, index := fleethttp.OpenSearch(r.Method, u)
	return fleetdial.Request{Tenant: tenant, Index: index, Principal: principal(r), Endpoint: endpoint}
}

// SplitTenant returns the first non-empty segment of the path, and the URL without this
// segment. If the path is not validly escaped, or is not a path but an asterisk,
// SplitTenant returns u and no tenant.
func SplitTenant(u *url.URL) (rest *url.URL, tenant string) {
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
