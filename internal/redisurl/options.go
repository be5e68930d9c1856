package redisurl

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"maps"
	"net/url"
	"strconv"
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

// maxLifetime is the default age at which a pooled connection is closed. A name that moves to
// another server while the old server lives moves no open connection.
const maxLifetime = 10 * time.Minute

// jitterShare is the default part of the age by which go-redis varies it both ways, so that
// the connections of a fleet are not opened again at once.
const jitterShare = 5

var errTwoDatabases = problem("the path and the option db both have a database", "one of them")

// newOptions returns the options of a client of the target.
func newOptions(p parts, t target, values url.Values) (*redis.UniversalOptions, error) {
	if t.database != "" && values.Get("db") != "" {
		return nil, errTwoDatabases
	}
	database, _ := strconv.Atoi(cmp.Or(t.database, values.Get("db"), "0")) // target and parseQuery check it
	o, err := common(values)
	if err != nil {
		return nil, err
	}
	o.Addrs, o.DB, o.MasterName, o.IsClusterMode = t.addrs, database, t.master, p.isCluster()
	o.Username = p.user.Username()
	o.Password, _ = p.user.Password()
	o.SentinelUsername, o.SentinelPassword = values.Get("sentinel_username"), values.Get("sentinel_password")
	if p.hasTLS() {
		// go-redis also dials hosts that Sentinel or Cluster names. Without a ServerName, crypto/tls
		// expects the name that was dialled.
		skip := values.Get("skip_verify")
		o.TLSConfig = &tls.Config{
			ServerName: t.host, MinVersion: tls.VersionTLS12, InsecureSkipVerify: skip == "true" || skip == "1",
		}
	}
	if name := values.Get("client_name"); name != "" {
		NameConnections(o, name)
	}
	return o, nil
}

// own are the options that go-redis does not read from a query.
var own = []string{"db", "skip_verify", "sentinel_username", "sentinel_password", "client_name"}

// common has go-redis read the options that all kinds of clients have.
func common(values url.Values) (*redis.UniversalOptions, error) {
	values = maps.Clone(values)
	for _, name := range own {
		values.Del(name)
	}
	if values.Get("conn_max_lifetime") == "" && values.Get("max_conn_age") == "" {
		// go-redis limits a jitter to the age in the query.
		values.Del("max_conn_age")
		values.Set("conn_max_lifetime", maxLifetime.String())
	}
	o, err := redis.ParseURL("redis://host?" + values.Encode())
	if err != nil {
		return nil, errQuery // its error quotes the query
	}
	if values.Get("conn_max_lifetime_jitter") == "" {
		o.ConnMaxLifetimeJitter = max(o.ConnMaxLifetime/jitterShare, 0)
	}
	return &redis.UniversalOptions{
		Protocol:    cmp.Or(o.Protocol, 2),
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

// NameConnections gives each connection of a client a name in CLIENT LIST, if Redis permits
// it. With ClientName instead, go-redis closes each connection on which it does not, because
// CLIENT is disabled or denied.
func NameConnections(opts *redis.UniversalOptions, name string) {
	opts.ClientName = ""
	opts.OnConnect = func(ctx context.Context, conn *redis.Conn) error {
		err := conn.ClientSetName(ctx, name).Err()
		if _, replied := errors.AsType[redis.Error](err); replied {
			return nil
		}
		// After any other error, the connection is closed: a late reply would be taken for that of
		// the next command.
		return err
	}
}
