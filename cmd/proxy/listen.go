package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial/cmd/internal/listener"
	"github.com/fleetdial/fleetdial/cmd/internal/reload"
)

// adminTimeout is the default of the longest time for an admin request, with its body and
// its response. A publish waits for Redis for at most 13 seconds.
const adminTimeout = 30 * time.Second

// certificate is the certificate of the listeners.
type certificate = reload.Value[*tls.Certificate]

// newServers returns the servers of the traffic listener and of the admin listener. certs
// is nil without TLS.
func newServers(c config, certs *certificate, log *slog.Logger, traffic, admin http.Handler) (servers [2]*http.Server) {
	if listener.IsLoopback(c.adminListen) {
		admin = onlyLoopbackHosts(admin)
	}
	// HTTP/1 has all that OpenSearch's clients need. The proxy is not tested with HTTP/2.
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	for i, handler := range []http.Handler{traffic, admin} {
		servers[i] = &http.Server{
			Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
			ErrorLog: listener.ErrorLog(log), Protocols: &protocols,
			DisableGeneralOptionsHandler: true, // OPTIONS * is for the upstream
		}
		if certs != nil {
			servers[i].TLSConfig = &tls.Config{
				GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return certs.Get(), nil },
				MinVersion:     tls.VersionTLS12,
			}
		}
	}
	// A request or response of the traffic listener can take any time. An admin request
	// cannot, because the admin listener does not authenticate most requests.
	timeout := cmp.Or(c.adminTimeout, adminTimeout)
	servers[1].ReadTimeout, servers[1].WriteTimeout = timeout, timeout
	return servers
}

// listen serves traffic and admin requests until ctx ends or a listener fails. Then it
// accepts no new requests, and waits for active requests up to the grace period.
func listen(ctx context.Context, c config, log *slog.Logger, traffic, admin http.Handler) error {
	var certs *certificate
	if c.tlsCert != "" {
		var err error
		if certs, err = reload.Certificate(c.tlsCert, c.tlsKey, log); err != nil {
			return usagef("--tls-cert, --tls-key: %w", err)
		}
	}
	errs := make(chan error, 2)
	var servers []*http.Server
	for i, server := range newServers(c, certs, log, traffic, admin) {
		name, flag, addr := "traffic", "--listen", c.listen
		if i == 1 {
			name, flag, addr = "admin", "--admin-listen", c.adminListen
		}
		l, err := net.Listen("tcp", addr)
		if err != nil {
			shutdown(servers, 0)
			return fmt.Errorf("%s: %w", flag, err)
		}
		log.Info("listener started", "listener", name, "addr", l.Addr().String(), "tls", certs != nil)
		servers = append(servers, server)
		go func() {
			if certs != nil {
				errs <- server.ServeTLS(l, "", "")
				return
			}
			errs <- server.Serve(l)
		}()
	}
	var failed error
	select {
	case <-ctx.Done():
	case failed = <-errs:
	}
	shutdown(servers, c.grace)
	for range servers {
		if err := <-errs; failed == nil && !errors.Is(err, http.ErrServerClosed) {
			failed = err
		}
		if failed != nil {
			break
		}
	}
	return failed
}

// shutdown waits for active requests up to the grace period, and then closes their
// connections.
func shutdown(servers []*http.Server, grace time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	for _, server := range servers {
		if server.Shutdown(ctx) != nil {
			_ = server.Close()
		}
	}
}

// onlyLoopbackHosts rejects requests whose Host is not a name or address of this machine.
// A web page whose name resolves to a loopback address (DNS rebinding) could read the
// responses otherwise. A browser always sends a Host, so a request without one is served.
func onlyLoopbackHosts(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
		if host != "" && !listener.IsLoopbackHost(host) {
			http.Error(w, "Host: must be localhost or a loopback address, as --admin-listen is", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
