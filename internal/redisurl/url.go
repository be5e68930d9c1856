// Package redisurl reads the URLs by which operators and proxies name their Redis.
package redisurl

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Parse returns the options of a client. A part that Parse does not understand is an error,
// because a publisher that ignores it writes to another server. No part of the URL is in an
// error, because each part of a mistyped URL may be a password.
func Parse(rawURL string) (*redis.UniversalOptions, error) {
	p, err := split(rawURL)
	if err != nil {
		return nil, err
	}
	t, err := p.target()
	if err != nil {
		return nil, err
	}
	values, err := parseQuery(p.query, p.scheme)
	if err != nil {
		return nil, err
	}
	return newOptions(p, t, values)
}

// target is what the hosts and the path of a URL name.
type target struct {
	addrs    []string
	host     string // the only host of a redis URL, as in a certificate
	master   string
	database string // empty if the path has none
}

const (
	sentinelForm = "redis+sentinel://HOST:PORT,HOST:PORT/MASTER"
	clusterForm  = "redis+cluster://HOST:PORT,HOST:PORT"
	socketForm   = "unix:///PATH"
)

var (
	errSocketHost = problem("a socket has no host",
		socketForm+", with three slashes; a / in a user name or a password is written %2F")
	errSocket   = problem("the path of the socket is missing", socketForm)
	errList     = problem("several hosts require a scheme for them", sentinelForm+" or "+clusterForm)
	errDatabase = problem("the path is not a database number",
		"redis://HOST:PORT/NUMBER; a / in a user name or a password is written %2F")
	errMaster         = problem("the name of the master is missing", sentinelForm)
	errMasterName     = problem("the name of the master contains a comma, a colon, a slash or an @", sentinelForm)
	errCluster        = problem("a Cluster has no databases", clusterForm+", without a path")
	errPathPercent    = problem("the path is not percent-encoded", "a % is written %25")
	errSentinelSuffix = problem("the path has more than a master and a database", sentinelForm+"/NUMBER")
)

// problem returns an error of the form "problem (what is accepted)".
func problem(what, accepted string) error { return fmt.Errorf("%s (%s)", what, accepted) }

func (p parts) target() (target, error) {
	switch {
	case p.scheme == "unix":
		return p.socket()
	case p.isSentinel():
		return p.sentinel()
	case p.isCluster():
		if strings.Trim(p.path, "/") != "" {
			return target{}, errCluster
		}
		return p.list(clusterForm, "6379")
	}
	return p.server()
}

// socket reads unix:///PATH.
func (p parts) socket() (target, error) {
	path, err := url.PathUnescape(p.path)
	switch {
	case p.hosts != "":
		return target{}, errSocketHost
	case err != nil:
		return target{}, errPathPercent
	case strings.ContainsRune(path, 0):
		return target{}, errBlank
	case strings.HasSuffix(path, "/") || path == "":
		return target{}, errSocket
	}
	return target{addrs: []string{path}}, nil
}

// server reads redis://HOST:PORT/NUMBER.
func (p parts) server() (target, error) {
	if strings.Contains(p.hosts, ",") {
		return target{}, errList
	}
	addr, host, err := address(p.hosts, "6379")
	if err != nil {
		return target{}, err
	}
	database := strings.Trim(p.path, "/")
	if database != "" && !isDatabase(database) {
		return target{}, errDatabase
	}
	return target{addrs: []string{addr}, host: host, database: database}, nil
}

// sentinel reads redis+sentinel://HOST:PORT,HOST:PORT/MASTER/NUMBER.
func (p parts) sentinel() (target, error) {
	t, err := p.list(sentinelForm, "26379")
	if err != nil {
		return target{}, err
	}
	segment, database, _ := strings.Cut(strings.Trim(p.path, "/"), "/")
	if t.master, err = url.PathUnescape(segment); err != nil {
		return target{}, errPathPercent
	}
	t.database = strings.Trim(database, "/")
	switch {
	case t.master == "":
		return target{}, errMaster
	case strings.ContainsAny(t.master, "@,:/"):
		return target{}, errMasterName
	case strings.Contains(t.database, "/"):
		return target{}, errSentinelSuffix
	case t.database != "" && !isDatabase(t.database):
		return target{}, errDatabase
	}
	return t, nil
}

// list reads HOST:PORT,HOST:PORT.
func (p parts) list(form, defaultPort string) (target, error) {
	var t target
	for host := range strings.SplitSeq(p.hosts, ",") {
		if host == "" && p.hosts != "" {
			return target{}, problem("a host in the list is empty", form)
		}
		addr, _, err := address(host, defaultPort)
		if err != nil {
			return target{}, err
		}
		t.addrs = append(t.addrs, addr)
	}
	return t, nil
}

// isDatabase reports whether the text is the number of a database.
func isDatabase(text string) bool {
	_, err := number(text, 1<<30)
	return err == nil
}

// number reads decimal digits up to a maximum.
func number(text string, most int) (n int, err error) {
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return 0, errNumber
		}
		if n = 10*n + int(c-'0'); n > most {
			return 0, errNumber
		}
	}
	if text == "" {
		return 0, errNumber
	}
	return n, nil
}

var errNumber = errors.New("not a number in the range")
