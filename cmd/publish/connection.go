package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
)

// connection says where Redis is, and how to get there.
type connection struct {
	redisURL               string
	tlsCA, tlsCert, tlsKey string
	urlIsArgument          bool // as opposed to one from the environment
}

const localRedis = "redis://127.0.0.1:6379"

func (c *connection) register(root *cobra.Command, getenv func(string) string) {
	flags := root.PersistentFlags()
	flags.StringVar(&c.redisURL, "redis-url", cmp.Or(getenv("FLEETDIAL_REDIS_URL"), localRedis),
		"where Redis is; also FLEETDIAL_REDIS_URL")
	// A URL from the environment may hold a password.
	flags.Lookup("redis-url").DefValue = localRedis
	for _, f := range []struct {
		to                    *string
		name, variable, usage string
	}{
		{&c.tlsCA, "tls-ca", "FLEETDIAL_TLS_CA", "who signs Redis' certificate, a PEM file; the system's CAs unless told"},
		{&c.tlsCert, "tls-cert", "FLEETDIAL_TLS_CERT", "the certificate to show to Redis, a PEM file"},
		{&c.tlsKey, "tls-key", "FLEETDIAL_TLS_KEY", "the key of that certificate, a PEM file"},
	} {
		flags.StringVar(f.to, f.name, getenv(f.variable), f.usage+"; also "+f.variable)
		flags.Lookup(f.name).DefValue = ""
	}
}

// options returns the options of a client.
func (c *connection) options() (*redis.UniversalOptions, error) {
	opts, err := fleetdial.ParseURL(c.redisURL)
	if err != nil {
		return nil, &usageError{err}
	}
	opts.ClientName = "fleetdial-publish"
	if c.tlsCA == "" && c.tlsCert == "" && c.tlsKey == "" {
		return opts, nil
	}
	if opts.TLSConfig == nil {
		return nil, usagef("--tls-ca, --tls-cert and --tls-key are for a URL that begins with rediss")
	}
	if err := c.addTLS(opts.TLSConfig); err != nil {
		return nil, &usageError{err}
	}
	return opts, nil
}

func (c *connection) addTLS(config *tls.Config) error {
	if c.tlsCA != "" {
		text, err := os.ReadFile(c.tlsCA)
		if err != nil {
			return fmt.Errorf("--tls-ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return fmt.Errorf("--tls-ca: %s holds no certificate", c.tlsCA)
		}
	}
	if c.tlsCert == "" && c.tlsKey == "" {
		return nil
	}
	if c.tlsCert == "" || c.tlsKey == "" {
		return fmt.Errorf("--tls-cert and --tls-key go together")
	}
	pair, err := tls.LoadX509KeyPair(c.tlsCert, c.tlsKey)
	if err != nil {
		return fmt.Errorf("--tls-cert and --tls-key: %w", err)
	}
	config.Certificates = []tls.Certificate{pair}
	return nil
}

// showsPassword reports whether the arguments, which all users of the machine can see, hold a password.
func (c *connection) showsPassword() bool {
	if !c.urlIsArgument {
		return false
	}
	opts, err := fleetdial.ParseURL(c.redisURL)
	return err == nil && opts.Password != ""
}
