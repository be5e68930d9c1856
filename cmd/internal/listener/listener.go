// Package listener has what the HTTP listeners of the commands share.
package listener

import (
	"bytes"
	stdlog "log"
	"log/slog"
	"net"
	"strings"
)

// IsLoopback reports whether only this machine can reach the address, HOST:PORT.
func IsLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	return err == nil && IsLoopbackHost(host)
}

// IsLoopbackHost reports whether a host is localhost or a loopback address.
func IsLoopbackHost(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// ErrorLog returns the log of an [net/http.Server] that writes to log. It discards failed TLS
// handshakes, because anyone who can reach a listener can cause them, at any rate.
func ErrorLog(log *slog.Logger) *stdlog.Logger { return stdlog.New(serverErrors{log}, "", 0) }

type serverErrors struct{ log *slog.Logger }

func (w serverErrors) Write(line []byte) (int, error) {
	if !bytes.HasPrefix(line, []byte("http: TLS handshake error")) {
		w.log.Warn(string(bytes.TrimSuffix(line, []byte("\n"))))
	}
	return len(line), nil
}
