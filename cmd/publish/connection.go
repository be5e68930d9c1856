package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
)

// connection holds the flags that locate Redis.
type connection struct {
	redisURL               string
	tlsCA, tlsCert, tlsKey string
	urlIsArgument          bool // redisURL is from the command line, not from the environment
}

const localRedis = "redis://127.0.0.1:6379"

func (c *connection) register(root *cobra.Command, getenv func(string) string) {
	flags := root.PersistentFlags()
	flags.StringVar(&c.redisURL, "redis-url", cmp.Or(getenv("FLEETDIAL_REDIS_URL"), localRedis),
		"URL of Redis; also FLEETDIAL_REDIS_URL")
	// The help does not show a URL from the environment, because it may hold a password.
	flags.Lookup("redis-url").DefValue = localRedis
	for _, f := range []struct {
		to                    *string
		name, variable, usage string
	}{
		{&c.tlsCA, "tls-ca", "FLEETDIAL_TLS_CA", "CA of the Redis certificate, a PEM file (default the CAs of the system)"},
		{&c.tlsCert, "tls-cert", "FLEETDIAL_TLS_CERT", "client certificate, a PEM file"},
		{&c.tlsKey, "tls-key", "FLEETDIAL_TLS_KEY", "key of the client certificate, a PEM file"},
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
		return nil, usagef("--tls-ca, --tls-cert and --tls-key: require a rediss:// URL")
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
			return fmt.Errorf("--tls-ca: %s: no PEM certificate", c.tlsCA)
		}
	}
	if c.tlsCert == "" && c.tlsKey == "" {
		return nil
	}
	if c.tlsCert == "" || c.tlsKey == "" {
		return errors.New("--tls-cert and --tls-key: must be set together")
	}
	pair, err := tls.LoadX509KeyPair(c.tlsCert, c.tlsKey)
	if err != nil {
		return fmt.Errorf("--tls-cert and --tls-key: %w", err)
	}
	config.Certificates = []tls.Certificate{pair}
	return nil
}

// showsPassword reports whether the command line, which every user of the machine can
// read, holds a password.
func (c *connection) showsPassword() bool {
	if !c.urlIsArgument {
		return false
	}
	opts, err := fleetdial.ParseURL(c.redisURL)
	return err == nil && opts.Password != ""
}
