package fleetdial

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/testutil"
)

// as returns the client of a new user with exactly these rules.
func as(t testing.TB, server *testutil.Redis, user string, rules []string) *redis.Client {
	t.Helper()
	admin := server.Client(t)
	args := []any{"ACL", "SETUSER", user}
	for _, rule := range rules {
		args = append(args, rule)
	}
	require.NoError(t, admin.Do(t.Context(), args...).Err())
	opts := *admin.Options()
	opts.Username, opts.Password, opts.ClientName, opts.MaxRetries = user, "secret", "fleetdial", -1
	client := redis.NewClient(&opts)
	t.Cleanup(func() { _ = client.Close() })
	require.Error(t, client.Ping(t.Context()).Err(), "a user without a password cannot log in")
	require.NoError(t, admin.Do(t.Context(), "ACL", "SETUSER", user, ">secret").Err())
	return client
}

func TestACL_AllowsWhatIsNeeded(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	acl, err := NewACL("prod")
	require.NoError(t, err)
	proxy, publisher := as(t, server, "proxy", acl.Proxy), as(t, server, "publisher", acl.Publisher)
	server.Do(t, "ACL", "LOG", "RESET")

	pub := newTestPublisher(t, publisher, PublisherConfig{Fleet: "prod"})
	cfg := testConfig()
	cfg.Fleet, cfg.Instance, cfg.ReportInterval = "prod", "web", 100*time.Millisecond
	log := &logBuffer{}
	cfg.Logger = log.logger()
	sub := subscribe(t, proxy, cfg)
	roster := rosterOf(t, pub, 1)
	rev, err := pub.Publish(t.Context(), setOf(t, "a"), PublishOptions{})
	require.NoError(t, err)
	_, err = pub.Wait(t.Context(), rev, roster, WaitOptions{})
	require.NoError(t, err)
	_, err = pub.Update(t.Context(), func(current Revision) (*Set, error) {
		return current.Set, nil
	}, PublishOptions{})
	require.NoError(t, err)
	_, _, err = pub.Rollback(t.Context(), 1, RollbackOptions{})
	require.NoError(t, err)
	eventually(t, sub, "a")
	require.NoError(t, server.Client(t).Set(t.Context(), "fleetdial:{prod}", "", 0).Err())
	require.NoError(t, sub.Refresh(t.Context()), "the fetch that tells an empty value from a missing key is allowed")
	require.NoError(t, sub.Close())
	assert.Zero(t, log.lines("NOPERM"))
	assert.Empty(t, denials(t, server))
	assert.Zero(t, server.Client(t).Exists(t.Context(), "fleetdial:{prod}:instance:web").Val(), "Close removes the report")
}

// denials returns the commands that a server has denied to any user.
func denials(t testing.TB, server *testutil.Redis) []any {
	t.Helper()
	log, err := server.Client(t).Do(t.Context(), "ACL", "LOG").Slice()
	require.NoError(t, err)
	return log
}

func TestACL_AllowsDatabaseAndClientName(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	acl, err := NewACL("prod")
	require.NoError(t, err)
	clients := make([]*redis.Client, 2)
	for i, rules := range [][]string{acl.Proxy, acl.Publisher} {
		opts := *as(t, server, fmt.Sprint("user", i), rules).Options()
		opts.DB = 1
		clients[i] = redis.NewClient(&opts)
		t.Cleanup(func() { _ = clients[i].Close() })
	}
	server.Do(t, "ACL", "LOG", "RESET")
	cfg := testConfig()
	cfg.Fleet = "prod"
	s := subscribe(t, clients[0], cfg)
	publish(t, newTestPublisher(t, clients[1], PublisherConfig{Fleet: "prod"}), "a")
	eventually(t, s, "a")
	assert.Empty(t, denials(t, server))
}

