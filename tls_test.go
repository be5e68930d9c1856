package fleetdial

import (
	"crypto/tls"
	"crypto/x509"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/testutil"
)

// tlsServer is a server that speaks TLS.
type tlsServer struct {
	*testutil.Redis
	certs testutil.Certificates
}

func startTLS(t testing.TB, args ...string) *tlsServer {
	t.Helper()
	certs := testutil.NewCertificates(t)
	return &tlsServer{testutil.StartRedisTLS(t, certs, args...), certs}
}

// tlsClient configures a client of a tlsServer.
type tlsClient struct {
	user     *url.Userinfo
	stranger bool // does not know the server's CA
	cert     bool
}

// client returns a client by a rediss:// URL.
func (s *tlsServer) client(t testing.TB, c tlsClient) *redis.Client {
	t.Helper()
	opts, err := redis.ParseURL((&url.URL{Scheme: "rediss", User: c.user, Host: s.TLSAddr()}).String())
	require.NoError(t, err)
	opts.Protocol, opts.ContextTimeoutEnabled, opts.MaxRetries, opts.DialerRetries = 2, true, -1, 1
	opts.DialTimeout, opts.ReadTimeout, opts.WriteTimeout = 2*time.Second, 2*time.Second, 2*time.Second
	opts.TLSConfig.RootCAs = x509.NewCertPool()
	if !c.stranger {
		ca, err := os.ReadFile(s.certs.CA)
		require.NoError(t, err)
		require.True(t, opts.TLSConfig.RootCAs.AppendCertsFromPEM(ca))
	}
	if c.cert {
		pair, err := tls.LoadX509KeyPair(s.certs.ClientCert, s.certs.ClientKey)
		require.NoError(t, err)
		opts.TLSConfig.Certificates = []tls.Certificate{pair}
	}
	client := redis.NewClient(opts)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func TestTLS_WatchdogAndAnnouncements(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ asks, shows string }{
		"of the server": {asks: "no"},
		"mutual":        {asks: "yes", shows: "a certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startTLS(t, "--tls-auth-clients", c.asks)
			has := tlsClient{cert: c.shows != ""}
			p := newTestPublisher(t, server.client(t, has), PublisherConfig{})
			cfg := testConfig()
			cfg.SubscriptionTimeout = 600 * time.Millisecond
			s := subscribe(t, server.client(t, has), cfg)

			publish(t, p, "a")
			eventually(t, s, "a")
			require.EqualValues(t, 1, s.Status().Counters.Announcements)

			server.Stop()
			stopped := time.Now()
			testutil.Eventually(t, within, "the state is stale", func() bool { return s.Status().State == StateStale })
			assert.Less(t, time.Since(stopped), 3*time.Second)
			assert.ErrorContains(t, s.Status().Err, "no reply for 600ms")
			require.ErrorIs(t, s.Status().Err, ErrUnavailable)
			assert.Equal(t, Shape, s.Decide(Request{}).Level)
			server.Continue()
			testutil.Eventually(t, within, "a new session is live", func() bool { return s.Status().State == StateLive })

			publish(t, p, "b")
			eventually(t, s, "b")
			counters := s.Status().Counters
			assert.EqualValues(t, 2, counters.Announcements)
			assert.Zero(t, counters.Corrections)
		})
	}
}

// requireUnavailable has a subscriber and a publisher try, and returns the text of all errors and
// log lines.
func requireUnavailable(t testing.TB, client *redis.Client, reason string) (text string) {
	t.Helper()
	log := &logBuffer{}
	cfg := testConfig()
	cfg.Logger = log.logger()
	_, err := Subscribe(t.Context(), client, cfg)
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorContains(t, err, reason)
	text = err.Error()

	cfg.Startup = StartEmpty
	s := subscribe(t, client, cfg)
	assert.Equal(t, StateStale, s.Status().State)
	require.ErrorIs(t, s.Status().Err, ErrUnavailable)
	err = s.Refresh(t.Context())
	require.ErrorIs(t, err, ErrUnavailable)
	text += s.Status().Err.Error() + err.Error()

	p := newTestPublisher(t, client, PublisherConfig{})
	_, err = p.Current(t.Context())
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorContains(t, err, reason)
	text += err.Error()
	_, err = p.Publish(t.Context(), setOf(t, "never"), PublishOptions{})
	require.ErrorIs(t, err, ErrUnavailable)
	require.NoError(t, s.Close())
	return text + err.Error() + log.text()
}

