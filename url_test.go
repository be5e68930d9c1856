package fleetdial_test

import (
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
)

func TestParseURL(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]redis.UniversalOptions{
		"redis://127.0.0.1":                  {Addrs: []string{"127.0.0.1:6379"}},
		"redis://my_redis.local.:6380/":      {Addrs: []string{"my_redis.local.:6380"}},
		"redis://höst":                       {Addrs: []string{"höst:6379"}},
		"redis://u:p%40ss@h:1/3":             {Addrs: []string{"h:1"}, Username: "u", Password: "p@ss", DB: 3},
		"redis://u:p@ss@h:1/3/":              {Addrs: []string{"h:1"}, Username: "u", Password: "p@ss", DB: 3},
		"redis://u:p%2F%3F%23%5B%25@h?db=4":  {Addrs: []string{"h:6379"}, Username: "u", Password: "p/?#[%", DB: 4},
		"redis://@h?":                        {Addrs: []string{"h:6379"}},
		"REDIS://h":                          {Addrs: []string{"h:6379"}},
		"redis://[::1]:7":                    {Addrs: []string{"[::1]:7"}},
		"redis://[fe80::1%25eth0]":           {Addrs: []string{"[fe80::1%eth0]:6379"}},
		"redis://[::ffff:127.0.0.1]:7":       {Addrs: []string{"[::ffff:127.0.0.1]:7"}},
		"unix:///run/redis.sock?db=2":        {Addrs: []string{"/run/redis.sock"}, DB: 2},
		"unix:/run/redis.sock":               {Addrs: []string{"/run/redis.sock"}},
		"unix:///run/a%20b %3F@c.sock":       {Addrs: []string{"/run/a b ?@c.sock"}},
		"unix://u:p@/run/redis.sock":         {Addrs: []string{"/run/redis.sock"}, Username: "u", Password: "p"},
		"redis+sentinel://a,b:2/mymaster":    {Addrs: []string{"a:26379", "b:2"}, MasterName: "mymaster"},
		"Redis+Sentinel://a,b:2/my%20master": {Addrs: []string{"a:26379", "b:2"}, MasterName: "my master"},
		"redis+sentinel://u:p@a/m/4":         {Addrs: []string{"a:26379"}, MasterName: "m", DB: 4, Username: "u", Password: "p"},
		"redis+sentinel://u:p@a/m?sentinel_username=ops&sentinel_password=s%40%26%2B%20": {
			Addrs: []string{"a:26379"}, MasterName: "m", Username: "u", Password: "p",
			SentinelUsername: "ops", SentinelPassword: "s@&+ ",
		},
		"redis+cluster://a,b:7001": {Addrs: []string{"a:6379", "b:7001"}, IsClusterMode: true},
		"redis+sentinel://host:26379,host/master/0": {
			Addrs: []string{"host:26379", "host:26379"}, MasterName: "master",
		},
		"redis+sentinel://u:p%40,%2F@a:1,b:2/m?client_name=a@b&db=4": {
			Addrs: []string{"a:1", "b:2"}, MasterName: "m", DB: 4, Username: "u", Password: "p@,/",
		},
		"redis+cluster://[::1]:1,[::1]:2": {Addrs: []string{"[::1]:1", "[::1]:2"}, IsClusterMode: true},
		"redis+cluster://[::1],b:2,c?pool_size=3": {
			Addrs: []string{"[::1]:6379", "b:2", "c:6379"}, IsClusterMode: true, PoolSize: 3,
		},
		"redis+cluster://:p@a:1,b:2/?client_name=x": {Addrs: []string{"a:1", "b:2"}, IsClusterMode: true, Password: "p"},
	} {
		got, err := fleetdial.ParseURL(url)
		require.NoError(t, err, url)
		assert.Equal(t, want.Addrs, got.Addrs, url)
		assert.Equal(t, want.Username, got.Username, url)
		assert.Equal(t, want.Password, got.Password, url)
		assert.Equal(t, want.SentinelUsername, got.SentinelUsername, url)
		assert.Equal(t, want.SentinelPassword, got.SentinelPassword, url)
		assert.Equal(t, want.DB, got.DB, url)
		assert.Empty(t, got.ClientName, url)
		assert.Equal(t, strings.Contains(url, "client_name"), got.OnConnect != nil, url)
		assert.Equal(t, want.PoolSize, got.PoolSize, url)
		assert.Equal(t, want.MasterName, got.MasterName, url)
		assert.Equal(t, want.IsClusterMode, got.IsClusterMode, url)
		assert.Nil(t, got.TLSConfig, url)
		assert.Equal(t, 2, got.Protocol, url)
		assert.Equal(t, 2*time.Second, got.ReadTimeout, url)
		assert.True(t, got.ContextTimeoutEnabled, url)
		assert.Equal(t, maintnotifications.ModeDisabled, got.MaintNotificationsConfig.Mode, url)
	}
}

