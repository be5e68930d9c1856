// Package redisurl reads the URLs by which operators and proxies name their Redis.
package redisurl

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// urlTimeout is the default bound of each dial, read and write. It is shorter than the three
// seconds within which a dead connection is noticed.
const urlTimeout = 2 * time.Second

// urlBuffer is the size of a connection's buffers, in bytes. Announcements and headers are
// small, and larger values bypass the buffer. The default of go-redis is 32 KiB.
const urlBuffer = 4 << 10

var (
	errURL    = errors.New("is not a valid URL (special characters in a user name or a password are percent-encoded)")
	errScheme = errors.New("has an unknown scheme (redis, rediss, unix, redis+sentinel, rediss+sentinel, redis+cluster or " +
		"rediss+cluster)")
	errDatabase = errors.New("has a path that is not a database number (a / in a user name or a password is written %2F)")
)

// Parse returns the options of a client. No part of the URL is in an error, because it may
// hold a password.
func Parse(rawURL string) (*redis.UniversalOptions, error) {
	rest, hosts := cutHosts(rawURL)
	u, err := url.Parse(rest)
	if err != nil || u.Fragment != "" { // a # in a password, say
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
		return sentinel(u, hosts)
	case "cluster":
		return cluster(u, hosts)
	}
	return nil, errScheme
}

// cutHosts takes the hosts out of a Sentinel's or a Cluster's URL. net/url does not know lists
// of hosts, and accepts a port only on the last.
func cutHosts(rawURL string) (rest, hosts string) {
	scheme, after, found := strings.Cut(rawURL, "://")
	if !found || !strings.Contains(scheme, "+") {
		return rawURL, ""
	}
	end := len(after)
	if i := strings.IndexAny(after, "/?#"); i >= 0 {
		end = i
	}
	start := strings.LastIndex(after[:end], "@") + 1
	return scheme + "://" + after[:start] + after[end:], after[start:end]
}

func sentinel(u *url.URL, hosts string) (*redis.UniversalOptions, error) {
	master, db, _ := strings.Cut(strings.Trim(u.Path, "/"), "/")
	switch {
	case master == "":
		return nil, errors.New("the name of the master is missing: redis+sentinel://host/MASTER")
	case strings.Contains(master, "@"):
		return nil, errURL // the path began within a password, which must not become a master's name
	}
	u.Path, u.RawPath = "/"+db, ""
	opts, err := several(u, hosts, "26379")
	if err != nil {
		return nil, err
	}
	opts.MasterName = master
	return opts, nil
}

func cluster(u *url.URL, hosts string) (*redis.UniversalOptions, error) {
	if strings.Trim(u.Path, "/") != "" {
		return nil, errors.New("a Cluster has no databases: leave the path out")
	}
	opts, err := several(u, hosts, "6379")
	if err != nil {
		return nil, err
	}
	opts.IsClusterMode = true
	return opts, nil
}

// single has go-redis read the rest of a URL: one host, the database and the query.
func single(u *url.URL) (*redis.UniversalOptions, error) {
	o, err := redis.ParseURL(u.String())
	if err != nil {
		return nil, explain(u)
	}
	return &redis.UniversalOptions{
		Addrs: []string{o.Addr}, DB: o.DB, Username: o.Username, Password: o.Password, ClientName: o.ClientName,
		Protocol: cmp.Or(o.Protocol, 2), TLSConfig: o.TLSConfig,
		DialTimeout: cmp.Or(o.DialTimeout, urlTimeout), ReadTimeout: cmp.Or(o.ReadTimeout, urlTimeout),
		WriteTimeout: cmp.Or(o.WriteTimeout, urlTimeout), ContextTimeoutEnabled: true,
		// A subscriber and a publisher retry with a backoff of their own.
		DialerRetries: 1,
		MaxRetries:    o.MaxRetries, MinRetryBackoff: o.MinRetryBackoff, MaxRetryBackoff: o.MaxRetryBackoff,
		PoolFIFO: o.PoolFIFO, PoolSize: o.PoolSize, PoolTimeout: o.PoolTimeout, MinIdleConns: o.MinIdleConns,
		MaxIdleConns: o.MaxIdleConns, MaxActiveConns: o.MaxActiveConns, MaxConcurrentDials: o.MaxConcurrentDials,
		ConnMaxIdleTime: o.ConnMaxIdleTime, ConnMaxLifetime: o.ConnMaxLifetime,
		ConnMaxLifetimeJitter: o.ConnMaxLifetimeJitter,
		ReadBufferSize:        urlBuffer, WriteBufferSize: urlBuffer,
		// Without a pool of its own, a pipeline uses a connection from the pool of all commands.
		PipelinePoolSize: cmp.Or(o.PipelinePoolSize, -1), PipelineReadBufferSize: o.PipelineReadBufferSize,
		PipelineWriteBufferSize:  o.PipelineWriteBufferSize,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}, nil
}

// explain says what go-redis does not accept in a URL. Its own errors quote parts of the URL,
// which are parts of a password if that is not percent-encoded. Of an option, only a name that
// go-redis knows is shown.
func explain(u *url.URL) error {
	takes := func(query url.Values) bool {
		part := *u
		part.RawQuery = query.Encode()
		_, err := redis.ParseURL(part.String())
		return err == nil
	}
	if _, err := url.Parse(u.String()); err != nil {
		return errURL
	}
	if !takes(nil) {
		if u.Scheme == "unix" {
			return errors.New("the path of the socket is missing")
		}
		return errDatabase
	}
	query := u.Query()
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if !takes(url.Values{name: {""}}) { // a known option may be empty
			return errors.New("an option in the query is unknown (a ? in a user name or a password is written %3F)")
		}
		if !takes(url.Values{name: query[name]}) {
			return fmt.Errorf("the option %s in the query has no valid value", name)
		}
	}
	return errors.New("the query has two names of the same option")
}

// several is single for a list of hosts.
func several(u *url.URL, hosts, defaultPort string) (*redis.UniversalOptions, error) {
	var addrs []string
	for host := range strings.SplitSeq(hosts, ",") {
		if host == "" {
			return nil, errors.New("a host is missing")
		}
		h, err := url.Parse("//" + host)
		if err != nil || h.Hostname() == "" {
			return nil, errURL
		}
		addrs = append(addrs, net.JoinHostPort(h.Hostname(), cmp.Or(h.Port(), defaultPort)))
	}
	u.Host = addrs[0]
	opts, err := single(u)
	if err != nil {
		return nil, err
	}
	opts.Addrs = addrs
	if opts.TLSConfig != nil {
		// go-redis also dials hosts that Sentinel or Cluster names. crypto/tls then expects the name
		// that was dialled.
		opts.TLSConfig.ServerName = ""
	}
	return opts, nil
}
