package main

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
)

// TestProxy_KeepsOnlyWhatDirectivesAsk publishes directives that ask for a record only, for
// the ring buffer only, and for a capture only.
func TestProxy_KeepsOnlyWhatDirectivesAsk(t *testing.T) {
	t.Parallel()
	p := startProxy(t, http.HandlerFunc(hello))
	p.apply(fleetdial.Directive{ID: "record", Level: fleetdial.Shape})
	p.send(http.MethodGet, "/recorded/_search", "", nil)
	p.lines(1)
	p.apply(fleetdial.Directive{ID: "ring", Level: fleetdial.Shape, RingBuffer: true})
	p.send(http.MethodGet, "/ringed/_search", "", nil)
	p.lines(2)
	ring := p.get("/debug/breakglass")
	assert.Contains(t, ring, `"ring"`)
	assert.NotContains(t, ring, `"record"`)
	p.apply(fleetdial.Directive{ID: "capture", Level: fleetdial.Shape, Capture: true})
	p.send(http.MethodGet, "/captured/_search", "", nil)
	p.lines(3)
	assert.NotContains(t, p.get("/debug/breakglass"), `"capture"`)
	require.Zero(t, p.stop())
	captures := p.captures()
	assert.Equal(t, 1, strings.Count(captures, "\n"), captures)
	assert.Contains(t, captures, "/captured/_search")
}

// adminRequest sends a request to /admin/directives with the right token, and returns the
// status and the body of the response.
func (p *runningProxy) adminRequest(method, url, token string) (status int, body string) {
	p.t.Helper()
	r, err := http.NewRequest(method, url+"/admin/directives", strings.NewReader(`{"directives":[]}`))
	require.NoError(p.t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := p.client.Do(r)
	require.NoError(p.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(p.t, err)
	return resp.StatusCode, string(text)
}

// TestProxy_SignedFleetDoesNotPublish starts a proxy that accepts signed sets only. It has no
// private key, so it must not publish a set that every proxy would reject.
func TestProxy_SignedFleetDoesNotPublish(t *testing.T) {
	t.Parallel()
	public, _, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(public)
	require.NoError(t, err)
	keys := filepath.Join(t.TempDir(), "keys")
	require.NoError(t, os.WriteFile(keys, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600))
	const token = "a-token-of-enough-bytes"
	for name, args := range map[string][]string{
		"signed": {"--verify-key", keys}, "unsigned": nil,
	} {
		p := startProxy(t, http.HandlerFunc(hello), append(args, "--admin-token", secretFile(t, token))...)
		before, err := p.pub.Current(t.Context())
		require.NoError(t, err)
		status, body := p.adminRequest(http.MethodPost, p.admin, token)
		after, err := p.pub.Current(t.Context())
		require.NoError(t, err)
		if name == "signed" {
			assert.Equal(t, http.StatusNotFound, status, body)
			assert.Equal(t, before.ID, after.ID)
		} else {
			assert.Equal(t, http.StatusOK, status, body)
			assert.NotEqual(t, before.ID, after.ID)
		}
	}
}

// TestAdminHandler_PlainHTTP has admin listeners on loopback and on other addresses.
func TestAdminHandler_PlainHTTP(t *testing.T) {
	t.Parallel()
	const token = "a-token-of-enough-bytes"
	for _, tt := range []struct {
		listen string
		plain  bool
		status int
	}{
		{"127.0.0.1:8081", false, http.StatusOK},
		{"[::1]:8081", false, http.StatusOK},
		{"localhost:8081", false, http.StatusOK},
		{":8081", false, http.StatusForbidden},
		{"0.0.0.0:8081", false, http.StatusForbidden},
		{"10.0.0.1:8081", false, http.StatusForbidden},
		{"0.0.0.0:8081", true, http.StatusOK},
	} {
		f := &fleet{store: fleetdial.NewMemory()}
		h, err := adminHandler(config{adminListen: tt.listen, adminPlain: tt.plain, adminToken: token}, f, &proxy{})
		require.NoError(t, err)
		r := httptest.NewRequest(http.MethodGet, "/admin/directives", http.NoBody)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		assert.Equal(t, tt.status, w.Code, "%+v", tt)
	}
}
