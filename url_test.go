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

// validURLs are URLs and what each means.
var validURLs = map[string]redis.UniversalOptions{
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
}

func TestParseURL(t *testing.T) {
	t.Parallel()
	for url, want := range validURLs {
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
	decoded, err := url.PathUnescape(rawURL) // paths and zones are percent-encoded
	require.NoError(t, err)
	if strings.HasPrefix(addr, "/") {
		require.Contains(t, decoded, addr)
		return
	}
	host, port, err := net.SplitHostPort(addr)
	require.NoError(t, err, rawURL)
	require.NotEmpty(t, host, rawURL)
	require.Contains(t, decoded, host, rawURL)
	if port != "6379" && port != "26379" {
		require.Contains(t, decoded, strings.TrimPrefix(addr, host), rawURL)
	}
}
