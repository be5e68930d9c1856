package fleetdial_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/testutil"
)

// requireFollows publishes through a client, and requires that a subscriber of another client
// applies the revision.
func requireFollows(t *testing.T, url string) redis.UniversalClient {
	t.Helper()
	client := newURLClient(t, url)
	pub, err := fleetdial.NewPublisher(client, fleetdial.PublisherConfig{})
	require.NoError(t, err)
	rev, err := pub.Publish(t.Context(), nil, fleetdial.PublishOptions{})
	require.NoError(t, err)
	sub, err := fleetdial.Subscribe(t.Context(), newURLClient(t, url), fleetdial.SubscriberConfig{Logger: quiet})
	require.NoError(t, err)
	defer sub.Close()
	testutil.Eventually(t, 20*time.Second, "the subscriber has applied the revision", func() bool {
		s := sub.Status()
		return s.State == fleetdial.StateLive && s.Revision.ID == rev.ID
	})
	return client
}

func TestParseURL_SentinelsWithPassword(t *testing.T) {
	t.Parallel()
	const password = "s@cret/?#%25+&"
	s := testutil.StartSentinelsWith(t, testutil.SentinelConfig{
		Password: password,
		// The user may not do CLIENT SETNAME.
		User: "ann on >" + password + " allchannels -@all +auth +hello +ping +sentinel +subscribe +psubscribe",
	})
	const encoded = "s%40cret%2F%3F%23%2525%2B%26"
	requireFollows(t, s.URL()+"?sentinel_password="+encoded)
	requireFollows(t, s.URL()+"?client_name=web&sentinel_username=ann&sentinel_password="+encoded)

	for _, query := range []string{"", "?sentinel_password=wrong", "?sentinel_username=bob&sentinel_password=" + encoded} {
		err := newURLClient(t, s.URL()+query).Ping(t.Context()).Err()
		require.Error(t, err, query)
		assert.NotContains(t, err.Error(), password)
	}
}

// names returns the names of a server's clients.
func names(t *testing.T, server *testutil.Redis) string {
	return fmt.Sprint(server.Do(t, "CLIENT", "LIST"))
}

func TestParseURL_ClientName(t *testing.T) {
	t.Parallel()
	for kind, start := range map[string]func() (url string, servers []*testutil.Redis){
		"single": func() (string, []*testutil.Redis) {
			server := testutil.StartRedis(t)
			return server.URL(), []*testutil.Redis{server}
		},
		"sentinel": func() (string, []*testutil.Redis) {
			s := testutil.StartSentinels(t)
			return s.URL(), s.Servers[:1]
		},
		"cluster": func() (string, []*testutil.Redis) {
			c := testutil.StartCluster(t)
			return c.URL(), c.Nodes
		},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			url, servers := start()
			client := newURLClient(t, url+"?client_name=web-1")
			require.NoError(t, client.Set(t.Context(), "x", "", 0).Err())
			testutil.Eventually(t, 10*time.Second, "a connection has the name", func() bool {
				for _, s := range servers {
					if strings.Contains(names(t, s), "name=web-1 ") {
						return true
					}
				}
				return false
			})
			for _, server := range servers {
				server.Do(t, "ACL", "SETUSER", "default", "-client|setname")
				server.Do(t, "CLIENT", "KILL", "SKIPME", "no", "TYPE", "normal")
			}
			requireFollows(t, url+"?client_name=web-2")
			for _, s := range servers {
				require.NotContains(t, names(t, s), "web-2")
			}
		})
	}
}

func TestParseURL_CommandsDisabled(t *testing.T) {
	t.Parallel()
	disabled := []string{"--rename-command", "CLIENT", "", "--rename-command", "HELLO", ""}
	t.Run("single", func(t *testing.T) {
		t.Parallel()
		server := testutil.StartRedis(t, append(disabled, "--requirepass", "p")...)
		url := "redis://:p@" + server.Addr() + "/3?client_name=web"
		requireFollows(t, url)
		requireFollows(t, url+"&protocol=3")
	})
	t.Run("sentinel", func(t *testing.T) {
		t.Parallel()
		s := testutil.StartSentinelsWith(t, testutil.SentinelConfig{ServerArgs: disabled})
		requireFollows(t, s.URL()+"?client_name=web")
	})
}

// A client name that the server does not answer must not leave its late reply to the next
// command.
func TestParseURL_ClientNameTimesOut(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	opts, err := fleetdial.ParseURL(server.URL() + "?client_name=web&read_timeout=300ms&max_retries=-1&pool_size=1")
	require.NoError(t, err)
	setName := opts.OnConnect
	calls := 0
	opts.OnConnect = func(ctx context.Context, conn *redis.Conn) error {
		if calls++; calls > 1 {
			return setName(ctx, conn)
		}
		server.Stop()
		defer server.Continue()
		return setName(ctx, conn)
	}
	client := redis.NewUniversalClient(opts)
	defer client.Close()
	require.Error(t, client.Echo(t.Context(), "first").Err())
	for i := range 10 {
		text := fmt.Sprint("text ", i)
		got, err := client.Echo(t.Context(), text).Result()
		require.NoError(t, err)
		require.Equal(t, text, got)
	}
	require.Contains(t, names(t, server), "name=web ")
}

// movingName dials the server that a name stands for.
type movingName struct {
	mu   sync.Mutex
	addr string
}

func (n *movingName) moveTo(addr string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.addr = addr
}

func (n *movingName) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	n.mu.Lock()
	addr := n.addr
	n.mu.Unlock()
	return new(net.Dialer).DialContext(ctx, network, addr)
}

func TestParseURL_MovedName(t *testing.T) {
	t.Parallel()
	blue, green := testutil.StartRedis(t), testutil.StartRedis(t)
	name := &movingName{addr: blue.Addr()}
	client := func() redis.UniversalClient {
		opts, err := fleetdial.ParseURL("redis://redis.example")
		require.NoError(t, err)
		opts.Dialer = name.dial
		// The default lifetime is that of a test.
		opts.ConnMaxLifetime /= 3000
		opts.ConnMaxLifetimeJitter /= 3000
		client := redis.NewUniversalClient(opts)
		t.Cleanup(func() { _ = client.Close() })
		return client
	}
	pub, err := fleetdial.NewPublisher(client(), fleetdial.PublisherConfig{})
	require.NoError(t, err)
	_, err = pub.Publish(t.Context(), nil, fleetdial.PublishOptions{Reason: "blue"})
	require.NoError(t, err)
	sub, err := fleetdial.Subscribe(t.Context(), client(), fleetdial.SubscriberConfig{
		ResyncInterval: 100 * time.Millisecond, Logger: quiet,
	})
	require.NoError(t, err)
	defer sub.Close()

	name.moveTo(green.Addr())
	greenPub, err := fleetdial.NewPublisher(green.Client(t), fleetdial.PublisherConfig{})
	require.NoError(t, err)
	var rev fleetdial.Revision
	testutil.Eventually(t, 20*time.Second, "the publisher publishes to the new server", func() bool {
		rev, err = pub.Publish(t.Context(), nil, fleetdial.PublishOptions{Reason: "green"})
		require.NoError(t, err)
		_, err := greenPub.Current(t.Context())
		return err == nil
	})
	testutil.Eventually(t, 20*time.Second, "the subscriber fetches from the new server", func() bool {
		return sub.Status().Revision.ID == rev.ID
	})
	assert.Equal(t, "PONG", blue.Do(t, "PING"), "the old server lives")
}
