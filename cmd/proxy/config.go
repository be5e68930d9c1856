package main

import (
	"cmp"
	"crypto/ed25519"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/internal/buildversion"
	"github.com/fleetdial/fleetdial/cmd/internal/classify"
	"github.com/fleetdial/fleetdial/cmd/internal/connection"
	"github.com/fleetdial/fleetdial/cmd/internal/labelflag"
	"github.com/fleetdial/fleetdial/cmd/internal/strictflag"
	"github.com/fleetdial/fleetdial/cmd/internal/tokenkey"
)

// config is the configuration from the command line.
type config struct {
	listen, adminListen, upstream string
	redis                         connection.Flags
	fleet, instance               string
	labelPairs                    []string
	tenant                        string
	adminTokenFile, tokenKeyFile  string
	tlsCert, tlsKey               string
	verifyKeys                    []string
	snapshotFile, traces          string
	ring                          int
	capture                       captureConfig
	grace                         time.Duration
	adminTimeout                  time.Duration // only tests set it
	adminPlain, withoutDirectives bool

	// resolve sets the fields below.
	upstreamURL  *url.URL
	labels       map[string]string
	adminToken   string
	tokenKey     []byte
	keys         []ed25519.PublicKey
	tenantHeader string // if empty, the tenant is the first path segment
}

// usageError is an error in the command line.
type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

const longHelp = `Forward requests to OpenSearch, and record the requests that the directives of a
fleet match. The proxy streams requests and responses. It writes records as JSON
lines to stdout, and to a ring buffer, capture files and spans. Without Redis, the
proxy serves with its current directives, or without directives.

The admin listener serves /healthz, /metrics, /admin/directives and
/debug/breakglass (the ring buffer). It does not authenticate requests, except on
/admin/directives. Bind it to a private address. If --admin-listen is a loopback
address, the admin listener rejects requests whose Host header is not localhost or a
loopback address, so that a web page in a local browser cannot reach it.

A capture directory belongs to one proxy at a time. The proxy does not start with a
directory that another proxy uses.`

// command returns the command of the proxy. The command serves until its context ends.
func command(stdout, stderr io.Writer, getenv func(string) string) *cobra.Command {
	var c config
	var healthcheck string
	cmd := &cobra.Command{
		Use: "proxy --upstream URL", Short: "Forward requests to OpenSearch and record what the fleet's directives match", Long: longHelp,
		Example:       `  proxy --upstream http://127.0.0.1:9200 --redis-url redis://127.0.0.1:6379 --fleet prod`,
		SilenceErrors: true, SilenceUsage: true, Version: buildversion.Text(),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("unexpected argument %q (only flags are accepted)", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if healthcheck != "" {
				return checkHealth(cmd.Context(), healthcheck)
			}
			if err := c.resolve(); err != nil {
				return err
			}
			if err := c.checkListeners(); err != nil {
				return err
			}
			return serve(cmd.Context(), c, stdout, stderr)
		},
	}
	cmd.SetFlagErrorFunc(flagError)
	cmd.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&c.listen, "listen", "127.0.0.1:8080", "address of the traffic listener")
	f.StringVar(&c.adminListen, "admin-listen", "127.0.0.1:8081", "address of the admin listener")
	f.StringVar(&c.tlsCert, "tls-cert", "",
		"PEM file with the certificate of both listeners, which is read again when it changes (default none, which serves plain HTTP)")
	f.StringVar(&c.tlsKey, "tls-key", "", "PEM file with the private key of --tls-cert")
	f.StringVar(&c.upstream, "upstream", "", "URL of OpenSearch, such as http://127.0.0.1:9200 (required)")
	c.redis.Register(f, "redis-tls", getenv)
	f.StringVar(&c.fleet, "fleet", cmp.Or(getenv("FLEETDIAL_FLEET"), "default"), "name of the fleet, also from FLEETDIAL_FLEET")
	f.StringVar(&c.instance, "instance", "", "name of this proxy in the fleet (default host name, process ID and a random suffix)")
	f.StringArrayVar(&c.labelPairs, "label", nil, "label `LABEL=VALUE` of this proxy, by which directives can select it; repeatable")
	f.StringVar(&c.tenant, "tenant", classify.DefaultTenant,
		"source of a request's tenant: header:NAME, or path for the first path segment, which the proxy removes")
	f.StringVar(&c.adminTokenFile, "admin-token", "",
		"file with the bearer token for /admin/directives (default none, which disables /admin/directives)")
	f.BoolVar(&c.adminPlain, "admin-plain-http", false,
		"plain HTTP for /admin/directives on any address (default only if --admin-listen is a loopback address)")
	f.StringVar(&c.tokenKeyFile, "token-key", "", "file with the key of X-Debug-Directive tokens (default none, which disables tokens)")
	f.StringSliceVar(&c.verifyKeys, "verify-key", nil,
		"PEM files with the trusted keys, which may sign the fleet's sets (default none, which accepts unsigned sets)")
	f.StringVar(&c.snapshotFile, "snapshot", "", "file that keeps the last set, for a start without Redis (default none)")
	f.StringVar(&c.traces, "traces", "", "file to which spans are appended as JSON (default none)")
	f.IntVar(&c.ring, "ring", 256, "number of requests in the ring buffer, 1 to 65536")
	f.StringVar(&c.capture.dir, "capture-dir", "",
		"directory for capture files, which no other proxy may use (default none, which disables captures)")
	f.Int64Var(&c.capture.maxFile, "capture-file-bytes", 16<<20, "maximum size of a capture file")
	f.Int64Var(&c.capture.maxTotal, "capture-total-bytes", 256<<20, "maximum size of all capture files")
	f.DurationVar(&c.capture.maxAge, "capture-age", 24*time.Hour, "maximum age of a capture file")
	f.IntVar(&c.capture.maxBody, "capture-body-bytes", 64<<10, "maximum number of bytes captured of each body")
	f.DurationVar(&c.grace, "grace", 10*time.Second, "maximum time for active requests to finish at shutdown")
	f.BoolVar(&c.withoutDirectives, "without-directives", false, "forwarding without directives, to measure their cost")
	f.StringVar(&healthcheck, "healthcheck", "",
		"URL of /healthz of a running proxy: only check that it answers 200, for container images (default none, which serves)")
	strictflag.Apply(cmd)
	return cmd
}

