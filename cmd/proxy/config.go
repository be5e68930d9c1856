package main

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
)

// config is what the command line says.
type config struct {
	listen, adminListen, upstream string
	redisURL, fleet, instance     string
	tenant                        string
	adminTokenFile, tokenKeyFile  string
	verifyKeys                    []string
	snapshotFile, traces          string
	ring                          int
	capture                       captureConfig
	grace                         time.Duration
	adminPlain, withoutDirectives bool

	// What the names above stand for.
	upstreamURL  *url.URL
	adminToken   string
	tokenKey     []byte
	keys         []ed25519.PublicKey
	tenantHeader string // empty takes the tenant from the path
}

// usageError says that the command line is wrong.
type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

const longHelp = `proxy stands before OpenSearch. It streams requests and responses, and records of
each request what the fleet's directives say: JSON lines on stdout, a ring buffer,
captures, spans. Without Redis it serves with the directives it has, or none.

What concerns operators has a listener of its own, which is to be kept private:
/healthz, /metrics, /admin/directives and /debug/breakglass, the ring buffer.`

// command returns the command, which serves until its context ends.
func command(stdout, stderr io.Writer, getenv func(string) string) *cobra.Command {
	var c config
	cmd := &cobra.Command{
		Use: "proxy --upstream URL", Short: "A reverse proxy whose diagnostics a fleet turns", Long: longHelp,
		Example:       `  proxy --upstream http://127.0.0.1:9200 --redis-url redis://127.0.0.1:6379 --fleet prod`,
		SilenceErrors: true, SilenceUsage: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("unexpected argument %q", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.resolve(); err != nil {
				return err
			}
			return serve(cmd.Context(), c, stdout, stderr)
		},
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&c.listen, "listen", "127.0.0.1:8080", "where requests come in")
	f.StringVar(&c.adminListen, "admin-listen", "127.0.0.1:8081", "where operators ask")
	f.StringVar(&c.upstream, "upstream", "", "where OpenSearch is, such as http://127.0.0.1:9200")
	f.StringVar(&c.redisURL, "redis-url", cmp.Or(getenv("FLEETDIAL_REDIS_URL"), "redis://127.0.0.1:6379"),
		"where Redis is; also FLEETDIAL_REDIS_URL")
	f.Lookup("redis-url").DefValue = "redis://127.0.0.1:6379" // the environment's may have a password
	f.StringVar(&c.fleet, "fleet", cmp.Or(getenv("FLEETDIAL_FLEET"), "default"), "the fleet's name; also FLEETDIAL_FLEET")
	f.StringVar(&c.instance, "instance", "", "this proxy's name in the fleet (default the host's name and the process id)")
	f.StringVar(&c.tenant, "tenant", "header:X-Tenant",
		"where a request's tenant is: header:NAME, or path, whose first part is taken off")
	f.StringVar(&c.adminTokenFile, "admin-token", "", "the file with the bearer token for /admin/directives")
	f.BoolVar(&c.adminPlain, "admin-plain-http", false,
		"take /admin/directives over plain HTTP also where --admin-listen is not this machine alone")
	f.StringVar(&c.tokenKeyFile, "token-key", "", "the file with the key of X-Debug-Directive headers")
	f.StringSliceVar(&c.verifyKeys, "verify-key", nil, "who may sign the fleet's sets, PEM files of public keys")
	f.StringVar(&c.snapshotFile, "snapshot", "", "the file that keeps the last set, for a start without Redis")
	f.StringVar(&c.traces, "traces", "", "the file that spans are appended to, as JSON")
	f.IntVar(&c.ring, "ring", 256, "how many requests the ring buffer holds")
	f.StringVar(&c.capture.dir, "capture-dir", "", "the folder for captures; without one there are none")
	f.Int64Var(&c.capture.maxFile, "capture-file-bytes", 16<<20, "how large a file of captures grows")
	f.Int64Var(&c.capture.maxTotal, "capture-total-bytes", 256<<20, "how much all captures may take")
	f.DurationVar(&c.capture.maxAge, "capture-age", 24*time.Hour, "how long captures are kept")
	f.IntVar(&c.capture.maxBody, "capture-body-bytes", 64<<10, "how much of each body is captured")
	f.DurationVar(&c.grace, "grace", 10*time.Second, "how long requests under way may take at the end")
	f.BoolVar(&c.withoutDirectives, "without-directives", false, "only forward, to measure what directives cost")
	return cmd
}

// resolve checks the configuration, and reads the files that it names.
func (c *config) resolve() (err error) {
	c.upstreamURL, err = url.Parse(c.upstream)
	if err != nil || c.upstreamURL.Host == "" || c.upstreamURL.Scheme != "http" && c.upstreamURL.Scheme != "https" {
		return usagef("--upstream: must be a URL such as http://127.0.0.1:9200")
	}
	if u := c.upstreamURL; u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return usagef("--upstream: must have no user, query or fragment: those are the requests' own")
	}
	kind, name, _ := strings.Cut(c.tenant, ":")
	switch {
	case kind == "header" && name != "":
		c.tenantHeader = http.CanonicalHeaderKey(name)
	case c.tenant != "path":
		return usagef("--tenant: must be header:NAME or path")
	}
	if c.ring < 1 || c.ring > 1<<16 {
		return usagef("--ring: must be 1 to 65536")
	}
	if err := c.capture.check(); err != nil {
		return err
	}
	if c.adminTokenFile != "" {
		token, err := readSecret("--admin-token", c.adminTokenFile)
		if err != nil {
			return err
		}
		c.adminToken = string(token)
	}
	if c.tokenKeyFile != "" {
		if c.tokenKey, err = readSecret("--token-key", c.tokenKeyFile); err != nil {
			return err
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

var errEmptySecret = errors.New("is empty")

func readSecret(flag, file string) ([]byte, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, usagef("%s: %w", flag, err)
	}
	text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
	if len(text) == 0 {
		return nil, usagef("%s: %s: %w", flag, file, errEmptySecret)
	}
	return text, nil
}
