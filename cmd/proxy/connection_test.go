package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/testutil"
)

func TestProxy_RedisTLS(t *testing.T) {
	t.Parallel()
	certs := testutil.NewCertificates(t)
	server := testutil.StartRedisTLS(t, certs)
	p := startProxy(t, http.NotFoundHandler(), "--redis-url", "rediss://"+server.TLSAddr(),
		"--redis-tls-ca", certs.CA, "--redis-tls-cert", certs.ClientCert, "--redis-tls-key", certs.ClientKey)
	var err error
	p.pub, err = fleetdial.NewPublisher(server.Client(t), fleetdial.PublisherConfig{})
	require.NoError(t, err)
	p.apply(fleetdial.Directive{ID: "a", Level: fleetdial.Shape})
}

func TestProxy_RedisTLSVariables(t *testing.T) {
	t.Parallel()
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for variable, want := range map[string]string{
		"FLEETDIAL_TLS_CA":   "--redis-tls-ca: open /nowhere",
		"FLEETDIAL_TLS_CERT": "--redis-tls-cert and --redis-tls-key: must be set together",
		"FLEETDIAL_TLS_KEY":  "--redis-tls-cert and --redis-tls-key: must be set together",
	} {
		var stderr bytes.Buffer
		args := []string{"--upstream", "http://x", "--redis-url", "rediss://127.0.0.1:1"}
		code := run(canceled, args, io.Discard, &stderr, func(name string) string {
			if name == variable {
				return "/nowhere"
			}
			return ""
		})
		assert.Equal(t, 2, code, variable)
		assert.Contains(t, stderr.String(), want)
	}
}
