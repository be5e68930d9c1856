package main

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/internal/classify"
	"github.com/fleetdial/fleetdial/fleethttp"
	"github.com/fleetdial/fleetdial/internal/plain"
)

// requestFlags describe one request: by the fields that directives match, or as the proxy
// gets it.
type requestFlags struct {
	tenant, index, principal, endpoint, id string

	method, path, tenantFrom string
	headers                  []string
}

func (f *requestFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.tenant, "tenant", "", "tenant of the request")
	flags.StringVar(&f.index, "index", "", "index of the request")
	flags.StringVar(&f.principal, "principal", "", "principal of the request")
	flags.StringVar(&f.endpoint, "endpoint", "", "endpoint of the request, such as Search (default Unknown)")
	flags.StringVar(&f.id, "request-id", "", "id of the request, which decides whether a sample contains the request")
	flags.StringVar(&f.method, "method", http.MethodGet, "method of the request, with --path")
	flags.StringVar(&f.path, "path", "", "path of the request, such as /orders/_search")
	flags.StringArrayVar(&f.headers, "header", nil, `header "NAME: VALUE" of the request; repeatable`)
	flags.StringVar(&f.tenantFrom, "tenant-from", classify.DefaultTenant,
		"source of the tenant: header:NAME or path, as --tenant of the proxy")
	completeWith(cmd, "endpoint", endpointNames()...)
	completeWith(cmd, "method", http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodHead)
}

// request returns the fields of the request that the flags describe.
func (f *requestFlags) request(changed func(flag string) bool) (req fleetdial.Request, err error) {
	req.Endpoint = fleetdial.Unknown
	if changed("path") || changed("header") {
		if req, err = f.classified(changed); err != nil {
			return req, err
		}
	} else if changed("method") || changed("tenant-from") {
		return req, usagef("--method and --tenant-from: require --path or --header")
	}
	for _, field := range []struct {
		flag, value string
		to          *string
	}{
		{"tenant", f.tenant, &req.Tenant},
		{"index", f.index, &req.Index},
		{"principal", f.principal, &req.Principal},
		{"request-id", f.id, &req.ID},
	} {
		if field.value == "" {
			continue
		}
		if *field.to != "" {
			return req, usagef("--%s: --path or --header already gives %s", field.flag, plain.Printable(*field.to))
		}
		*field.to = field.value
	}
	if f.endpoint == "" {
		return req, nil
	}
	if changed("path") {
		return req, usagef("--endpoint: --path already gives %s", req.Endpoint)
	}
	if req.Endpoint, err = fleetdial.ParseEndpoint(f.endpoint); err != nil {
		return req, usagef("--endpoint %s: %w%s", plain.Printable(f.endpoint), err, didYouMean("", f.endpoint, endpointNames()))
	}
	return req, nil
}

// classified returns the fields that the proxy finds in the request.
func (f *requestFlags) classified(changed func(flag string) bool) (req fleetdial.Request, err error) {
	from, err := classify.New(f.tenantFrom)
	if err != nil {
		return req, usagef("--tenant-from %s: %w", plain.Printable(f.tenantFrom), err)
	}
	r := &http.Request{Method: f.method, URL: &url.URL{Path: "/"}, Header: make(http.Header)}
	if changed("path") {
		if !strings.HasPrefix(f.path, "/") {
			return req, usagef("--path %s: must begin with a slash", plain.Printable(f.path))
		}
		if r.URL, err = url.ParseRequestURI(f.path); err != nil {
			return req, usagef("--path %s: must be a valid path of a URL", plain.Printable(f.path))
		}
	}
	for _, header := range f.headers {
		name, value, ok := strings.Cut(header, ":")
		if !ok || strings.TrimSpace(name) != name || name == "" {
			// The value may be a secret.
			return req, usagef(`--header: must be "NAME: VALUE", such as "X-Tenant: acme"`)
		}
		r.Header.Add(name, strings.TrimSpace(value))
	}
	req = from.Request(r)
	if !changed("path") {
		req.Endpoint, req.Index = fleetdial.Unknown, ""
	}
	req.ID, _ = fleethttp.RequestID(r.Header)
	return req, nil
}