// checkListeners checks the addresses of the listeners.
func (c *config) checkListeners() error {
	for _, listener := range []struct{ flag, addr string }{{"listen", c.listen}, {"admin-listen", c.adminListen}} {
		_, port, err := net.SplitHostPort(listener.addr)
		if err == nil {
			_, err = net.LookupPort("tcp", port)
		}
		if err != nil {
			return usagef("--%s %s: must be HOST:PORT or :PORT, such as 127.0.0.1:8080", listener.flag, listener.addr)
		}
	}
	return nil
}

// resolve checks the configuration, and reads the files that the flags name.
func (c *config) resolve() (err error) {
	c.upstreamURL, err = url.Parse(c.upstream)
	if err != nil || c.upstreamURL.Host == "" || c.upstreamURL.Scheme != "http" && c.upstreamURL.Scheme != "https" {
		return usagef("--upstream: must be an http or https URL (such as http://127.0.0.1:9200)")
	}
	if u := c.upstreamURL; u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return usagef("--upstream: must not have a user, query or fragment")
	}
	source, err := classify.New(c.tenant)
	if err != nil {
		return usagef("--tenant: %w", err)
	}
	c.tenantHeader = source.TenantHeader
	if c.labels, err = labelflag.Parse("label", c.labelPairs, printable); err != nil {
		return &usageError{err}
	}
	if c.ring < 1 || c.ring > 1<<16 {
		return usagef("--ring: must be 1 to 65536")
	}
	if err := c.capture.check(); err != nil {
		return err
	}
	if c.grace < 0 {
		return usagef("--grace: must not be negative")
	}
	if (c.tlsCert == "") != (c.tlsKey == "") {
		return usagef("--tls-cert, --tls-key: must be given together")
	}
	if c.adminTokenFile != "" {
		if c.adminToken, err = readAdminToken(c.adminTokenFile); err != nil {
			return usagef("--admin-token: %w", err)
		}
	}
	if c.tokenKeyFile != "" {
		if c.tokenKey, err = tokenkey.Read(c.tokenKeyFile); err != nil {
			return usagef("--token-key: %w", err)
		}
	}
	for _, file := range c.verifyKeys {
		text, err := os.ReadFile(file)
		if err != nil {
			return usagef("--verify-key: %w", err)
		}
		keys, err := fleetdial.ParseVerifyKeys(text)
		if err != nil {
			return usagef("--verify-key: %s: %w", file, err)
		}
		c.keys = append(c.keys, keys...)
	}
	return nil
}

// capabilities returns what the proxy can do with decisions. It always has a ring buffer.
func (c *config) capabilities() []fleetdial.Capability {
	all := []fleetdial.Capability{fleetdial.CapabilityRingBuffer}
	if c.capture.dir != "" {
		all = append(all, fleetdial.CapabilityCaptures)
	}
	return all
}
