package fleetdial

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// urlTimeout bounds each dial, read and write unless the URL says otherwise: shorter than the three seconds within which
// a dead connection is noticed.
const urlTimeout = 2 * time.Second

// urlBuffer is what a connection buffers in each direction, in bytes: announcements and heads are small, and what is
// larger than the buffer does not go through it. go-redis' own default is 32 KiB.
const urlBuffer = 4 << 10

var (
	errURL    = errors.New("not a valid URL (in a user name or a password, special characters have to be percent-encoded)")
	errScheme = errors.New("the scheme is none of redis, rediss, unix, redis+sentinel, rediss+sentinel, redis+cluster and " +
		"rediss+cluster")
)

// ParseURL returns the options of a client that suits a Subscriber and a Publisher, for redis.NewUniversalClient:
//
//	redis://user:password@host:6379/0       one server; rediss:// with TLS
//	unix:///path/to/socket?db=0             one server, by its Unix socket
//	redis+sentinel://host:26379,host/master/0
//	redis+cluster://host:6379,host
//
// Ports and database may be left out. With Sentinel, user and password are those of the servers. Options that go-redis
// knows may follow as a query, such as ?read_timeout=5s. Unless told so, dials, reads and writes end after two seconds,
// and with their context, and what go-redis does about maintenance notifications is off. No part of the URL is in an
// error, since it may hold a password.
func ParseURL(rawURL string) (*redis.UniversalOptions, error) {
	opts, err := parseURL(rawURL)
	if err != nil {
		return nil, fmt.Errorf("fleetdial: parse the Redis URL: %w", err)
	}
	return opts, nil
}

func parseURL(rawURL string) (*redis.UniversalOptions, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, errURL
	}
	scheme, kind, _ := strings.Cut(u.Scheme, "+")
	if scheme != "redis" && scheme != "rediss" && (scheme != "unix" || kind != "") {
		return nil, errScheme
	}
	u.Scheme = scheme
	switch kind {
	case "":
		return single(u)
	case "sentinel":
		master, db, _ := strings.Cut(strings.Trim(u.Path, "/"), "/")
		if master == "" {
			return nil, errors.New("the name of the master is missing: redis+sentinel://host/MASTER")
		}
		u.Path = "/" + db
		opts, err := several(u, "26379")
		if opts != nil {
			opts.MasterName = master
		}
		return opts, err
	case "cluster":
		if strings.Trim(u.Path, "/") != "" {
			return nil, errors.New("a Cluster has no databases: leave the path out")
		}
		opts, err := several(u, "6379")
		if opts != nil {
			opts.IsClusterMode = true
		}
		return opts, err
	}
	return nil, errScheme
}

// single has go-redis read what is left of a URL: one host, the database, the query.
func single(u *url.URL) (*redis.UniversalOptions, error) {
	o, err := redis.ParseURL(u.String())
	if err != nil {
		if _, isURL := errors.AsType[*url.Error](err); isURL {
			err = errURL
		}
		return nil, err
	}
	return &redis.UniversalOptions{
		Addrs: []string{o.Addr}, DB: o.DB, Username: o.Username, Password: o.Password, ClientName: o.ClientName,
		Protocol: cmp.Or(o.Protocol, 2), TLSConfig: o.TLSConfig,
		DialTimeout: cmp.Or(o.DialTimeout, urlTimeout), ReadTimeout: cmp.Or(o.ReadTimeout, urlTimeout),
		WriteTimeout: cmp.Or(o.WriteTimeout, urlTimeout), ContextTimeoutEnabled: true,
		// A subscriber and a publisher try again by themselves, with a backoff.
		DialerRetries: 1,
		MaxRetries:    o.MaxRetries, MinRetryBackoff: o.MinRetryBackoff, MaxRetryBackoff: o.MaxRetryBackoff,
		PoolFIFO: o.PoolFIFO, PoolSize: o.PoolSize, PoolTimeout: o.PoolTimeout, MinIdleConns: o.MinIdleConns,
		MaxIdleConns: o.MaxIdleConns, MaxActiveConns: o.MaxActiveConns, MaxConcurrentDials: o.MaxConcurrentDials,
		ConnMaxIdleTime: o.ConnMaxIdleTime, ConnMaxLifetime: o.ConnMaxLifetime,
		ConnMaxLifetimeJitter: o.ConnMaxLifetimeJitter,
		ReadBufferSize:        urlBuffer, WriteBufferSize: urlBuffer,
		// Without a pool of its own, a pipeline takes a connection, and its buffers, from the one for all commands.
		PipelinePoolSize: cmp.Or(o.PipelinePoolSize, -1), PipelineReadBufferSize: o.PipelineReadBufferSize,
		PipelineWriteBufferSize:  o.PipelineWriteBufferSize,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}, nil
}

// several is single for a list of hosts.
func several(u *url.URL, defaultPort string) (*redis.UniversalOptions, error) {
	var addrs []string
	for host := range strings.SplitSeq(u.Host, ",") {
		if host == "" {
			return nil, errors.New("a host is missing")
		}
		if _, _, err := net.SplitHostPort(host); err != nil {
			host = net.JoinHostPort(strings.Trim(host, "[]"), defaultPort)
		}
		addrs = append(addrs, host)
	}
	u.Host = addrs[0]
	opts, err := single(u)
	if err != nil {
		return nil, err
	}
	opts.Addrs = addrs
	if opts.TLSConfig != nil && len(addrs) > 1 {
		// go-redis fills in the host that it dials.
		opts.TLSConfig.ServerName = ""
	}
	return opts, nil
}
