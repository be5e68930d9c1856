package fleetdial_test

import (
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
		"redis://127.0.0.1":               {Addrs: []string{"127.0.0.1:6379"}},
		"redis://u:p%40ss@h:1/3":          {Addrs: []string{"h:1"}, Username: "u", Password: "p@ss", DB: 3},
		"redis://[::1]:7":                 {Addrs: []string{"[::1]:7"}},
		"unix:///run/redis.sock?db=2":     {Addrs: []string{"/run/redis.sock"}, DB: 2},
		"redis+sentinel://a,b:2/mymaster": {Addrs: []string{"a:26379", "b:2"}, MasterName: "mymaster"},
		"redis+sentinel://u:p@a/m/4":      {Addrs: []string{"a:26379"}, MasterName: "m", DB: 4, Username: "u", Password: "p"},
		"redis+cluster://a,b:7001":        {Addrs: []string{"a:6379", "b:7001"}, IsClusterMode: true},
		"redis+sentinel://host:26379,host/master/0": {
			Addrs: []string{"host:26379", "host:26379"}, MasterName: "master",
		},
		"redis+sentinel://u:p%40,%2F@a:1,b:2/m/4?client_name=a@b": {
			Addrs: []string{"a:1", "b:2"}, MasterName: "m", DB: 4, Username: "u", Password: "p@,/", ClientName: "a@b",
		},
		"redis+cluster://[::1]:1,[::1]:2": {Addrs: []string{"[::1]:1", "[::1]:2"}, IsClusterMode: true},
		"redis+cluster://[::1],b:2,c?pool_size=3": {
			Addrs: []string{"[::1]:6379", "b:2", "c:6379"}, IsClusterMode: true, PoolSize: 3,
		},
		"redis+cluster://:p@a:1,b:2/?client_name=x": {
			Addrs: []string{"a:1", "b:2"}, IsClusterMode: true, Password: "p", ClientName: "x",
		},
	} {
		got, err := fleetdial.ParseURL(url)
		require.NoError(t, err, url)
		assert.Equal(t, want.Addrs, got.Addrs, url)
		assert.Equal(t, want.Username, got.Username, url)
		assert.Equal(t, want.Password, got.Password, url)
		assert.Equal(t, want.DB, got.DB, url)
		assert.Equal(t, want.ClientName, got.ClientName, url)
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
	assert.Equal(t, 7*time.Second, one.ReadTimeout)
	// A single seed names no other node, so its name must not be expected of all.
	for _, url := range []string{
		"rediss+cluster://a,b", "rediss+cluster://a", "rediss+sentinel://a/m", "rediss+sentinel://a:1,b:2/m",
	} {
		opts, err := fleetdial.ParseURL(url)
		require.NoError(t, err, url)
		require.NotNil(t, opts.TLSConfig, url)
		assert.Empty(t, opts.TLSConfig.ServerName, url)
	}
}

func TestParseURL_ErrorsShowNoPart(t *testing.T) {
	t.Parallel()
	for url, reason := range map[string]string{
		"":                                                     "unknown scheme",
		"127.0.0.1:6379":                                       "not a valid URL",
		"http://hunter2@h":                                     "unknown scheme",
		"redis://:hunter2 x@h":                                 "not a valid URL",
		"redis://:hunter2@h:port":                              "not a valid URL",
		"redis://:hunter2%zz@h":                                "not a valid URL",
		"redis://:hunter2/x@h":                                 "not a valid URL",
		"redis://h/hunter2":                                    "not a database number",
		"redis://ops:12#hunter2@h":                             "not a valid URL",
		"redis://ops:12/34hunter2@h:1":                         "not a database number",
		"redis://:hunter2@h/1/2":                               "not a database number",
		"redis://h?db=hunter2":                                 "the option db in the query has no valid value",
		"redis://ops:12?hunter2@h":                             "an option in the query is unknown",
		"redis://:hunter2@h?nonsense=1":                        "an option in the query is unknown",
		"redis://h?hunter2=1&read_timeout=1":                   "an option in the query is unknown",
		"redis://h?read_timeout=hunter2":                       "the option read_timeout in the query has no valid value",
		"redis://h?pool_size=1&pool_size=hunter2":              "the option pool_size in the query has no valid value",
		"redis://h?pool_fifo=hunter2":                          "the option pool_fifo in the query has no valid value",
		"rediss://h?skip_verify=hunter2":                       "the option skip_verify in the query has no valid value",
		"redis://:hunter2@h?idle_timeout=1&conn_max_idle_time": "two names of the same option",
		"unix://?db=hunter2":                                   "the path of the socket is missing",
		"unix:///x?db=hunter2":                                 "the option db in the query has no valid value",
		"unix+cluster:///x":                                    "unknown scheme",
		"redis+nonsense://:hunter2@h":                          "unknown scheme",
		"redis+sentinel://:hunter2@h":                          "the name of the master is missing",
		"redis+sentinel://a,,b/m":                              "a host is missing",
		"redis+sentinel://a:hunter2,b/m":                       "not a valid URL",
		"redis+sentinel://ops:12/34hunter2@a:1/m":              "not a valid URL",
		"redis+sentinel://a/m/hunter2":                         "not a database number",
		"redis+sentinel://a/m?read_timeout=hunter2":            "the option read_timeout in the query has no valid value",
		"redis+cluster://":                                     "a host is missing",
		"redis+cluster://:hunter2@h/1":                         "a Cluster has no databases",
		"redis+cluster://ops:12/hunter2@h":                     "a Cluster has no databases",
		"redis+cluster://a,hunter2 :1":                         "not a valid URL",
		"redis+cluster://ops:12?hunter2@h":                     "an option in the query is unknown",
	} {
		_, err := fleetdial.ParseURL(url)
		if assert.ErrorContains(t, err, reason, url) {
			assert.NotContains(t, err.Error(), "hunter2", url)
		}
	}
}
