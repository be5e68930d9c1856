package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/fleetdial/fleetdial/cmd/internal/listener"
	"github.com/fleetdial/fleetdial/cmd/internal/reload"
)

// The limits of the console's server.
const (
	uiReadTimeout  = time.Minute      // of a body
	uiWriteTimeout = 30 * time.Second // of each write: a stream of events takes as long as its page is open
	uiGrace        = time.Second      // for active requests at the end
	uiMaxHeader    = 64 << 10
	uiMaxBody      = 16 << 20 // a form encodes a set of 4 MiB in up to three times its bytes
)

// uiServer is the server of the console.
type uiServer struct {
	http     *http.Server
	listener net.Listener
	host     string // of the address that the command prints
	isTLS    bool
	log      *slog.Logger
	// Only tests set other times.
	readTimeout, writeTimeout time.Duration
	// rejected is when a rejected host was logged, Unix seconds.
	rejected atomic.Int64
}

// newUIServer returns a server with the certificate of the flags.
func newUIServer(f uiFlags, log *slog.Logger) (*uiServer, error) {
	s := &uiServer{isTLS: f.cert != "", log: log, readTimeout: uiReadTimeout, writeTimeout: uiWriteTimeout, http: &http.Server{
		ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: uiMaxHeader,
		ErrorLog: listener.ErrorLog(log),
	}}
	if len(f.hosts) > 0 && f.hosts[0] != "*" && !listener.IsLoopback(f.listen) {
		s.host = f.hosts[0]
	}
	if !s.isTLS {
		return s, nil
	}
	cert, err := reload.Certificate(f.cert, f.key, log)
	if err != nil {
		return nil, usagef("--listen-cert, --listen-key: %w", err)
	}
	s.http.TLSConfig = &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return cert.Get(), nil },
		MinVersion:     tls.VersionTLS12,
	}
	return s, nil
}

// listen listens on an address. The name localhost must be a loopback address here.
func (s *uiServer) listen(addr string) error {
	l, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("--listen: %w (127.0.0.1:0 takes a free port)", err)
	}
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	if listener.IsLoopback(addr) && !listener.IsLoopback(l.Addr().String()) {
		_ = l.Close()
		return usagef("--listen %s: is not a loopback address on this machine (pass 127.0.0.1:PORT)", addr)
	}
	s.listener = l
	if s.host != "" {
		return nil
	}
	s.host, _, _ = net.SplitHostPort(addr)
	if ip := net.ParseIP(s.host); s.host == "" || ip != nil && ip.IsUnspecified() {
		s.host, _ = os.Hostname()
	}
	return nil
}

func (s *uiServer) port() int { return s.listener.Addr().(*net.TCPAddr).Port }

// url returns the address of a path of the console.
func (s *uiServer) url(pathAndQuery string) string {
	u := url.URL{Scheme: "http", Host: net.JoinHostPort(s.host, strconv.Itoa(s.port()))}
	if s.isTLS {
		u.Scheme = "https"
	}
	return u.String() + pathAndQuery
}

func (s *uiServer) close() { _ = s.listener.Close() }

// serve serves until ctx ends. Then it calls end, which ends the streams of events, and waits for
// other requests for a second.
func (s *uiServer) serve(ctx context.Context, handler http.Handler, end func() error) error {
	s.http.Handler = s.limited(handler)
	s.http.RegisterOnShutdown(func() { _ = end() })
	ended := make(chan error, 1)
	go func() {
		if s.isTLS {
			ended <- s.http.ServeTLS(s.listener, "", "")
			return
		}
		ended <- s.http.Serve(s.listener)
	}()
	select {
	case err := <-ended:
		_ = s.http.Close()
		return fmt.Errorf("serve the console: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), uiGrace)
	defer cancel()
	if s.http.Shutdown(grace) != nil {
		_ = s.http.Close()
	}
	<-ended
	return nil
}

// limited bounds the size of bodies, the time to read one, and the time of each write. The timeouts
// of [http.Server] would end a stream of events.
func (s *uiServer) limited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := &deadlineWriter{ResponseWriter: w, conn: http.NewResponseController(w), timeout: s.writeTimeout}
		out.disarm() // the connection may have the deadline of an earlier request
		if r.ContentLength != 0 {
			_ = out.conn.SetReadDeadline(time.Now().Add(s.readTimeout))
			r.Body = http.MaxBytesReader(w, r.Body, uiMaxBody)
		}
		next.ServeHTTP(out, r)
		out.arm() // the server flushes the rest of the response
		if out.status == http.StatusMisdirectedRequest {
			s.logHost(r)
		}
	})
}

// logHost logs a request for a host that the console does not accept, once a minute at most.
func (s *uiServer) logHost(r *http.Request) {
	now, last := time.Now().Unix(), s.rejected.Load()
	if now-last >= 60 && s.rejected.CompareAndSwap(last, now) {
		s.log.Warn("request rejected: unknown host; --host names those that the console accepts",
			"host", r.Host[:min(len(r.Host), 256)], "remote", r.RemoteAddr)
	}
}

// deadlineWriter gives each write to the client a timeout.
type deadlineWriter struct {
	http.ResponseWriter
	conn    *http.ResponseController
	timeout time.Duration
	status  int // 0 until the handler sets it
}

func (w *deadlineWriter) arm()    { _ = w.conn.SetWriteDeadline(time.Now().Add(w.timeout)) }
func (w *deadlineWriter) disarm() { _ = w.conn.SetWriteDeadline(time.Time{}) }

func (w *deadlineWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *deadlineWriter) Write(p []byte) (int, error) {
	w.arm()
	defer w.disarm()
	return w.ResponseWriter.Write(p)
}

// Flush implements [http.Flusher].
func (w *deadlineWriter) Flush() { _ = w.FlushError() }

// FlushError is for [http.ResponseController].
func (w *deadlineWriter) FlushError() error {
	w.arm()
	defer w.disarm()
	return w.conn.Flush()
}

// Unwrap is for [http.ResponseController].
func (w *deadlineWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
