package console

import (
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/testutil"
)

// proxied starts a console for users that a proxy at 127.0.0.1 names, and nginx in front of it.
func proxied(t testing.TB, server *testutil.Redis, more ...string) (ui *UI, url string) {
	t.Helper()
	ui = NewUI(t, server.URL(), "--allow-publish", "--base-path", "/console/", "--auth-header", "X-Remote-User",
		"--trusted-proxy", "127.0.0.1")
	return ui, NewNginx(t, ui.Upstream(), "/console/", map[string]string{"X-Remote-User": "alice"}, more...)
}

func TestProxied_BasePathAndUser(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	ui, url := proxied(t, server)
	c := &console{Page: NewPage(t), UI: ui, Redis: server}
	require.Equal(t, http.StatusOK, c.Open(url))
	c.WaitText(".who", "alice")
	c.Click("nav a[href$='/publish']")
	c.Fill("#f-tenant", "acme")
	c.review()
	c.confirm()
	assert.Equal(t, url+"f/default/rollout/1", c.URL())
	assert.Equal(t, "alice", c.current().PublishedBy)
	c.Open(url)
	watchVersions(c.Page)
	Eval[bool](c.Page, `(window.heard = [], window.channel = new BroadcastChannel("/console/f/default/events"),
		window.channel.onmessage = e => window.heard.push(e.data), true)`)
	rev := publishAs(t, server, "lee", "", timing("two", "acme", time.Hour))
	t.Logf("shown behind nginx %v after the publish", shownAfter(c.Page, rev))
	c.Wait("an event arrived through nginx", "window.heard.some(message => message.change)")
}

func TestProxied_ForgedHeader(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	ui, url := proxied(t, server)
	get := func(client *http.Client, url string) *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		require.NoError(t, err)
		r.Header.Set("X-Remote-User", "mallory")
		resp, err := client.Do(r)
		require.NoError(t, err)
		t.Cleanup(func() { _ = resp.Body.Close() })
		return resp
	}
	elsewhere := client(t)
	elsewhere.Transport.(*http.Transport).DialContext = (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}).DialContext
	assert.GreaterOrEqual(t, get(elsewhere, ui.Upstream()+"/console/f/default/").StatusCode, 400, "a header from 127.0.0.2")
	assert.Equal(t, http.StatusOK, get(client(t), ui.Upstream()+"/console/f/default/").StatusCode, "a header from the proxy")
	p := NewPage(t)
	p.SetHeaders(map[string]string{"X-Remote-User": "mallory"})
	p.Open(url)
	p.WaitText(".who", "alice")
	assert.NotContains(t, p.Text("body"), "mallory")
}

// TestProxied_PollsWhereNothingArrives has a proxy that buffers streams of events.
func TestProxied_PollsWhereNothingArrives(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	publishAs(t, server, "lee", "", timing("one", "acme", time.Hour))
	_, url := proxied(t, server, "proxy_ignore_headers X-Accel-Buffering;")
	p := NewPage(t)
	p.Open(url)
	watchVersions(p)
	Eval[bool](p, `(window.heard = [], window.channel = new BroadcastChannel("/console/f/default/events"),
		window.channel.onmessage = e => window.heard.push(e.data), true)`)
	rev := publishAs(t, server, "lee", "", timing("two", "acme", time.Hour))
	t.Logf("shown by polling %v after the publish", shownAfter(p, rev))
	assert.Empty(t, Eval[[]any](p, "window.heard"), "no event arrived")
}
