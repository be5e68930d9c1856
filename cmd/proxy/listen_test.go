package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/testutil"
)

// listening runs listen, with hello as both handlers, and returns its addresses and its
// log.
func listening(t *testing.T, c config) (traffic, admin string, log *testutil.Buffer) {
	t.Helper()
	c.listen, c.grace = "127.0.0.1:0", time.Second
	if c.adminListen == "" {
		c.adminListen = "127.0.0.1:0"
	}
	log = &testutil.Buffer{}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- listen(ctx, c, slog.New(slog.NewJSONHandler(log, nil)), http.HandlerFunc(hello), http.HandlerFunc(hello))
	}()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-ended)
	})
	traffic, admin = waitForListeners(t, log)
	return traffic, admin, log
}

// TestListen_AdminTimeout sends a request whose body never ends to both listeners. The
// admin listener must close the connection. The traffic listener must wait for the body.
func TestListen_AdminTimeout(t *testing.T) {
	t.Parallel()
	traffic, admin, _ := listening(t, config{adminTimeout: 300 * time.Millisecond})
	request := []string{"POST /healthz HTTP/1.1", "Host: localhost", "Content-Length: 1000", "", "x"}
	conn := dial(t, admin, request...)
	_, err := io.Copy(io.Discard, conn)
	assert.NoError(t, err, "the connection must be closed before its deadline")

	conn = dial(t, traffic, request...)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Second)))
	_, err = conn.Read(make([]byte, 1))
	assert.ErrorIs(t, err, os.ErrDeadlineExceeded)

	server := newServers(config{}, nil, slog.New(slog.DiscardHandler), nil, nil)[1]
	assert.Equal(t, adminTimeout, server.ReadTimeout, "the default")
	assert.Equal(t, adminTimeout, server.WriteTimeout, "the default")
}

// TestListen_AdminHost sends requests with different hosts. If the admin listener has a
// loopback address, only names of this machine are accepted.
func TestListen_AdminHost(t *testing.T) {
	t.Parallel()
	const ok, rejected = http.StatusOK, http.StatusForbidden
	for adminListen, want := range map[string]map[string]int{
		"127.0.0.1:0": {
			"localhost": ok, "localhost:8081": ok, "LOCALHOST": ok, "127.0.0.1:1": ok, "127.1.2.3": ok, "[::1]:8081": ok, "[::1]": ok, "": ok,
			"rebound.example": rejected, "rebound.example:8081": rejected, "localhost.example": rejected, "192.0.2.1": rejected,
			"0.0.0.0": rejected, "[::]:80": rejected, "127.0.0.1.example": rejected,
		},
		"0.0.0.0:0": {"rebound.example": ok},
	} {
		traffic, admin, _ := listening(t, config{adminListen: adminListen})
		admin = strings.ReplaceAll(admin, "0.0.0.0", "127.0.0.1")
		for host, status := range want {
			for addr, status := range map[string]int{admin: status, traffic: ok} {
				conn := dial(t, addr, "GET /healthz HTTP/1.1", "Host: "+host, "Connection: close", "", "")
				resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
				require.NoError(t, err, host)
				assert.Equal(t, status, resp.StatusCode, "%q at %s", host, adminListen)
			}
		}
	}
}

// tlsClient returns a client that trusts the CA, and a function that returns the serial
// number of a server's certificate.
func tlsClient(t *testing.T, ca string) (client *http.Client, serial func(addr string) string) {
	t.Helper()
	pem, err := os.ReadFile(ca)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(pem))
	cfg := &tls.Config{RootCAs: pool}
	transport := &http.Transport{TLSClientConfig: cfg, DisableKeepAlives: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}, func(addr string) string {
		conn, err := tls.Dial("tcp", addr, cfg)
		require.NoError(t, err)
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
}

// TestListen_TLS serves both listeners with a certificate, and replaces the certificate.
// While the key does not fit, the listeners must keep the old certificate.
func TestListen_TLS(t *testing.T) {
	t.Parallel()
	files := testutil.NewCertificates(t)
	traffic, admin, log := listening(t, config{tlsCert: files.ServerCert, tlsKey: files.ServerKey})
	client, serial := tlsClient(t, files.CA)
	for _, addr := range []string{traffic, admin} {
		resp, err := client.Get("https://" + addr + "/healthz")
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, http.StatusOK, resp.StatusCode)
		assert.Equal(t, 1, resp.ProtoMajor)
		resp, err = http.Get("http://" + addr + "/healthz")
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, http.StatusBadRequest, resp.StatusCode, "plain HTTP")
		assert.Equal(t, "2", serial(addr))
	}
	replace := func(from, to string) {
		t.Helper()
		text, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(to+".new", text, 0o600))
		require.NoError(t, os.Rename(to+".new", to))
	}
	replace(files.ClientCert, files.ServerCert)
	assert.Equal(t, "2", serial(traffic), "the old certificate must stay while the new key is missing")
	assert.Equal(t, "2", serial(traffic))
	assert.Equal(t, 1, strings.Count(log.String(), "certificate reload failed"))
	replace(files.ClientKey, files.ServerKey)
	assert.Equal(t, "3", serial(traffic))
	assert.Equal(t, "3", serial(admin))
	assert.Equal(t, 1, strings.Count(log.String(), "certificate reloaded"))
	assert.NotContains(t, log.String(), "handshake", "anyone could fill the log")
}

// startCommand runs the command in a process of its own, without directives.
func startCommand(t *testing.T, args ...string) (cmd *exec.Cmd, traffic string, ended <-chan struct{}) {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd = exec.Command(exe, append([]string{
		"--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--without-directives",
	}, args...)...)
	cmd.Env = append(os.Environ(), asCommand+"=1")
	var stderr testutil.Buffer
	cmd.Stderr = &stderr
	require.NoError(t, cmd.Start())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-done
	})
	traffic, _ = waitForListeners(t, &stderr)
	return cmd, traffic, done
}

// TestMain_SecondSignalEndsProcess sends signals while a request is active, with a long
// grace period. The first signal must close the listeners, and a later one must end the
// process.
func TestMain_SecondSignalEndsProcess(t *testing.T) {
	t.Parallel()
	arrived, finish := make(chan struct{}, 1), make(chan struct{})
	backend := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-finish
	}))
	t.Cleanup(backend.Close)
	t.Cleanup(func() { close(finish) })
	cmd, addr, ended := startCommand(t, "--upstream", backend.URL, "--grace", "1h")
	dial(t, addr, "GET / HTTP/1.1", "Host: x", "", "")
	<-arrived
	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	testutil.Eventually(t, 20*time.Second, "the listener is closed", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	testutil.Eventually(t, 20*time.Second, "the process has ended", func() bool {
		_ = cmd.Process.Signal(syscall.SIGINT)
		select {
		case <-ended:
			return true
		default:
			return false
		}
	})
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	require.True(t, ok)
	assert.Equal(t, syscall.SIGINT, status.Signal())
}

// TestListen_OptionsOfServer sends OPTIONS * to the command. The upstream must answer the
// request, and not the server of the proxy.
func TestListen_OptionsOfServer(t *testing.T) {
	t.Parallel()
	backend := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = fmt.Fprint(w, r.RequestURI)
	}))
	backend.Config.DisableGeneralOptionsHandler = true
	backend.Start()
	t.Cleanup(backend.Close)
	_, addr, _ := startCommand(t, "--upstream", backend.URL)
	conn := dial(t, addr, "OPTIONS * HTTP/1.1", "Host: x", "Connection: close", "", "")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Equal(t, http.StatusTeapot, resp.StatusCode)
	assert.Equal(t, "*", string(body))
}
