package console

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fleetdial/fleetdial/testutil"
)

// nginxConfig is the configuration of a reverse proxy. It changes none of the defaults for
// buffers and timeouts. It speaks HTTP/1.0 to the upstream, the default of Debian 12, because
// nginx passes on a response of HTTP/1.0 only when a buffer is full. The first location shows
// which nginx answers.
const nginxConfig = `daemon off;
worker_processes 1;
%[1]s
pid %[2]s/pid;
events { worker_connections 512; }
http {
	access_log %[2]s/access.log;
	client_body_temp_path %[2]s/body;
	proxy_temp_path %[2]s/proxy;
	fastcgi_temp_path %[2]s/fastcgi;
	uwsgi_temp_path %[2]s/uwsgi;
	scgi_temp_path %[2]s/scgi;
	server {
		listen %[3]s;
		location = /.which { return 200 "%[2]s"; }
		location %[4]s {
			proxy_pass %[5]s;
			proxy_http_version 1.0;
			proxy_set_header Host $http_host;
			%[6]s
		}
	}
}
`

// NewNginx starts nginx as a reverse proxy for an upstream, below a base path, which begins and
// ends with a slash. Requests keep their whole path and their Host header. The proxy sets headers,
// such as X-Remote-User, and replaces those that clients send. More directives of nginx may be
// given. NewNginx returns the URL of the base path.
func NewNginx(t testing.TB, upstream, basePath string, headers map[string]string, more ...string) (url string) {
	t.Helper()
	program, err := command("nginx", "nginx")
	if err != nil {
		t.Fatal(err)
	}
	var set []string
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		set = append(set, fmt.Sprintf("proxy_set_header %s %q;", name, headers[name]))
	}
	// The start is repeated, because another process may take the port before nginx uses it.
	for range 5 {
		dir, address := nginxDir(t), freeAddress(t)
		config := fmt.Sprintf(nginxConfig, nginxUser(), dir, address, basePath, upstream, strings.Join(append(set, more...), "\n"))
		file := filepath.Join(dir, "nginx.conf")
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		p := startProcess(t, program, "-e", "stderr", "-p", dir, "-c", file)
		testutil.Eventually(t, within, "nginx replies or has ended", func() bool { return p.ended() || which(address) == dir })
		if !p.ended() {
			return "http://" + address + basePath
		}
		if !strings.Contains(p.log(), "Address already in use") {
			t.Fatalf("start nginx: %s", p.log())
		}
	}
	t.Fatal("start nginx: no free port")
	return ""
}

// nginxDir returns a folder that the workers of nginx may enter, which a folder of [testing.TB] is
// not if the test runs as root.
func nginxDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fleetdial-nginx-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// nginxUser returns the line that gives the workers an unprivileged user. Only root may set it.
func nginxUser() string {
	if os.Getuid() != 0 {
		return ""
	}
	return "user www-data;"
}

// freeAddress returns a loopback address with a port that the kernel chose.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// which returns the folder of the nginx that listens at an address.
func which(address string) string {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + address + "/.which")
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return string(body)
}