func TestACL_AllowsCluster(t *testing.T) {
	t.Parallel()
	cluster := testutil.StartCluster(t)
	acl, err := NewACL("prod")
	require.NoError(t, err)
	var addrs []string
	for _, node := range cluster.Nodes {
		addrs = append(addrs, node.Addr())
		for user, rules := range map[string][]string{"proxy": acl.Proxy, "publisher": acl.Publisher} {
			args := []any{"ACL", "SETUSER", user}
			for _, rule := range append(rules, ">secret") {
				args = append(args, rule)
			}
			node.Do(t, args...)
		}
	}
	client := func(user string) redis.UniversalClient {
		c := redis.NewClusterClient(&redis.ClusterOptions{
			Addrs: addrs, Username: user, Password: "secret", ClientName: "fleetdial", Protocol: 2, ContextTimeoutEnabled: true,
		})
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	log := &logBuffer{}
	cfg := testConfig()
	cfg.Fleet, cfg.Instance, cfg.ReportInterval = "prod", "web", 100*time.Millisecond
	cfg.Logger = log.logger()
	s := subscribe(t, client("proxy"), cfg)
	p := newTestPublisher(t, client("publisher"), PublisherConfig{Fleet: "prod"})
	roster := rosterOf(t, p, 1)
	rev, err := p.Publish(t.Context(), setOf(t, "a"), PublishOptions{})
	require.NoError(t, err)
	_, err = p.Wait(t.Context(), rev, roster, WaitOptions{})
	require.NoError(t, err)
	eventually(t, s, "a")
	require.NoError(t, s.Close())
	assert.Zero(t, log.lines("NOPERM"))
	for _, node := range cluster.Nodes {
		assert.Empty(t, denials(t, node))
	}
}

func TestACL_AllowsNothingElse(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	acl, err := NewACL("prod")
	require.NoError(t, err)
	proxy, publisher := as(t, server, "proxy", acl.Proxy), as(t, server, "publisher", acl.Publisher)
	for _, forbidden := range [][]any{
		{"SET", "fleetdial:{prod}", ""},
		{"DEL", "fleetdial:{prod}"},
		{"PUBLISH", "fleetdial:{prod}", "x"},
		{"SPUBLISH", "fleetdial:{prod}", "x"},
		{"LPUSH", "fleetdial:{prod}:history", "x"},
		{"SET", "fleetdial:{other}:instance:web", "x"},
		{"GETRANGE", "fleetdial:{other}", 0, 1},
		{"STRLEN", "fleetdial:{other}"},
		{"SUBSCRIBE", "fleetdial:{other}"},
		{"SSUBSCRIBE", "fleetdial:{prod}"},
		{"ZADD", "fleetdial:{other}:fleet", 1, "x"},
		{"GET", "fleetdial:{prod}"},
		{"LRANGE", "fleetdial:{prod}:history", 0, 1},
		{"GETRANGE", "fleetdial:{prod}:history", 0, 1},
		{"GETRANGE", "fleetdial:{other}:instance:web", 0, 9},
		{"ZREVRANGE", "fleetdial:{prod}:fleet", 0, 9},
		{"EVAL", "return 1", 0},
		{"FLUSHALL"},
		{"CONFIG", "GET", "*"},
		{"ACL", "LIST"},
	} {
		err := proxy.Do(t.Context(), forbidden...).Err()
		assert.True(t, redis.HasErrorPrefix(err, "NOPERM"), "a proxy: %v: %v", forbidden, err)
	}
	for _, forbidden := range [][]any{
		{"SET", "fleetdial:{other}", ""},
		{"PUBLISH", "fleetdial:{other}", "x"},
		{"DEL", "fleetdial:{other}"},
		{"SET", "fleetdial:{prod}:instance:web", "x"},
		{"SET", "fleetdial:{prod}:fleet", "x"},
		{"ZADD", "fleetdial:{prod}:fleet", 1, "x"},
		{"EVAL", "return 1", 0},
		{"FLUSHALL"},
		{"CONFIG", "GET", "*"},
	} {
		err := publisher.Do(t.Context(), forbidden...).Err()
		assert.True(t, redis.HasErrorPrefix(err, "NOPERM"), "a publisher: %v: %v", forbidden, err)
	}
	_, err = NewACL("a b")
	assert.Error(t, err)
}
