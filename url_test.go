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
	} {
		got, err := fleetdial.ParseURL(url)
		require.NoError(t, err, url)
		assert.Equal(t, want.Addrs, got.Addrs, url)
		assert.Equal(t, want.Username, got.Username, url)
		assert.Equal(t, want.Password, got.Password, url)
		assert.Equal(t, want.DB, got.DB, url)
		assert.Equal(t, want.MasterName, got.MasterName, url)
		assert.Equal(t, want.IsClusterMode, got.IsClusterMode, url)
		assert.Nil(t, got.TLSConfig, url)
		assert.Equal(t, 2, got.Protocol, url)
		assert.Equal(t, 2*time.Second, got.ReadTimeout, url)
		assert.True(t, got.ContextTimeoutEnabled, url)
		assert.Equal(t, maintnotifications.ModeDisabled, got.MaintNotificationsConfig.Mode, url)
	}
	tls, err := fleetdial.ParseURL("rediss://h?read_timeout=7s")
	require.NoError(t, err)
	assert.Equal(t, "h", tls.TLSConfig.ServerName)
	assert.Equal(t, 7*time.Second, tls.ReadTimeout)
	tls, err = fleetdial.ParseURL("rediss+cluster://a,b")
	require.NoError(t, err)
	assert.NotNil(t, tls.TLSConfig)
}

func TestParseURLRefusesWithoutShowingIt(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"", "127.0.0.1:6379", "http://hunter2@h", "redis://:hunter2 x@h", "redis://:hunter2@h:port", "redis://h/hunter2",
		"redis://:hunter2@h/1/2", "redis+sentinel://:hunter2@h", "redis+cluster://:hunter2@h/1", "redis+cluster://",
		"unix+cluster:///x", "redis+nonsense://:hunter2@h", "redis://:hunter2@h?nonsense=1", "redis+sentinel://a,,b/m",
		"redis://:hunter2%zz@h",
	} {
		_, err := fleetdial.ParseURL(url)
		if assert.Error(t, err, url) && url != "redis://h/hunter2" {
			assert.NotContains(t, err.Error(), "hunter2", url)
		}
	}
}
