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
	errDatabase = errors.New("what the path names is not the number of a database (a / in a user name or a password is " +
		"written %2F)")
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

// cutHosts takes the hosts out of a Sentinel's or a Cluster's URL: net/url knows no list of them, and takes a port only
// on the last.
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
		return nil, errURL // the path began within a password, which no Sentinel shall be asked for
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

// single has go-redis read what is left of a URL: one host, the database, the query.
func single(u *url.URL) (*redis.UniversalOptions, error) {
	o, err := redis.ParseURL(u.String())
	if err != nil {
		return nil, whyRefused(u)
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

// whyRefused says what go-redis does not take in a URL. Its own errors quote parts of the URL, which are parts of a
// password where that is not percent-encoded; of an option, only a name that go-redis knows is told.
func whyRefused(u *url.URL) error {
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
		if !takes(url.Values{name: {""}}) { // of those that it knows, each may be empty
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
		// go-redis dials also what Sentinel or Cluster names; crypto/tls then expects the name that was dialled.
		opts.TLSConfig.ServerName = ""
	}
	return opts, nil
}
