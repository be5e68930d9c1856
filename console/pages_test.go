package console_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/console"
	"github.com/fleetdial/fleetdial/internal/wire"
	"github.com/fleetdial/fleetdial/testutil"
)

// pages are the pages of a fleet that need no revision.
var pages = []string{"", "directives", "publish", "publish?with=body", "history", "explain", "explain?with=draft", "clear"}

func TestPages_AnswerWithoutRevision(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	for _, page := range pages {
		a := r.get("f/default/" + page)
		assert.Equal(t, http.StatusOK, a.status, page)
		assert.Equal(t, "text/html; charset=utf-8", a.header.Get("Content-Type"), page)
		assert.Contains(t, a.body, "<h1>", page)
	}
	assert.Contains(t, r.get("f/default/").text(), "The fleet has no current revision.")
	assert.Contains(t, r.get("f/default/history").text(), "Nothing has been published to this fleet.")
	assert.Contains(t, r.get("fleets").text(), "There is no fleet in this Redis yet.")
	for path, status := range map[string]int{
		"f/default/rollout/1":                 http.StatusNotFound,
		"f/default/rollout/x":                 http.StatusBadRequest,
		"f/default/rollout/0":                 http.StatusBadRequest,
		"f/default/compare?from=1":            http.StatusNotFound,
		"f/default/compare?from=x":            http.StatusBadRequest,
		"f/default/instances/p":               http.StatusNotFound,
		"f/default/explain?explain=yes":       http.StatusNotFound,
		"f/default/publish?from=x":            http.StatusNotFound,
		"f/bad%20name/":                       http.StatusBadRequest,
		"f/" + strings.Repeat("x", 65) + "/":  http.StatusBadRequest,
		"f/default/x":                         http.StatusNotFound,
		"x":                                   http.StatusNotFound,
		"static/x.css":                        http.StatusNotFound,
		"f/default/explain?explain=yes&path=": http.StatusNotFound,
	} {
		assert.Equal(t, status, r.get(path).status, path)
	}
}

func TestDirectives_TimeLeft(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.publish(directive("long", 150*time.Minute+30*time.Second), directive("short", 2*time.Second))
	testutil.Eventually(t, time.Minute, "the page shows that the directive has ended", func() bool {
		return strings.Contains(r.get("f/default/directives").text(), "ended")
	})
	assert.Contains(t, r.get("f/default/directives").text(), "2h30m")
	assert.NotContains(t, r.get("f/default/directives").text(), "2h30m0s")
}

func TestPages_AnswerWithRevision(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.report("proxy-1", func(report *wire.Report) { report.Labels = map[string]string{"zone": "a"} })
	r.publish(directive("one", time.Hour))
	r.publish(directive("one", time.Hour), directive("two", 2*time.Hour))
	all := append([]string{
		"rollout/1", "rollout/2", "compare?from=1&to=2", "compare?from=1", "instances/proxy-1", "publish?from=one",
		"explain?explain=yes&tenant=acme", "explain?explain=yes&tenant=acme&version=1&instance=proxy-1",
		"?q=PROXY&label=zone%3Da&state=SYNCED&version=1", "?q=nothing", "directives?q=two", "directives?q=none", "?page=9", "?page=-1",
	}, pages...)
	for _, page := range all {
		assert.Equal(t, http.StatusOK, r.get("f/default/"+page).status, page)
	}
	assert.Contains(t, r.get("f/default/").text(), "by Bob: of Bob . 2 directives .")
	assert.Contains(t, r.get("f/default/?q=nothing").text(), "No instance matches the filter.")
	assert.Contains(t, r.get("f/default/directives?q=two").body, `<th scope="row">two</th>`)
	assert.NotContains(t, r.get("f/default/directives?q=two").body, `<th scope="row">one</th>`)
	assert.Contains(t, r.get("f/default/compare?from=1").text(), "to version 2 by Bob")
	assert.Contains(t, r.get("fleets").text(), "default 2 1 2")

	a := r.get("")
	assert.Equal(t, http.StatusFound, a.status)
	assert.Equal(t, "/console/f/default/", a.header.Get("Location"))
}