func TestParseURL_TLS(t *testing.T) {
	t.Parallel()
	one, err := fleetdial.ParseURL("rediss://h?read_timeout=7s")
	require.NoError(t, err)
	assert.Equal(t, "h", one.TLSConfig.ServerName)
	assert.False(t, one.TLSConfig.InsecureSkipVerify)
	assert.Equal(t, 7*time.Second, one.ReadTimeout)
	// A single seed names no other node, so its name must not be expected of all.
	for _, url := range []string{
		"rediss+cluster://a,b", "rediss+cluster://a", "rediss+sentinel://a/m", "rediss+sentinel://a:1,b:2/m?skip_verify=1",
	} {
		opts, err := fleetdial.ParseURL(url)
		require.NoError(t, err, url)
		require.NotNil(t, opts.TLSConfig, url)
		assert.Empty(t, opts.TLSConfig.ServerName, url)
		assert.Equal(t, strings.Contains(url, "skip_verify"), opts.TLSConfig.InsecureSkipVerify, url)
	}
}

func TestParseURL_Options(t *testing.T) {
	t.Parallel()
	got, err := fleetdial.ParseURL("redis://h?protocol=3&max_retries=-1&min_retry_backoff=1ms&max_retry_backoff=2ms&" +
		"dial_timeout=3&read_timeout=0&write_timeout=5s&pool_fifo=true&pool_size=6&pool_timeout=7s&min_idle_conns=1&" +
		"max_idle_conns=2&max_active_conns=9&max_concurrent_dials=3&pipeline_pool_size=4&pipeline_read_buffer_size=5&" +
		"pipeline_write_buffer_size=8&idle_timeout=1m&max_conn_age=2m&conn_max_lifetime_jitter=3s&db=")
	require.NoError(t, err)
	assert.Equal(t, []any{3, -1, time.Millisecond, 2 * time.Millisecond}, []any{
		got.Protocol, got.MaxRetries, got.MinRetryBackoff, got.MaxRetryBackoff,
	})
	assert.Equal(t, []any{3 * time.Second, time.Duration(-1), 5 * time.Second, 7 * time.Second}, []any{
		got.DialTimeout, got.ReadTimeout, got.WriteTimeout, got.PoolTimeout,
	})
	assert.Equal(t, []any{true, 6, 1, 2, 9, 3, 4, 5, 8}, []any{
		got.PoolFIFO, got.PoolSize, got.MinIdleConns, got.MaxIdleConns, got.MaxActiveConns, got.MaxConcurrentDials,
		got.PipelinePoolSize, got.PipelineReadBufferSize, got.PipelineWriteBufferSize,
	})
	assert.Equal(t, []any{time.Minute, 2 * time.Minute, 3 * time.Second}, []any{
		got.ConnMaxIdleTime, got.ConnMaxLifetime, got.ConnMaxLifetimeJitter,
	})
}

