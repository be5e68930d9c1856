package console_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/console"
)

func TestSecurity_HeadersOnEveryAnswer(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.publish(directive("one", time.Hour))
	otherHost := func(req *http.Request) { req.Host = "evil.example" }
	otherSite := func(req *http.Request) { req.Header.Set("Sec-Fetch-Site", "cross-site") }
	answers := map[string]answer{
		"page": r.get("f/default/"), "redirect": r.get(""), "not found": r.get("x"), "bad name": r.get("f/a%20b/"),
		"static": r.get("static/console.css"), "no file": r.get("static/x"), "method": r.do("PUT", "f/default/", nil),
		"other host": r.do("GET", "f/default/", nil, otherHost), "other site": r.do("POST", "f/default/clear", values(), otherSite),
		"review": r.post("clear"), "mistake": r.post("publish"), "unknown": r.post("end", "id", "x"), "rollout": r.get("f/default/rollout/7"),
	}
	r.signIn.user.Store(nil)
	answers["nobody"], answers["sign-in"] = r.get("f/default/"), r.get("signin")
	assert.Equal(t, http.StatusUnauthorized, answers["nobody"].status)
	for name, a := range answers {
		policy := a.header.Get("Content-Security-Policy")
		assert.True(t, strings.HasPrefix(policy, "default-src 'none'; "), name)
		for _, part := range []string{"frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'", "script-src 'self'"} {
			assert.Contains(t, policy, part, name)
		}
		assert.NotContains(t, policy, "unsafe", name)
		assert.Equal(t, "nosniff", a.header.Get("X-Content-Type-Options"), name)
		assert.Equal(t, "DENY", a.header.Get("X-Frame-Options"), name)
		assert.Equal(t, "same-origin", a.header.Get("Referrer-Policy"), name)
		assert.Equal(t, "same-origin", a.header.Get("Cross-Origin-Opener-Policy"), name)
		assert.Equal(t, "same-origin", a.header.Get("Cross-Origin-Resource-Policy"), name)
		if name != "static" {
			assert.Equal(t, "no-store", a.header.Get("Cache-Control"), name)
		}
	}
	assert.Equal(t, http.StatusMisdirectedRequest, answers["other host"].status)
	assert.Equal(t, http.StatusForbidden, answers["other site"].status)
}

func TestSecurity_Hosts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		hosts              []string
		accepted, rejected []string
	}{
		{
			nil,
			[]string{"localhost", "localhost:8400", "127.0.0.1:8400", "127.1.2.3", "[::1]:8400", "[::1]", "LOCALHOST"},
			[]string{"", "evil.example", "evil.example:8400", "localhost.evil.example", "10.0.0.1", "[2001:db8::1]:80", "0.0.0.0", "localhost:80:80"},
		},
		{
			[]string{"fleet.example", "::1"},
			[]string{"fleet.example", "Fleet.Example:443", "[::1]:8400"},
			[]string{"localhost", "127.0.0.1", "x.fleet.example", "fleet.example.evil", "*", ""},
		},
		{[]string{"*"}, []string{"a", "", "evil.example:1"}, nil},
	} {
		r := start(t, func(cfg *console.Config) { cfg.Hosts = c.hosts })
		status := func(host string) int {
			return r.do("GET", "static/console.css", nil, func(req *http.Request) { req.Host = host }).status
		}
		for _, host := range c.accepted {
			assert.Equal(t, http.StatusOK, status(host), "%v: %s", c.hosts, host)
		}
		for _, host := range c.rejected {
			assert.Equal(t, http.StatusMisdirectedRequest, status(host), "%v: %s", c.hosts, host)
		}
	}
}

func TestSecurity_CrossOriginRequests(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.publish(directive("one", time.Hour))
	for name, c := range map[string]struct {
		status int
		header [2]string
	}{
		"cross-site":      {http.StatusForbidden, [2]string{"Sec-Fetch-Site", "cross-site"}},
		"same-site":       {http.StatusForbidden, [2]string{"Sec-Fetch-Site", "same-site"}},
		"other origin":    {http.StatusForbidden, [2]string{"Origin", "https://evil.example"}},
		"null":            {http.StatusForbidden, [2]string{"Origin", "null"}},
		"same origin":     {http.StatusSeeOther, [2]string{"Sec-Fetch-Site", "same-origin"}},
		"older browser":   {http.StatusSeeOther, [2]string{"Origin", "http://localhost"}},
		"another program": {http.StatusSeeOther, [2]string{"User-Agent", "curl"}},
	} {
		before := r.current()
		a := r.do("POST", "f/default/extend", values("id", "one"), func(req *http.Request) { req.Header.Set(c.header[0], c.header[1]) })
		assert.Equal(t, c.status, a.status, name)
		assert.Equal(t, c.status == http.StatusSeeOther, r.current().Version > before.Version, name)
	}
}