func TestPages_RedisStopped(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.publish(directive("one", time.Hour))
	known := []string{"", "directives", "publish", "history", "explain", "clear", "rollout/1"}
	for _, page := range known {
		require.Equal(t, http.StatusOK, r.get("f/default/"+page).status, page)
	}
	r.redis.Kill()
	time.Sleep(1100 * time.Millisecond) // a state counts as new for 1 s
	for _, page := range known {
		a := r.get("f/default/" + page)
		assert.Equal(t, http.StatusOK, a.status, page)
		assert.Contains(t, a.text(), "This is the last known state, read ", page)
	}
	assert.Contains(t, r.get("f/default/directives").body, `<th scope="row">one</th>`)
	for _, page := range []string{"", "directives", "publish", "history", "explain", "explain?explain=yes", "clear", "rollout/1", "instances/x", "compare?from=1"} {
		a := r.get("f/other/" + page)
		assert.Equal(t, http.StatusServiceUnavailable, a.status, page)
		assert.Contains(t, a.text(), "The fleet cannot be read", page)
		assert.NotContains(t, a.text(), "No directive is in force", page)
		assert.NotContains(t, a.text(), "Nothing has been published", page)
		assert.NotContains(t, a.text(), "No instance", page)
	}
	assert.Equal(t, http.StatusServiceUnavailable, r.get("fleets").status)
	for _, page := range []string{"end", "extend", "publish", "clear", "rollback"} {
		a := r.post(page, "id", "one", "ttl", "10m", "level", "ShapeTiming", "tenant", "acme", "version", "1")
		assert.Equal(t, http.StatusServiceUnavailable, a.status, page)
		assert.Contains(t, strings.ToLower(a.text()), "nothing was written", page)
	}
}

func TestPages_UnreadableValue(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.publish(directive("one", time.Hour))
	require.NoError(t, r.client.Set(t.Context(), "fleetdial:{default}", "rubbish", 0).Err())
	for _, page := range append([]string{"rollout/1"}, pages...) {
		assert.Equal(t, http.StatusOK, r.get("f/default/"+page).status, page)
	}
	assert.Contains(t, r.get("f/default/").text(), "The current revision cannot be read, and instances keep their last valid set")
	for _, page := range []string{"end", "extend", "publish"} {
		a := r.post(page, "id", "one", "ttl", "10m", "level", "ShapeTiming", "tenant", "acme")
		assert.Equal(t, http.StatusUnprocessableEntity, a.status, page)
		assert.Contains(t, strings.ToLower(a.text()), "nothing was written", page)
	}
	for i, page := range []string{"clear", "rollback"} {
		require.NoError(t, r.client.Set(t.Context(), "fleetdial:{default}", "rubbish", 0).Err())
		shown := r.post(page, "version", "1")
		require.Equal(t, http.StatusOK, shown.status, shown.text()+r.log.String())
		assert.Contains(t, shown.text(), "the key holds an unreadable value, which is replaced", page)
		assert.Equal(t, "rubbish", r.client.Get(t.Context(), "fleetdial:{default}").Val())
		assert.NotEqual(t, http.StatusSeeOther, r.apply(page, shown).status)
		r.published(r.apply(page, shown, "confirm", "yes"), string(rune('2'+i)))
	}
	// A key of another type is not a revision either.
	require.NoError(t, r.client.Del(t.Context(), "fleetdial:{default}").Err())
	require.NoError(t, r.client.LPush(t.Context(), "fleetdial:{default}", "x").Err())
	assert.Equal(t, http.StatusOK, r.get("f/default/directives").status)
}

// links matches the attributes with which a page leads somewhere.
var links = regexp.MustCompile(`(?:href|action|src|hx-get|data-events)="([^"]*)"`)

