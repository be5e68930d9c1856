package signin

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/console"
	"github.com/fleetdial/fleetdial/testutil"
)

func proxied(t *testing.T, cfg Config, groups bool) *Proxied {
	t.Helper()
	proxies, err := ParseProxies([]string{"10.1.0.0/16", "2001:db8::1"})
	require.NoError(t, err)
	proxy := ProxyConfig{Proxies: proxies, UserHeader: "x-forwarded-user"}
	if groups {
		proxy.GroupsHeader, proxy.PublishGroups = "X-Groups", []string{"sre", "on call"}
	}
	p, err := NewProxied(cfg, proxy)
	require.NoError(t, err)
	return p
}

// TestProxied_ForgedHeaders sends headers from many addresses. Only those of a trusted proxy count,
// whatever headers say of addresses.
func TestProxied_ForgedHeaders(t *testing.T) {
	t.Parallel()
	var log testutil.Buffer
	p := proxied(t, Config{Log: textLog(&log)}, false)
	for from, trusted := range map[string]bool{
		"10.1.2.3:5": true, "[::ffff:10.1.2.3]:5": true, "[2001:db8::1]:5": true,
		"10.2.0.1:5": false, "127.0.0.1:5": false, "[::1]:5": false, "[2001:db8::2]:5": false, "10.1.2.3": false, "@": false, "": false,
		"[::10.1.2.3]:5": false,
	} {
		b := newBrowser(t, p)
		r := b.request("GET", "/", nil)
		r.RemoteAddr = from
		r.Header.Set("X-Forwarded-User", "alice")
		for _, name := range []string{"X-Forwarded-For", "X-Real-Ip", "Forwarded", "True-Client-Ip"} {
			r.Header.Set(name, "10.1.2.3")
		}
		user, ok := p.User(r)
		assert.Equal(t, trusted, ok, from)
		if trusted {
			assert.Equal(t, console.User{Name: "alice", MayPublish: true}, user)
			continue
		}
		assert.Equal(t, console.User{}, user, from)
		resp := b.do(r)
		assert.Equal(t, http.StatusForbidden, resp.StatusCode, from)
		assert.NotContains(t, body(t, resp), "alice")
	}
	for range 100 {
		b := newBrowser(t, p)
		b.from = "192.0.2.7:1"
		b.get("/")
	}
	assert.Equal(t, 3, strings.Count(log.String(), "192.0.2.7"), "a client cannot fill the log")
	assert.NotContains(t, log.String(), "alice")
}

func TestProxied_Names(t *testing.T) {
	t.Parallel()
	p := proxied(t, Config{}, true)
	for _, c := range []struct {
		users, groups []string
		status        int
		want          console.User
	}{
		{nil, nil, http.StatusUnauthorized, console.User{}},
		{nil, []string{"sre"}, http.StatusUnauthorized, console.User{}},
		{[]string{""}, nil, http.StatusForbidden, console.User{}},
		{[]string{"alice", "alice"}, nil, http.StatusBadRequest, console.User{}},
		{[]string{"alice", "root"}, []string{"sre"}, http.StatusBadRequest, console.User{}},
		{[]string{"alice"}, []string{"x", "sre"}, http.StatusBadRequest, console.User{}},
		{[]string{strings.Repeat("a", 257)}, nil, http.StatusForbidden, console.User{}},
		{[]string{"a\u202eb"}, nil, http.StatusForbidden, console.User{}},
		{[]string{"\xff"}, nil, http.StatusForbidden, console.User{}},
		{[]string{"alice"}, nil, 0, console.User{Name: "alice"}},
		{[]string{"Zoë"}, []string{""}, 0, console.User{Name: "Zoë"}},
		{[]string{"alice"}, []string{"sre"}, 0, console.User{Name: "alice", MayPublish: true}},
		{[]string{"alice"}, []string{"dev, on call ,qa"}, 0, console.User{Name: "alice", MayPublish: true}},
		{[]string{"alice"}, []string{"dev|sre"}, 0, console.User{Name: "alice", MayPublish: true}},
		{[]string{"alice"}, []string{"SRE,sre2,sre on call"}, 0, console.User{Name: "alice"}},
	} {
		b := newBrowser(t, p)
		b.from = "10.1.0.1:1"
		r := b.request("GET", "/f/prod/", nil)
		r.Header["X-Forwarded-User"], r.Header["X-Groups"] = c.users, c.groups
		user, ok := p.User(r)
		assert.Equal(t, c.status == 0, ok, c)
		assert.Equal(t, c.want, user, c)
		if c.status != 0 {
			assert.Equal(t, c.status, b.do(r).StatusCode, c)
		}
	}
}

func TestProxied_AccountPage(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, proxied(t, Config{BasePath: "/c/"}, false))
	b.from = "10.1.0.1:1"
	r := b.request("GET", "/c/signin", nil)
	r.Header.Set("X-Forwarded-User", "<script>alert(1)</script>")
	text := body(t, b.do(r))
	assert.Contains(t, text, "Sign out there")
	assert.NotContains(t, text, "<script")
}

func TestParseProxies(t *testing.T) {
	t.Parallel()
	proxies, err := ParseProxies([]string{"127.0.0.1", "10.0.0.0/8", "::1", "fd00::/8"})
	require.NoError(t, err)
	assert.Equal(t, []netip.Prefix{
		netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128"),
		netip.MustParsePrefix("fd00::/8"),
	}, proxies)
	for text, want := range map[string]string{
		"proxy.example":       "must be a network",
		"10.0.0.0/33":         "must be a network",
		"10.0.0.1:80":         "must be a network",
		"fe80::1%eth0":        "must be a network",
		"0.0.0.0/0":           "must not contain every address",
		"::/0":                "must not contain every address",
		"10.1.2.3/8":          "pass one of 10.0.0.0/8 and 10.1.2.3",
		"::ffff:10.0.0.0/104": "must be written as an IPv4 network",
	} {
		_, err := ParseProxies([]string{text})
		require.ErrorContains(t, err, want, text)
	}
}

func TestNewProxied_Rejects(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, cfg := range []ProxyConfig{
		{UserHeader: "X-User"},
		{Proxies: proxies},
		{Proxies: proxies, UserHeader: "X User"},
		{Proxies: proxies, UserHeader: "X-User", GroupsHeader: "X-Groups"},
		{Proxies: proxies, UserHeader: "X-User", PublishGroups: []string{"a"}},
		{Proxies: proxies, UserHeader: "X-User", GroupsHeader: "X:", PublishGroups: []string{"a"}},
	} {
		_, err := NewProxied(Config{}, cfg)
		assert.Error(t, err, cfg)
	}
}