// writes are the requests that change a fleet, and the forms for them.
var writes = []struct{ method, path string }{
	{"GET", "publish"},
	{"GET", "publish?with=body"},
	{"GET", "publish?from=one"},
	{"GET", "clear"},
	{"POST", "publish"},
	{"POST", "end"},
	{"POST", "extend"},
	{"POST", "rollback"},
	{"POST", "clear"},
}

func TestSecurity_ReadOnly(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]*rig{
		"console": start(t, func(cfg *console.Config) { cfg.AllowPublish = false }),
		"user":    start(t, nil),
		"nobody":  start(t, func(cfg *console.Config) { cfg.AllowPublish, cfg.SignIn = false, nil }),
	} {
		if name == "user" {
			r.user("Eve", false)
		}
		r.publish(directive("one", time.Hour))
		rev := r.publish(directive("one", time.Hour), directive("two", time.Hour))
		for _, w := range writes {
			a := r.do(w.method, "f/default/"+w.path, values("id", "one", "version", "1", "level", "ShapeTiming", "tenant", "acme", "ttl", "10m",
				"step", "apply", "expect", rev.ID, "confirm", "yes", "with", "", "reason", "r"))
			assert.Equal(t, http.StatusForbidden, a.status, "%s: %s %s", name, w.method, w.path)
			assert.Contains(t, a.text(), "this console is read-only, or you may not publish")
		}
		assert.Equal(t, rev.ID, r.current().ID)
		for _, page := range []string{"", "directives", "history", "explain", "rollout/2", "compare?from=1"} {
			a := r.get("f/default/" + page)
			assert.Equal(t, http.StatusOK, a.status, page)
			assert.Contains(t, a.body, ">read-only<")
			assert.NotRegexp(t, `action="[^"]*/(publish|end|extend|rollback|clear)"|href="[^"]*/(publish|clear)["?]`, a.body, page)
		}
		// A draft is read only, so that everybody may explain it.
		a := r.post("explain", "explain", "yes", "tenant", "acme", "body", "directives: []")
		assert.Equal(t, http.StatusOK, a.status, a.text())
	}
}

func TestSecurity_NobodyReadsAnything(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.publish(directive("one", time.Hour))
	r.signIn.user.Store(nil)
	for _, path := range []string{
		"", "fleets", "x", "f/default/", "f/default/events", "f/default/rollout/1", "signin", "signin/out", "static", "staticx/../f/default/", "f/static/",
	} {
		assert.Equal(t, http.StatusUnauthorized, r.get(path).status, path)
	}
	for _, path := range []string{"static/../f/default/", "static/..%2ff%2fdefault%2f", "static%2f..%2ff/default/", "static/%2e%2e/f/default/"} {
		a := r.get(path)
		assert.NotEqual(t, http.StatusOK, a.status, path)
		assert.NotContains(t, a.body, "Bob", path)
	}
	assert.Equal(t, http.StatusUnauthorized, r.post("end", "id", "one").status)
	assert.Equal(t, http.StatusOK, r.get("static/console.css").status)
}

func TestHandler_Configuration(t *testing.T) {
	t.Parallel()
	client := start(t, nil).client
	for name, c := range map[string]struct {
		cfg  console.Config
		want string
	}{
		"no client":    {console.Config{}, "Client"},
		"no slash":     {console.Config{Client: client, BasePath: "/console"}, "BasePath"},
		"no root":      {console.Config{Client: client, BasePath: "console/"}, "BasePath"},
		"unclean":      {console.Config{Client: client, BasePath: "/a/../b/"}, "BasePath"},
		"double":       {console.Config{Client: client, BasePath: "//"}, "BasePath"},
		"wildcard":     {console.Config{Client: client, BasePath: "/{a}/"}, "BasePath"},
		"blank":        {console.Config{Client: client, BasePath: "/a b/"}, "BasePath"},
		"backslash":    {console.Config{Client: client, BasePath: `/\evil.example/`}, "BasePath"},
		"control":      {console.Config{Client: client, BasePath: "/a\n/"}, "BasePath"},
		"not ASCII":    {console.Config{Client: client, BasePath: "/ö/"}, "BasePath"},
		"no author":    {console.Config{Client: client, AllowPublish: true}, "SignIn"},
		"fleet":        {console.Config{Client: client, Fleet: "a b"}, "Fleet"},
		"negative TTL": {console.Config{Client: client, MaxTTL: -1}, "MaxTTL"},
		"key":          {console.Config{Client: client, SignKey: make([]byte, 3)}, "SignKey"},
	} {
		_, err := console.Handler(c.cfg)
		require.Error(t, err, name)
		assert.Contains(t, err.Error(), c.want, name)
		assert.True(t, strings.HasPrefix(err.Error(), "console: "), name)
	}
	ui, err := console.Handler(console.Config{Client: client})
	require.NoError(t, err)
	require.NoError(t, ui.Close())
	require.NoError(t, ui.Close())
	assert.Positive(t, fleetdial.DefaultMaxTTL)
}