func TestTLS_FailureIsUnavailability(t *testing.T) {
	t.Parallel()
	server := startTLS(t) // it asks for certificates
	// The server sends the reason and closes the connection. The client may see either first.
	requireUnavailable(t, server.client(t, tlsClient{}), "")
	requireUnavailable(t, server.client(t, tlsClient{stranger: true, cert: true}), "unknown authority")
	assert.Zero(t, server.Do(t, "EXISTS", testKey))
}

// The passwords differ from everything else that may be in a line, also where they are quoted
// or in a URL.
const rightPassword, wrongPassword = "Zyx9right%2Fsecret", "Zyx9wrong%2Fsecret"

func requireNoPassword(t testing.TB, text string) {
	t.Helper()
	for _, secret := range []string{rightPassword, wrongPassword, "Zyx9"} {
		require.False(t, strings.Contains(text, secret), "%s", text)
	}
}

func TestTLS_NoPasswordInErrorsAndLogs(t *testing.T) {
	t.Parallel()
	server := startTLS(t)
	server.Do(t, "ACL", "SETUSER", "proxy", "on", ">"+rightPassword, "~*", "&*", "+@all")
	server.Do(t, "CONFIG", "SET", "requirepass", rightPassword)
	for name, user := range map[string]*url.Userinfo{
		"wrong":         url.UserPassword("", wrongPassword),
		"wrong, a user": url.UserPassword("proxy", wrongPassword),
	} {
		text := requireUnavailable(t, server.client(t, tlsClient{user: user, cert: true}), "WRONGPASS")
		requireNoPassword(t, text)
		assert.Contains(t, text, "WRONGPASS", name)
	}
	requireUnavailable(t, server.client(t, tlsClient{cert: true}), "NOAUTH")

	// The password is right at first.
	log := &logBuffer{}
	cfg := testConfig()
	cfg.Logger = log.logger()
	client := server.client(t, tlsClient{user: url.UserPassword("proxy", rightPassword), cert: true})
	s := subscribe(t, client, cfg)
	publish(t, newTestPublisher(t, client, PublisherConfig{}), "a")
	eventually(t, s, "a")
	becomes := func(state State, reason string) {
		testutil.Eventually(t, within, string(state)+" "+reason, func() bool {
			status := s.Status()
			return status.State == state && (reason == "" || strings.Contains(status.Err.Error(), reason))
		})
		if err := s.Status().Err; err != nil {
			requireNoPassword(t, err.Error())
		}
	}
	admin := redis.NewClient(&redis.Options{Addr: server.Addr(), Password: rightPassword, Protocol: 2})
	defer admin.Close()
	setPassword := func(password string) {
		require.NoError(t, admin.Do(t.Context(), "ACL", "SETUSER", "proxy", "resetpass", ">"+password).Err())
		require.NoError(t, admin.Do(t.Context(), "CLIENT", "KILL", "USER", "proxy").Err())
	}
	becomes(StateLive, "")
	setPassword("another")
	becomes(StateStale, "WRONGPASS")
	setPassword(rightPassword)
	becomes(StateLive, "")
	server.Kill()
	becomes(StateStale, "connection refused")
	requireNoPassword(t, requireUnavailable(t, client, "")) // the pool may still hold a broken connection
	require.NoError(t, s.Close())
	require.Equal(t, 2, log.lines("state=stale"))
	requireNoPassword(t, log.text())
}