func TestParseURL_ConnectionLifetime(t *testing.T) {
	t.Parallel()
	for query, want := range map[string][2]time.Duration{
		"":                                     {10 * time.Minute, 2 * time.Minute},
		"?conn_max_lifetime=":                  {10 * time.Minute, 2 * time.Minute},
		"?max_conn_age=":                       {10 * time.Minute, 2 * time.Minute},
		"?conn_max_lifetime_jitter=1m":         {10 * time.Minute, time.Minute},
		"?conn_max_lifetime=1h":                {time.Hour, 12 * time.Minute},
		"?max_conn_age=1h":                     {time.Hour, 12 * time.Minute},
		"?conn_max_lifetime=60":                {time.Minute, 12 * time.Second},
		"?conn_max_lifetime=0":                 {-1, 0},
		"?conn_max_lifetime=1h&pool_size=3":    {time.Hour, 12 * time.Minute},
		"?conn_max_lifetime=1000000h":          {1_000_000 * time.Hour, 200_000 * time.Hour},
		"?conn_max_lifetime_jitter=5s":         {10 * time.Minute, 5 * time.Second},
		"?max_conn_age=9s&client_name=x":       {9 * time.Second, 1800 * time.Millisecond},
		"?conn_max_lifetime=1h&idle_timeout=1": {time.Hour, 12 * time.Minute},
	} {
		for _, url := range []string{"redis://h", "unix:///s", "redis+sentinel://a,b/m", "redis+cluster://a,b"} {
			opts, err := fleetdial.ParseURL(url + query)
			require.NoError(t, err, url+query)
			assert.Equal(t, want, [2]time.Duration{opts.ConnMaxLifetime, opts.ConnMaxLifetimeJitter}, url+query)
			var got [2]time.Duration
			switch client := redis.NewUniversalClient(opts).(type) {
			case *redis.Client:
				got = [2]time.Duration{client.Options().ConnMaxLifetime, client.Options().ConnMaxLifetimeJitter}
				require.NoError(t, client.Close())
			case *redis.ClusterClient:
				got = [2]time.Duration{client.Options().ConnMaxLifetime, client.Options().ConnMaxLifetimeJitter}
				require.NoError(t, client.Close())
			}
			assert.Equal(t, want[0], got[0], "client of %s", url+query)
			assert.Equal(t, max(want[1], 0), max(got[1], 0), "client of %s", url+query)
		}
	}
}

