package signin

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/console"
	"github.com/fleetdial/fleetdial/testutil"
)

// browser sends requests to a SignIn as the console does, and keeps cookies. It is not safe for
// concurrent use.
type browser struct {
	t       *testing.T
	signIn  console.SignIn
	from    string
	cookies map[string]*http.Cookie
}

func newBrowser(t *testing.T, signIn console.SignIn) *browser {
	return &browser{t: t, signIn: signIn, from: "192.0.2.1:1234", cookies: make(map[string]*http.Cookie)}
}

func (b *browser) request(method, target string, form url.Values) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(form.Encode()))
	r.RemoteAddr = b.from
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, cookie := range b.cookies {
		r.AddCookie(cookie)
	}
	return r
}

func (b *browser) do(r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	b.signIn.ServeHTTP(w, r)
	for _, cookie := range w.Result().Cookies() {
		if b.cookies[cookie.Name] = cookie; cookie.MaxAge < 0 {
			delete(b.cookies, cookie.Name)
		}
	}
	return w.Result()
}

func (b *browser) get(target string) *http.Response { return b.do(b.request("GET", target, nil)) }

func (b *browser) post(target string, form url.Values) *http.Response {
	return b.do(b.request("POST", target, form))
}

// user returns the name of who is signed in, or "".
func (b *browser) user() string {
	user, _ := b.signIn.User(b.request("GET", "/", nil))
	return user.Name
}

func body(t *testing.T, resp *http.Response) string {
	t.Helper()
	out, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(out)
}

func textLog(log *testutil.Buffer) *slog.Logger { return slog.New(slog.NewTextHandler(log, nil)) }

func TestConfig_NextPathStaysInConsole(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ base, next, want string }{
		{"/", "/", "/"},
		{"/", "/f/prod/?state=REJECTED", "/f/prod/?state=REJECTED"},
		{"/c/", "/c/f/prod/history", "/c/f/prod/history"},
		{"/c/", "/c/f/a%2Fb/?q=%3Cscript%3E", "/c/f/a%2Fb/?q=%3Cscript%3E"},
		{"/c/", "", "/c/"},
		{"/c/", "/", "/c/"},
		{"/c/", "/other/", "/c/"},
		{"/c/", "/c/../other", "/c/"},
		{"/c/", "/c/%2e%2e/other", "/c/"},
		{"/", "https://evil.example/", "/"},
		{"/", "//evil.example/", "/"},
		{"/", "///evil.example/", "/"},
		{"/", `/\evil.example/`, "/"},
		{"/", `\\evil.example`, "/"},
		{"/", "/%5Cevil.example/", "/%5Cevil.example/"},
		{"/", "javascript:alert(1)", "/"},
		{"/", "/\t/evil.example", "/"},
		{"/", "f/prod/", "/"},
		{"/", "/signin?token=x", "/"},
		{"/", "/signin/out", "/"},
		{"/", "/f/a\r\nSet-Cookie: a=b", "/"},
	} {
		cfg := Config{BasePath: c.base}
		assert.Equal(t, c.want, cfg.nextPath(c.next), "%q below %s", c.next, c.base)
	}
}

func TestCheckName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"alice", "alice@example.com", "Zoë Ångström", "李雷", strings.Repeat("é", 128)} {
		assert.NoError(t, checkName(name), name)
	}
	for _, name := range []string{
		"", " alice", "alice ", "a\nb", "a\x00b", "a\u202eb", "a\u200bb", "a\u00a0b", "\xff", strings.Repeat("é", 129),
	} {
		assert.Error(t, checkName(name), "%q", name)
	}
}

// TestSignIn_BehindTheConsole serves pages of the console to users and to nobody, below a base
// path. A form from another site must not sign in.
func TestSignIn_BehindTheConsole(t *testing.T) {
	t.Parallel()
	users, _ := newUsers(t, Config{BasePath: "/c/"}, "alice:"+hash(t, "geheim"))
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	t.Cleanup(func() { _ = client.Close() })
	ui, err := console.Handler(console.Config{Client: client, BasePath: "/c/", SignIn: users})
	require.NoError(t, err)
	t.Cleanup(func() { _ = ui.Close() })
	server := httptest.NewServer(ui)
	t.Cleanup(server.Close)
	get := func(method, path, site string, form url.Values, cookies ...*http.Cookie) *http.Response {
		r, err := http.NewRequest(method, server.URL+path, strings.NewReader(form.Encode()))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", site)
		for _, cookie := range cookies {
			r.AddCookie(cookie)
		}
		resp, err := http.DefaultTransport.RoundTrip(r)
		require.NoError(t, err)
		t.Cleanup(func() { _ = resp.Body.Close() })
		return resp
	}
	form := url.Values{"name": {"alice"}, "password": {"geheim"}, "next": {"/c/"}}
	assert.Equal(t, http.StatusUnauthorized, get("GET", "/c/", "none", nil).StatusCode)
	assert.Equal(t, http.StatusOK, get("GET", "/c/signin", "none", nil).StatusCode)
	assert.Equal(t, http.StatusForbidden, get("POST", "/c/signin", "cross-site", form).StatusCode)
	in := get("POST", "/c/signin", "same-origin", form)
	assert.Equal(t, http.StatusSeeOther, in.StatusCode)
	assert.Equal(t, "/c/", in.Header.Get("Location"))
	require.Len(t, in.Cookies(), 1)
	assert.NotEqual(t, http.StatusUnauthorized, get("GET", "/c/", "same-origin", nil, in.Cookies()[0]).StatusCode)
	assert.Equal(t, http.StatusForbidden, get("POST", "/c/signin/out", "cross-site", nil, in.Cookies()[0]).StatusCode)
	assert.Equal(t, http.StatusOK, get("POST", "/c/signin/out", "same-origin", nil, in.Cookies()[0]).StatusCode)
	assert.Equal(t, http.StatusUnauthorized, get("GET", "/c/", "same-origin", nil, in.Cookies()[0]).StatusCode)
}