// TestPages_LinksStayBelowBasePath follows all links of all pages.
func TestPages_LinksStayBelowBasePath(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"/", "/console/", "/a/b.c/"} {
		r := start(t, func(cfg *console.Config) { cfg.BasePath = base })
		r.report("a/b c%2F?#", func(report *wire.Report) { report.Labels = map[string]string{"zone/a": "1&2=3"} })
		r.publish(directive("one/../#?&%", time.Hour), directive("two", time.Hour))
		r.publish(directive("two", time.Hour))
		seen := make(map[string]bool)
		todo := []string{base}
		for len(todo) > 0 && len(seen) < 400 {
			link := todo[0]
			todo = todo[1:]
			if seen[link] || strings.HasPrefix(link, "#") {
				continue
			}
			seen[link] = true
			require.True(t, strings.HasPrefix(link, base), "%s leaves %s", link, base)
			target, err := url.Parse(link)
			require.NoError(t, err)
			if strings.HasSuffix(target.Path, "/events") || strings.HasPrefix(target.Path, base+"signin") {
				continue
			}
			a := r.get(strings.TrimPrefix(link, base))
			isForm := regexp.MustCompile(`/(end|extend|rollback)$`).MatchString(target.Path)
			switch {
			case a.status == http.StatusFound:
				todo = append(todo, a.header.Get("Location"))
			case isForm, strings.Contains(link, "compare"):
			default:
				assert.Equal(t, http.StatusOK, a.status, "%s: %s", link, a.text())
			}
			if strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
				for _, found := range links.FindAllStringSubmatch(a.body, -1) {
					todo = append(todo, strings.ReplaceAll(found[1], "&amp;", "&"))
				}
			}
		}
		assert.Greater(t, len(seen), 20)
	}
}

func TestPages_NamesInPaths(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	names := []string{"a/b", "100%", "a b", "..", ".", "~", "~.", "ö?#&", "a//b", "../f", "%2e%2e", strings.Repeat("x", 128)}
	for _, name := range names {
		r.report(name, nil)
	}
	body := r.get("f/default/").body
	found := regexp.MustCompile(`href="(/console/f/default/instances/[^"]*)"`).FindAllStringSubmatch(body, -1)
	require.Len(t, found, len(names))
	var shown []string
	for _, link := range found {
		// Browsers remove the segments "." and "..", also if they are escaped.
		clean := regexp.MustCompile(`(?i)(\.|%2e)+$`).ReplaceAllString(strings.ReplaceAll(link[1], "~", "x"), "")
		assert.NotEqual(t, "/console/f/default/instances/", clean, link[1])
		a := r.get(strings.TrimPrefix(html.UnescapeString(link[1]), "/console/"))
		require.Equal(t, http.StatusOK, a.status, link[1])
		shown = append(shown, regexp.MustCompile(`<h1>Instance (.*?)</h1>`).FindStringSubmatch(a.body)[1])
	}
	assert.Len(t, shown, len(names))
	for _, fleet := range []string{"..", ".", "a.b", "-"} {
		_, err := r.publisherOf(fleet, "").Publish(t.Context(), nil, fleetdial.PublishOptions{})
		require.NoError(t, err)
	}
	list := r.get("fleets").body
	for _, link := range regexp.MustCompile(`<th scope="row"><a href="/console/([^"]*)"`).FindAllStringSubmatch(list, -1) {
		assert.NotRegexp(t, `f/\.{1,2}/`, link[1])
		assert.Equal(t, http.StatusOK, r.get(link[1]).status, link[1])
	}
}

func TestPages_OtherFleets(t *testing.T) {
	t.Parallel()
	r := start(t, func(cfg *console.Config) { cfg.Fleet = "edge"; cfg.CommandFlags = "--redis-url redis://redis:6379" })
	assert.Equal(t, "/console/f/edge/", r.get("").header.Get("Location"))
	form := values("id", "one", "level", "ShapeTiming", "tenant", "acme", "ttl", "10m")
	shown := r.do("POST", "f/west_2/publish", form)
	require.Equal(t, http.StatusOK, shown.status, shown.text()+r.log.String())
	assert.Contains(t, shown.text(), "the fleet does not exist yet")
	assert.Contains(t, shown.text(), " --fleet west_2 --redis-url redis://redis:6379")
	confirmed := r.review(shown)
	confirmed.Set("confirm", "yes")
	a := r.do("POST", "f/west_2/publish", confirmed)
	require.Equal(t, http.StatusSeeOther, a.status, a.text())
	assert.Equal(t, "/console/f/west_2/rollout/1", a.header.Get("Location"))
	rev, err := r.publisherOf("west_2", "").Current(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "Ann", rev.PublishedBy)
	assert.Zero(t, r.current().Version)
	assert.Contains(t, r.get("fleets").body, `href="/console/f/west_2/"`)
}