// The word hunter2 stands for a part of a password.
func TestParseURL_Rejected(t *testing.T) {
	t.Parallel()
	const (
		fragment = "the URL has a fragment, which begins with a # (a # in a user name or a password is written %23)"
		blank    = "the URL contains a blank or a control character (a blank in a user name or a password is written %20)"
		ends     = "a blank, a newline or a control character begins or ends the URL (redis://HOST:PORT)"
		quotes   = "quotes begin or end the URL (redis://HOST:PORT)"
		noScheme = "the scheme is missing (redis://HOST:PORT, or unix:///PATH for a socket)"
		scheme   = "the URL has an unknown scheme (redis, rediss, unix, redis+sentinel, rediss+sentinel, redis+cluster or rediss+cluster)"
		slashes  = "the two slashes after the scheme are missing ("
		noHost   = "the host is missing (redis://HOST:PORT; redis://127.0.0.1:6379 for this machine)"
		host     = "a host contains other characters than a host name (letters, digits, dots, dashes and underscores)"
		port     = "a port is not a number from 1 to 65535 (redis://HOST:PORT, or redis://HOST for the default port"
		colons   = "a host contains several colons (redis://HOST:PORT, or redis://[ADDRESS]:PORT for an IPv6 address)"
		brackets = "the brackets do not contain an IPv6 address (redis://[ADDRESS]:PORT)"
		list     = "several hosts require a scheme for them (redis+sentinel://HOST:PORT,HOST:PORT/MASTER or redis+cluster://HOST:PORT,HOST:PORT)"
		database = "the path is not a database number (redis://HOST:PORT/NUMBER; a / in a user name or a password is written %2F)"
		at       = "the path contains an @ (a / in a user name or a password is written %2F)"
		among    = "the user name and the password are not in front of all hosts (redis+cluster://USER:PASSWORD@HOST:PORT,HOST:PORT; a comma in a user name or a password is written %2C)"
		user     = "the user name or the password is not percent-encoded (a % is written %25"
		socket   = "a socket has no host (unix:///PATH, with three slashes; a / in a user name or a password is written %2F)"
		noSocket = "the path of the socket is missing (unix:///PATH)"
		master   = "the name of the master is missing (redis+sentinel://HOST:PORT,HOST:PORT/MASTER)"
		cluster  = "a Cluster has no databases (redis+cluster://HOST:PORT,HOST:PORT, without a path)"
		unknown  = "an option in the query is unknown (the options of go-redis, sentinel_username and sentinel_password; a ? in a user name or a password is written %3F)"
		query    = "the query cannot be read ("
	)
	for rawURL, want := range map[string]string{
		"": "the URL is empty (redis://HOST:PORT)", " ": ends, "redis://h\n": ends, "redis://h\r\n": ends, "\tredis://h": ends,
		"\ufeffredis://h": ends, "redis://h\x00": ends, "redis://hunter2 ": ends,
		`"redis://h"`: quotes, "'redis://:hunter2@h'": quotes, "redis://h'": quotes, "<redis://h>": quotes,
		"redis://:hunter2 x@h": blank, "redis://my host:1": blank, "redis://h\x01i": blank, "redis+cluster://a,hunter2 :1": blank,
		"redis+sentinel://a,b /m": blank, "unix:///a\nb": blank, "unix:///a%00b": blank, "redis://h/1 2": blank,

		"127.0.0.1:6379": noScheme, "localhost": noScheme, "localhost:6379": noScheme, "ops:hunter2@h": noScheme,
		"hunter2@h:1/2": noScheme, "//h:1": noScheme, "/run/redis.sock": noScheme, "[::1]:6379": noScheme, "://h": noScheme,
		"a:1,b:2": noScheme, "URL=redis://h": noScheme, "redis//h": noScheme, "hunter2?x=redis://h": noScheme, "redis": noScheme,
		"http://hunter2@h": scheme, "redis+sentinal://a/m": scheme, "redis+nonsense://:hunter2@h": scheme, "hunter2://h": scheme,
		"unix+cluster:///x": scheme, "redis+unix:///x": scheme, "valkey://h": scheme, "sentinel://a/m": scheme,
		"redis:127.0.0.1:7321": slashes + "redis://HOST:PORT)", "redis:hunter2@h": slashes + "redis://HOST:PORT)",
		"redis:6379": slashes + "redis://HOST:PORT)", "redis:/h:1": slashes + "redis://HOST:PORT)", "redis:": slashes,
		"REDISS:h:1": slashes + "rediss://HOST:PORT)", `redis:\\h`: slashes, "unix:run/x.sock": slashes + "unix:///PATH)",
		"redis+sentinel:a/m": slashes + "redis+sentinel://HOST:PORT,HOST:PORT/MASTER)",
		"redis+cluster:/a,b": slashes + "redis+cluster://HOST:PORT,HOST:PORT)",

		"redis://": noHost, "redis:///": noHost, "redis:///3": noHost, "redis://:6379": noHost, "redis://:hunter2@": noHost,
		"redis://u:hunter2@:1": noHost, "redis:///h:6379": noHost, "redis://?db=1": noHost, "rediss://": noHost,
		"redis+cluster://": noHost, "redis+sentinel:///m": noHost, "redis+sentinel://:26379/m": noHost,
		"redis+sentinel://a,,b/m": "a host in the list is empty (redis+sentinel://HOST:PORT,HOST:PORT/MASTER)",
		"redis+cluster://a,":      "a host in the list is empty (redis+cluster://HOST:PORT,HOST:PORT)",
		"redis://my%20host":       host, "redis://${HOST}": host, "redis://HO$T:1": host, `redis://h\hunter2`: host, "redis+cluster://a;b": host,
		"redis://h:65536": port, "redis://h:0": port, "redis://h:": port, "redis://:hunter2@h:port": port, "redis://h:-1": port,
		"redis://h:+1": port, "redis://[::1]:99999": port, "redis://[::1]:": port, "redis+sentinel://a:hunter2,b/m": port,
		"redis://redis://h": port, "redis://h:99999999999999999999": port, "redis://:hunter2?x@h": noHost, "redis://u:hunter2?@h": port,
		"redis://2001:db8::5": colons, "redis://::1": colons, "redis://2001:db8::5:6379": colons, "redis+cluster://a:1:2": colons,
		"redis://[127.0.0.1]:1": brackets, "redis://[::1": brackets, "redis://::1]": brackets, "redis://[h]:1": brackets,
		"redis://[::1]6379": brackets, "redis://[]": brackets, "redis://h[::1]": brackets, "redis://[::1%zz]": brackets,
		"redis://h:6379,h2:6379": list, "rediss://a,b": list,

		"redis://ops:12#hunter2@h": fragment, "redis://h#": fragment, "redis://h/0#hunter2": fragment,
		"redis+sentinel://a/m?sentinel_password=hunter2#": fragment,
		"redis://h/hunter2": database, "redis://:hunter2@h/1/2": database, "redis://h/-1": database, "redis://h/+1": database,
		"redis://h/99999999999999999999": database, "redis://h/1.5": database, "redis+sentinel://a/m/hunter2": database,
		"redis://u:hunter2@x/y": database, "redis://:hunter2/x@h": at, "redis://ops:12/34hunter2@h:1": at,
		"redis+sentinel://ops:12/34hunter2@a:1/m": at, "redis+cluster://ops:12/hunter2@h": at, "redis://u:p@x/hunter2@h": at,
		"redis://:hunter2%zz@h": user, "redis://u:hunter2^@h": user, "redis+cluster://[hunter2@a": user, "unix://u:%@/s": user,
		"redis+cluster://a,u:hunter2@b": among, "redis+cluster://u:hunter2@a,u:hunter2@b": among, "redis://a:1,hunter2@b,c": list,
		"redis+sentinel://a:1,u:hunter2@b:2/m": among, "redis://a:1,:hunter2@b": among, "redis://a,hunter2@b,c": among,
		"redis://h/3?db=3":         "the path and the option db both have a database (one of them)",
		"redis+sentinel://a/m/1/2": "the path has more than a master and a database (redis+sentinel://HOST:PORT,HOST:PORT/MASTER/NUMBER)",

		"unix://tmp/x.sock": socket, "unix://u:hunter2@tmp/x.sock": socket, "unix://tmp": socket, "unix://u:hunter2/x@/s": socket,
		"unix://": noSocket, "unix:///": noSocket, "unix:///tmp/": noSocket, "unix://?db=hunter2": noSocket, "unix://u:hunter2@": noSocket,
		"unix:///a%zz":             "the path is not percent-encoded (a % is written %25)",
		"redis+sentinel://a/%zz":   "the path is not percent-encoded (a % is written %25)",
		"redis+sentinel://hunter2": master, "redis+sentinel://:hunter2@h/": master, "redis+sentinel://a,b?db=1": master,
		"redis+sentinel://a/b:1/m":      "the name of the master contains a comma, a colon, a slash or an @ (redis+sentinel://HOST:PORT,HOST:PORT/MASTER)",
		"redis+sentinel://a/hunter2%40": "the name of the master contains a comma, a colon, a slash or an @ (",
		"redis+cluster://:hunter2@h/1":  cluster, "redis+cluster://h/0": cluster,

		"redis://h?nonsense=1": unknown, "redis://:hunter2@h?n=1": unknown, "redis://ops:12?hunter2@h": unknown,
		"redis://h?hunter2=1&read_timeout=1": unknown, "redis+cluster://ops:12?hunter2@h": unknown, "redis://h?=1": unknown,
		"redis://h?DB=1": unknown, "redis://h?master_name=hunter2": unknown,
		"redis://h?read_timeout=1;db=hunter2": query, "redis://h?client_name=hunter2%": query,
		"redis://h?pool_size=1&pool_size=hunter2": "the query has the option pool_size more than once (once)",
		"redis://h?idle_timeout=1&conn_max_idle_time": "the query has two names of the same option, " +
			"idle_timeout and conn_max_idle_time (one of them)",
		"redis://h?max_conn_age=1&conn_max_lifetime=": "the query has two names of the same option, max_conn_age and conn_max_lifetime (one of them)",
	} {
		requireRejected(t, rawURL, want)
	}
}

