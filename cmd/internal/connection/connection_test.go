package connection

import (
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFlags_HasPassword(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]bool{
		"redis://h":                                    false,
		"redis://ann@h":                                false,
		"redis://ann:p@h":                              true,
		"unix://:p@/run/redis.sock":                    true,
		"redis+sentinel://:p@h:1,h:2/main/0":           true,
		"redis+sentinel://h/main?sentinel_password=p":  true,
		"redis+sentinel://h/main?sentinel_password=":   false,
		"redis+sentinel://h/main?sentinel_username=p":  false,
		"rediss+sentinel://h/main?sentinel_password=p": true,
		"redis+cluster://:p@[::1]:1,[::1]:2":           true,
		"redis+cluster://[::1]:1,[::1]:2":              false,
	} {
		f := Flags{URL: url, sentinelPassword: "p"} // a variable is not in the URL
		assert.Equal(t, want, f.HasPassword(), url)
	}
}

// register returns the flags for a command line and an environment.
func register(t *testing.T, env map[string]string, args ...string) *Flags {
	var f Flags
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	f.Register(flags, "redis-tls", func(name string) string { return env[name] })
	require.NoError(t, flags.Parse(args))
	return &f
}

func TestFlags_SentinelVariables(t *testing.T) {
	t.Parallel()
	env := map[string]string{"FLEETDIAL_SENTINEL_USERNAME": "ann", "FLEETDIAL_SENTINEL_PASSWORD": "p@ 1%"}
	for url, want := range map[string][2]string{
		"redis+sentinel://a,b/m":                                             {"ann", "p@ 1%"},
		"rediss+sentinel://a,b/m?sentinel_username=bob":                      {"bob", "p@ 1%"},
		"redis+sentinel://u:p@a/m?sentinel_username=bob&sentinel_password=q": {"bob", "q"},
		"redis+sentinel://a/m?sentinel_password=q":                           {"ann", "q"},
		"redis://h":           {},
		"unix:///s":           {},
		"redis+cluster://h,i": {},
	} {
		opts, err := register(t, env, "--redis-url", url).Options("test")
		require.NoError(t, err, url)
		assert.Equal(t, want, [2]string{opts.SentinelUsername, opts.SentinelPassword}, url)
	}
}

func TestFlags_HelpShowsNoVariable(t *testing.T) {
	t.Parallel()
	var f Flags
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	f.Register(flags, "tls", func(string) string { return "hunter2" })
	assert.Equal(t, "hunter2", f.URL)
	assert.NotContains(t, flags.FlagUsages(), "hunter2")
	_, err := f.Options("test")
	require.ErrorContains(t, err, "--redis-url: ")
	assert.NotContains(t, err.Error(), "hunter2")
}

func TestFlags_TLS(t *testing.T) {
	t.Parallel()
	env := map[string]string{"FLEETDIAL_REDIS_URL": "rediss://h", "FLEETDIAL_TLS_CERT": "/nowhere/cert.pem"}
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "--redis-tls-cert and --redis-tls-key: must be set together"},
		{[]string{"--redis-tls-cert="}, ""},
		{[]string{"--redis-tls-key=k"}, "--redis-tls-cert and --redis-tls-key: open /nowhere/cert.pem"},
		{[]string{"--redis-tls-ca=/nowhere/ca.pem"}, "--redis-tls-ca: open /nowhere/ca.pem"},
		{[]string{"--redis-tls-ca=connection.go"}, "--redis-tls-ca: connection.go: no PEM certificate"},
		{[]string{"--redis-url=redis://h"}, "--redis-tls-ca, --redis-tls-cert and --redis-tls-key: require a rediss:// URL"},
	} {
		opts, err := register(t, env, c.args...).Options("test")
		if c.want == "" {
			require.NoError(t, err)
			assert.NotNil(t, opts.TLSConfig)
			continue
		}
		require.ErrorContains(t, err, c.want)
	}
}

func TestFlags_Server(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"redis://ann:p@h:1/2":                              "redis://h:1/2",
		"rediss://:p@h?db=3":                               "rediss://h:6379/3",
		"unix://:p@/run/redis.sock?db=1":                   "unix:///run/redis.sock?db=1",
		"redis+sentinel://:p@h:1,i/main/2":                 "redis+sentinel://h:1,i:26379/main/2",
		"rediss+cluster://:p@[::1]:1,h":                    "rediss+cluster://[::1]:1,h:6379",
		"redis+sentinel://h/main?sentinel_password=geheim": "redis+sentinel://h:26379/main",
		"http://h": "",
	} {
		f := Flags{URL: url}
		assert.Equal(t, want, f.Server(), url)
		assert.False(t, f.IsDefault(), url)
		if want != "" {
			again := Flags{URL: f.Server()}
			assert.Equal(t, want, again.Server(), "the server's URL names the same server")
		}
	}
	assert.True(t, register(t, nil).IsDefault())
	assert.True(t, register(t, map[string]string{"FLEETDIAL_REDIS_URL": local}).IsDefault())
	assert.False(t, register(t, map[string]string{"FLEETDIAL_REDIS_URL": "redis://h"}).IsDefault())
}

func TestFlags_Ping(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"redis://ann:p@h:1/2":           "redis-cli -u redis://h:1 ping",
		"rediss://:p@h":                 "redis-cli -u rediss://h:6379 ping",
		"unix://:p@/run/redis.sock":     "redis-cli -s /run/redis.sock ping",
		"redis+sentinel://:p@h:1,i/m":   "redis-cli -u redis://h:1 ping",
		"rediss+cluster://:p@[::1]:1,h": "redis-cli -u rediss://[::1]:1 ping",
		"http://h":                      "",
	} {
		f := Flags{URL: url}
		assert.Equal(t, want, f.Ping(), url)
	}
}
