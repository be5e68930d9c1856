package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/fleetdial/fleetdial/testutil"
)

func TestHealthcheck_RunningProxy(t *testing.T) {
	t.Parallel()
	p := startProxy(t, http.NotFoundHandler())
	check := func(url string) (code int, stderr string) {
		var out, errs testutil.Buffer
		code = run(t.Context(), []string{"--healthcheck", url}, &out, &errs, func(string) string { return "" })
		assert.Empty(t, out.String())
		return code, errs.String()
	}
	code, stderr := check(p.admin + "/healthz")
	assert.Zero(t, code, stderr)
	code, stderr = check(p.admin + "/nothing")
	assert.Equal(t, 1, code)
	assert.Equal(t, "proxy: --healthcheck: 404 Not Found (200 is accepted)\n", stderr)
	p.stop()
	code, stderr = check(p.admin + "/healthz")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "connection refused")

	tls := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(tls.Close)
	code, stderr = check(tls.URL + "/healthz")
	assert.Zero(t, code, stderr)
	for _, url := range []string{"127.0.0.1:8081", "/healthz", "ftp://127.0.0.1", "http://"} {
		code, stderr = check(url)
		assert.Equal(t, 2, code, url)
		assert.Contains(t, stderr, "--healthcheck: must be an http or https URL", url)
	}
}