func TestParseURL_RejectedOptions(t *testing.T) {
	t.Parallel()
	const sentinels, servers = "redis+sentinel and rediss+sentinel", "redis, rediss, unix, redis+sentinel and rediss+sentinel"
	for url, option := range map[string][2]string{
		"redis://h?sentinel_password=hunter2":          {"sentinel_password", sentinels},
		"redis://h?sentinel_password=":                 {"sentinel_password", sentinels},
		"rediss://h?sentinel_username=hunter2":         {"sentinel_username", sentinels},
		"unix:///s?sentinel_password=hunter2":          {"sentinel_password", sentinels},
		"redis+cluster://a,b?sentinel_username=hunter": {"sentinel_username", sentinels},
		"redis+cluster://h?db=3":                       {"db", servers},
		"redis+cluster://h?db=0":                       {"db", servers},
		"redis://h?skip_verify=true":                   {"skip_verify", "rediss, rediss+sentinel and rediss+cluster"},
		"unix:///s?skip_verify=true":                   {"skip_verify", "rediss, rediss+sentinel and rediss+cluster"},
	} {
		requireRejected(t, url, "the option "+option[0]+" in the query does not suit the scheme ("+option[1]+")")
	}
	for query, accepted := range map[string]string{
		"db=hunter2": "a database number", "db=-1": "a database number", "protocol=1": "2 or 3", "protocol=hunter2": "2 or 3",
		"read_timeout=hunter2": "a duration such as 5s, or a number of seconds", "conn_max_lifetime=9999999999999": "a duration",
		"conn_max_lifetime=2000000h": "a duration", "dial_timeout=0": "a duration above zero", "dial_timeout=-1s": "a duration above zero",
		"dial_timeout=0ms": "a duration above zero", "pool_size=-1": "a non-negative integer", "pool_size=hunter2": "a non-negative integer",
		"pool_size=4294967296": "a non-negative integer", "pipeline_pool_size=-2": "a non-negative integer, or -1 for none",
		"max_retries=hunter2": "a non-negative integer, or -1 for none", "pool_fifo=hunter2": "true or false",
		"client_name=hunter2%20x": "printable ASCII without blanks",
	} {
		name, _, _ := strings.Cut(query, "=")
		requireRejected(t, "redis://h?"+query, "the option "+name+" in the query has no valid value ("+accepted)
	}
	requireRejected(t, "rediss://h?skip_verify=hunter2", "the option skip_verify in the query has no valid value (true or false)")
	requireRejected(t, "redis+sentinel://a/m?sentinel_password=hunter2+x",
		"the option sentinel_password in the query contains a + (%2B for a plus, %20 for a blank)")
}

