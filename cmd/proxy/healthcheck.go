package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// healthTimeout is how long a proxy may take to answer a health check.
const healthTimeout = 5 * time.Second

// checkHealth reports as an error that the proxy whose /healthz has this URL does not answer
// with 200. It serves images without a shell, in which no other program can ask. It does not
// verify the certificate, because it sends no secret and a proxy's certificate does not name
// the loopback address.
func checkHealth(ctx context.Context, healthz string) error {
	u, err := url.Parse(healthz)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return usagef("--healthcheck: must be an http or https URL (such as http://127.0.0.1:8081/healthz)")
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	request := (&http.Request{Method: http.MethodGet, URL: u, Header: http.Header{}, Body: http.NoBody}).WithContext(ctx)
	// The transport has no proxy: a check asks the address that it was given.
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // see above
	response, err := transport.RoundTrip(request)
	if err != nil {
		return fmt.Errorf("--healthcheck: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("--healthcheck: %s (200 is accepted)", response.Status)
	}
	return nil
}
