package console

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/testutil"
)

var consoleAt = regexp.MustCompile(`the console is ready; .*\n +(\S+)\n`)

// UI is the command publish ui, with a console at a free port of the loopback address.
type UI struct {
	*process
	// Link is the URL that the command prints. On a loopback address, it signs in once.
	Link string
}

// NewUI starts publish ui with flags. It ends with the test.
func NewUI(t testing.TB, redisURL string, flags ...string) *UI {
	t.Helper()
	path, err := publishCommand()
	if err != nil {
		t.Fatal(err)
	}
	u := &UI{process: startProcess(t, path, append([]string{"ui", "--redis-url", redisURL, "--listen", "127.0.0.1:0"}, flags...)...)}
	u.Link = u.waitOutput(consoleAt)
	return u
}

// Upstream returns the scheme, host and port of the console, for [NewNginx].
func (u *UI) Upstream() string {
	u.t.Helper()
	link, err := url.Parse(u.Link)
	if err != nil {
		u.t.Fatal(err)
	}
	return link.Scheme + "://" + link.Host
}

// At returns the URL of a page of the fleet "default". The console has no base path.
func (u *UI) At(path string) string { return u.Upstream() + "/f/default/" + path }

// console is a console of a Redis, in which the user of a page may publish.
type console struct {
	*Page
	UI    *UI
	Redis *testutil.Redis
}

// newConsole starts Redis and publish ui, and signs in with a page.
func newConsole(t testing.TB, flags ...string) *console {
	t.Helper()
	return signIn(t, testutil.StartRedis(t), flags...)
}

// signIn starts publish ui, and signs in with a page.
func signIn(t testing.TB, server *testutil.Redis, flags ...string) *console {
	t.Helper()
	c := &console{UI: NewUI(t, server.URL(), append([]string{"--allow-publish"}, flags...)...), Redis: server}
	c.Page = NewPage(t)
	require.Equal(t, http.StatusOK, c.Open(c.UI.Link))
	return c
}

// Go opens a page of the fleet, which must be there.
func (c *console) Go(path string) {
	c.t.Helper()
	require.Equal(c.t, http.StatusOK, c.Open(c.UI.At(path)), path)
}

// publishAs publishes directives for an author, in addition to the current ones.
func publishAs(t testing.TB, server *testutil.Redis, author, reason string, directives ...fleetdial.Directive) fleetdial.Revision {
	t.Helper()
	p, err := fleetdial.NewPublisher(server.Client(t), fleetdial.PublisherConfig{PublishedBy: author})
	require.NoError(t, err)
	rev, err := p.Update(t.Context(), func(current fleetdial.Revision) (*fleetdial.Set, error) {
		return fleetdial.NewSet(append(current.Set.Directives(), directives...))
	}, fleetdial.PublishOptions{Reason: reason})
	require.NoError(t, err)
	return rev
}

// timing is a directive for a tenant.
func timing(id, tenant string, ttl time.Duration) fleetdial.Directive {
	return fleetdial.Directive{
		ID: id, Match: fleetdial.Match{Tenant: tenant}, Level: fleetdial.ShapeTiming, SamplePerMille: 1000, ExpiresAt: time.Now().Add(ttl),
	}
}

func TestUI_LinkSignsInOnce(t *testing.T) {
	t.Parallel()
	ui := NewUI(t, testutil.StartRedis(t).URL(), "--base-path", "/console/")
	p := NewPage(t)
	assert.Equal(t, http.StatusOK, p.Open(ui.Link))
	assert.NotContains(t, p.URL(), "token")
	tab := p.NewTab()
	require.Equal(t, http.StatusOK, tab.Open(ui.Upstream()+"/console/"), "another tab of the same profile")
	other := NewPage(t)
	other.Allow("401")
	assert.Equal(t, http.StatusUnauthorized, other.Open(ui.Link), "the link again, in another profile")
	other.Axe()
	other.Look("signin")
	tab.Click(".who button")
	tab.WaitText("body", "Signed out")
	p.Allow("401")
	assert.Equal(t, http.StatusUnauthorized, p.Open(ui.Upstream()+"/console/f/default/"), "the session has ended")
}

func TestUI_SignalEndsStreams(t *testing.T) {
	t.Parallel()
	ui := NewUI(t, testutil.StartRedis(t).URL())
	p := NewPage(t)
	p.Open(ui.Link)
	p.WaitFor("#live")
	p.Allow("events|htmx|CONNECTION_REFUSED|Failed to fetch")
	assert.NoError(t, ui.stop(), "SIGTERM, with a stream of events")
	p.WaitText("#offline", "does not answer")
}