// requireRejected requires an error with these words, and without a part of a password.
func requireRejected(t *testing.T, rawURL, want string) {
	t.Helper()
	opts, err := fleetdial.ParseURL(rawURL)
	require.Nil(t, opts, rawURL)
	require.ErrorContains(t, err, "fleetdial: parse the Redis URL: "+want, "%q", rawURL)
	require.NotContains(t, err.Error(), "hunter2", rawURL)
}

// FuzzParseURL parses any text, alone and as each part of a URL.
func FuzzParseURL(f *testing.F) {
	for _, seed := range []string{
		"redis://u:p@h:1/2?db=3", "unix:///a?db=1", "redis+sentinel://a:1,b/m/3?sentinel_password=x", "redis+cluster://[::1]:1,b",
		"p@ss/w%20rd?#", "\n", "[::1%25e]:7", "h:65536", "read_timeout=1&conn_max_lifetime=0",
	} {
		f.Add(seed)
	}
	const password = "zqj7" // no error has it of its own
	f.Fuzz(func(t *testing.T, text string) {
		for _, rawURL := range []string{
			text, "redis://" + text, "redis+cluster://" + text, "redis+sentinel://" + text + "/m", "redis+sentinel://a/" + text,
			"unix://" + text, "redis://h?" + text, "redis+sentinel://a/m?" + text, "redis://h:" + text,
			"redis://u:" + text + password + "@h", "redis+sentinel://" + password + text + "@a,b/m", text + password + "@h",
			"unix://u:" + password + text, "redis+cluster://u:" + password + text, "redis+sentinel://a/m?sentinel_password=" + password + text,
		} {
			opts, err := fleetdial.ParseURL(rawURL)
			if err != nil {
				require.NotContains(t, err.Error(), password, rawURL)
				continue
			}
			for _, addr := range opts.Addrs {
				requireWritten(t, rawURL, addr)
			}
			require.NoError(t, redis.NewUniversalClient(small(*opts)).Close())
		}
		// A password that is percent-encoded is the password.
		text = strings.ReplaceAll(text, " ", "")
		opts, err := fleetdial.ParseURL("redis://u:" + url.QueryEscape(text) + "@h")
		require.NoError(t, err)
		require.Equal(t, text, opts.Password)
	})
}

// small returns the options with a pool that takes no memory.
func small(opts redis.UniversalOptions) *redis.UniversalOptions {
	opts.PoolSize, opts.PipelinePoolSize, opts.MinIdleConns, opts.MaxIdleConns, opts.MaxActiveConns = 1, -1, 0, 0, 0
	return &opts
}

// requireWritten requires that the URL names the address.
func requireWritten(t *testing.T, rawURL, addr string) {
	t.Helper()
	if strings.HasPrefix(addr, "/") {
		decoded, err := url.PathUnescape(rawURL)
		require.NoError(t, err)
		require.Contains(t, decoded, addr)
		return
	}
	host, port, err := net.SplitHostPort(addr)
	require.NoError(t, err, rawURL)
	require.NotEmpty(t, host, rawURL)
	written := strings.ReplaceAll(rawURL, "%25", "%")
	require.Contains(t, written, host, rawURL)
	if port != "6379" && port != "26379" {
		require.Contains(t, written, strings.TrimPrefix(addr, host), rawURL)
	}
}
