// Package connection holds the flags and the environment variables by which a command finds
// its Redis.
package connection

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/pflag"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/redisurl"
)

// Flags are the flags and the variables that locate a Redis. The zero value, with a URL, has
// none of the others.
type Flags struct {
	URL string

	// prefix begins the names of the flags for TLS.
	prefix                             string
	tlsCA, tlsCert, tlsKey             string
	sentinelUsername, sentinelPassword string
}

const local = "redis://127.0.0.1:6379"

// Register registers --redis-url, and the flags --PREFIX-ca, --PREFIX-cert and --PREFIX-key.
// Their defaults are in the environment. The help does not show the URL from the environment,
// because it may hold a password.
func (f *Flags) Register(flags *pflag.FlagSet, prefix string, getenv func(string) string) {
	f.prefix = "--" + prefix
	f.sentinelUsername, f.sentinelPassword = getenv("FLEETDIAL_SENTINEL_USERNAME"), getenv("FLEETDIAL_SENTINEL_PASSWORD")
	flags.StringVar(&f.URL, "redis-url", cmp.Or(getenv("FLEETDIAL_REDIS_URL"), local),
		"URL of Redis; also FLEETDIAL_REDIS_URL; FLEETDIAL_SENTINEL_USERNAME and FLEETDIAL_SENTINEL_PASSWORD for Sentinels")
	flags.Lookup("redis-url").DefValue = local
	for _, file := range []struct {
		to                    *string
		name, variable, usage string
	}{
		{&f.tlsCA, "ca", "FLEETDIAL_TLS_CA", "CA of the Redis certificate, a PEM file (default the CAs of the system)"},
		{&f.tlsCert, "cert", "FLEETDIAL_TLS_CERT", "client certificate for Redis, a PEM file"},
		{&f.tlsKey, "key", "FLEETDIAL_TLS_KEY", "key of the client certificate for Redis, a PEM file"},
	} {
		name := prefix + "-" + file.name
		flags.StringVar(file.to, name, getenv(file.variable), file.usage+"; also "+file.variable)
		flags.Lookup(name).DefValue = ""
	}
}

// Options returns the options of a client. If clientName is set, each connection has that
// name where Redis permits it. A name in the URL wins. For Sentinels, the user name and the
// password in the URL win over the variables. An error is wrong usage, and contains no part
// of the URL.
func (f *Flags) Options(clientName string) (*redis.UniversalOptions, error) {
	opts, err := fleetdial.ParseURL(f.URL)
	if err != nil {
		return nil, fmt.Errorf("--redis-url: %w", err)
	}
	if clientName != "" && opts.OnConnect == nil {
		redisurl.NameConnections(opts, clientName)
	}
	if opts.MasterName != "" {
		opts.SentinelUsername = cmp.Or(opts.SentinelUsername, f.sentinelUsername)
		opts.SentinelPassword = cmp.Or(opts.SentinelPassword, f.sentinelPassword)
	}
	if f.tlsCA == "" && f.tlsCert == "" && f.tlsKey == "" {
		return opts, nil
	}
	if opts.TLSConfig == nil {
		return nil, fmt.Errorf("%[1]s-ca, %[1]s-cert and %[1]s-key: require a rediss:// URL", f.prefix)
	}
	if err := f.addTLS(opts.TLSConfig); err != nil {
		return nil, err
	}
	return opts, nil
}

func (f *Flags) addTLS(config *tls.Config) error {
	if f.tlsCA != "" {
		text, err := os.ReadFile(f.tlsCA)
		if err != nil {
			return fmt.Errorf("%s-ca: %w", f.prefix, err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return fmt.Errorf("%s-ca: %s: no PEM certificate", f.prefix, f.tlsCA)
		}
	}
	if f.tlsCert == "" && f.tlsKey == "" {
		return nil
	}
	pairFlags := fmt.Sprintf("%[1]s-cert and %[1]s-key", f.prefix)
	if f.tlsCert == "" || f.tlsKey == "" {
		return errors.New(pairFlags + ": must be set together")
	}
	pair, err := tls.LoadX509KeyPair(f.tlsCert, f.tlsKey)
	if err != nil {
		return fmt.Errorf("%s: %w", pairFlags, err)
	}
	config.Certificates = []tls.Certificate{pair}
	return nil
}

// HasPassword reports whether the URL holds a password.
func (f *Flags) HasPassword() bool {
	opts, err := fleetdial.ParseURL(f.URL)
	return err == nil && (opts.Password != "" || opts.SentinelPassword != "")
}
