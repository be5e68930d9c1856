package signin

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/console"
	"github.com/fleetdial/fleetdial/testutil"
)

// newLink returns a Link, and a function that returns all links that it has printed.
func newLink(cfg Config) (*Link, func() []string) {
	var mu sync.Mutex
	var links []string
	l := NewLink(cfg, console.User{Name: "ann@host", MayPublish: true}, func(link string) {
		mu.Lock()
		defer mu.Unlock()
		links = append(links, link)
	})
	return l, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), links...)
	}
}

func TestLink_WorksOnce(t *testing.T) {
	t.Parallel()
	var log testutil.Buffer
	l, links := newLink(Config{BasePath: "/c/", Port: 8400, Log: textLog(&log)})
	require.Len(t, links(), 1)
	link := links()[0]
	require.Regexp(t, `^/c/signin\?token=[A-Z2-7]{52}$`, link)

	b := newBrowser(t, l)
	assert.Equal(t, http.StatusUnauthorized, b.get("/c/").StatusCode)
	head := b.do(b.request("HEAD", link, nil))
	assert.Empty(t, head.Cookies(), "HEAD does not sign in")
	assert.Equal(t, http.StatusUnauthorized, b.get(link+"A").StatusCode)
	assert.Equal(t, http.StatusUnauthorized, b.get("/c/signin?token=").StatusCode)
	assert.Empty(t, b.user())
	in := b.get(link)
	assert.Equal(t, http.StatusSeeOther, in.StatusCode)
	assert.Equal(t, "/c/", in.Header.Get("Location"))
	require.Len(t, in.Cookies(), 1)
	cookie := in.Cookies()[0]
	assert.Equal(t, "fleetdial-8400", cookie.Name)
	assert.Equal(t, "/c/", cookie.Path)
	assert.True(t, cookie.HttpOnly)
	assert.False(t, cookie.Secure)
	assert.Equal(t, http.SameSiteStrictMode, cookie.SameSite)
	assert.NotContains(t, link, cookie.Value)
	user, ok := l.User(b.request("GET", "/c/", nil))
	assert.True(t, ok)
	assert.Equal(t, console.User{Name: "ann@host", MayPublish: true}, user)

	assert.Equal(t, http.StatusSeeOther, b.get(link).StatusCode, "the browser is signed in")
	other := newBrowser(t, l)
	second := other.get(link)
	assert.Equal(t, http.StatusUnauthorized, second.StatusCode)
	assert.Empty(t, other.user())
	assert.Contains(t, body(t, second), "Print a new link in the terminal")
	assert.NotContains(t, log.String(), strings.TrimPrefix(link, "/c/signin?token="))

	// The button prints a link that works.
	assert.Equal(t, http.StatusOK, other.post("/c/signin", nil).StatusCode)
	require.Len(t, links(), 2)
	assert.NotEqual(t, link, links()[1])
	assert.Equal(t, http.StatusSeeOther, other.get(links()[1]).StatusCode)
	assert.Equal(t, "ann@host", other.user())
	assert.Equal(t, "ann@host", b.user(), "the first browser stays signed in")

	// Signing out ends this browser's session only, and needs a POST.
	assert.Equal(t, http.StatusMethodNotAllowed, other.get("/c/signin/out").StatusCode)
	assert.Equal(t, "ann@host", other.user())
	assert.Contains(t, body(t, other.get("/c/signin")), "ann@host")
	stolen := other.cookies["fleetdial-8400"]
	assert.Equal(t, http.StatusOK, other.post("/c/signin/out", nil).StatusCode)
	assert.Empty(t, other.cookies)
	other.cookies["stolen"] = stolen
	assert.Empty(t, other.user(), "the session is over, not only the cookie")
	assert.Equal(t, "ann@host", b.user())
}

// TestLink_ConcurrentUse opens a link in many browsers at the same time. One of them is signed in.
func TestLink_ConcurrentUse(t *testing.T) {
	t.Parallel()
	l, links := newLink(Config{})
	var signedIn atomic.Int32
	var wait sync.WaitGroup
	start := make(chan struct{})
	for range 50 {
		wait.Go(func() {
			b := newBrowser(t, l)
			<-start
			if b.get(links()[0]).StatusCode == http.StatusSeeOther {
				signedIn.Add(1)
				assert.Equal(t, "ann@host", b.user())
			}
		})
	}
	close(start)
	wait.Wait()
	assert.EqualValues(t, 1, signedIn.Load())
}

func TestLink_Ends(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, links := newLink(Config{})
		b := newBrowser(t, l)
		time.Sleep(LinkTTL - time.Second)
		b.post("/signin", nil)
		require.Len(t, links(), 2)
		assert.Equal(t, links()[0], links()[1], "nobody else can end a link that works")
		time.Sleep(time.Second)
		assert.Equal(t, http.StatusUnauthorized, b.get(links()[0]).StatusCode)
		b.post("/signin", nil)
		require.Len(t, links(), 3)
		assert.Equal(t, http.StatusSeeOther, b.get(links()[2]).StatusCode)
	})
}

func TestLink_PrintsAreLimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, links := newLink(Config{})
		b := newBrowser(t, l)
		for range 100 {
			b.post("/signin", nil)
		}
		assert.Len(t, links(), 4, "the first one, and three")
		limited := b.post("/signin", nil)
		assert.Equal(t, http.StatusTooManyRequests, limited.StatusCode)
		assert.Equal(t, "10", limited.Header.Get("Retry-After"))
		time.Sleep(10 * time.Second)
		assert.Equal(t, http.StatusOK, b.post("/signin", nil).StatusCode)
		assert.Len(t, links(), 5)
	})
}

// TestLink_FromAnotherSite opens a link on a page of another site. A redirect would arrive without
// the cookie.
func TestLink_FromAnotherSite(t *testing.T) {
	t.Parallel()
	l, links := newLink(Config{BasePath: "/c/"})
	b := newBrowser(t, l)
	r := b.request("GET", links()[0], url.Values(nil))
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	resp := b.do(r)
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Contains(t, body(t, resp), `content="0; url=/c/"`)
	assert.Equal(t, "ann@host", b.user())
}
