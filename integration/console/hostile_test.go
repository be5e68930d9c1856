package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/wire"
	"github.com/fleetdial/fleetdial/testutil"
)

// Texts of a person who wants to deceive the users of the console, or to run scripts there.
const (
	script   = `<script>hacked()</script>`
	markup   = `"><svg onload=hacked()><img src=x onerror=hacked()>`
	backward = "ok \u202edetcelfer\u202c"
	instance = `"><svg/onload=hacked()>` // names of instances have no blanks
)

// hostileFleet publishes directives with hostile names, and writes the reports of instances with
// hostile names, labels and errors.
func hostileFleet(t testing.TB, server *testutil.Redis) {
	t.Helper()
	long := strings.Repeat("x", 256)
	for i, d := range []fleetdial.Directive{timing("script", script, time.Hour), timing("markup", markup, time.Hour), timing("long", long, time.Hour)} {
		d.Match.Index, d.Match.Principal = backward, script
		d.Instances = &fleetdial.Instances{Names: []string{instance}, Labels: map[string]string{"zone": script}}
		publishAs(t, server, []string{script, markup, backward}[i], []string{markup + backward, strings.Repeat("y", 1024), script}[i], d)
	}
	client := server.Client(t)
	p, err := fleetdial.NewPublisher(client, fleetdial.PublisherConfig{})
	require.NoError(t, err)
	roster, err := p.Roster(t.Context())
	require.NoError(t, err)
	for _, name := range []string{script, instance, "../..", "a/b?c#d%", long[:64]} {
		r := wire.Report{
			Instance: name, StartedAt: roster.Now, Since: roster.Now, WrittenAt: roster.Now, Every: time.Minute,
			State: fleetdial.StateLive, Source: "redis", MaxFormat: 2, Fleetdial: script,
			Labels: map[string]string{"zone": script, "build": backward}, Error: markup + backward,
			Rejected: &wire.Rejected{Version: roster.Version, ID: roster.ID, Reason: "malformed", Error: markup + backward + long, At: roster.Now},
			Counters: map[string]int64{script: 1},
			Hits: &wire.ReportHits{Window: time.Minute, Directives: []fleetdial.ReportedHits{
				{DirectiveHits: fleetdial.DirectiveHits{ID: "script", Hits: fleetdial.Hits{Applied: 1}}},
			}},
		}
		require.NoError(t, client.Set(t.Context(), "fleetdial:{default}:instance:"+name, wire.EncodeReport(&r), time.Hour).Err())
		require.NoError(t, client.ZAdd(t.Context(), "fleetdial:{default}:fleet",
			redis.Z{Score: float64(roster.Now.UnixMilli()), Member: name}).Err())
	}
}

func TestHostile_TextsAreShown(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	hostileFleet(t, server)
	c := signIn(t, server)
	for _, page := range []struct{ path, text string }{
		{"", "REJECTED"},
		{"directives", "tenant=" + script},
		{"history", "version 1"},
		{"compare?from=1&to=3", script},
		{"rollout/1", markup},
		{"rollout/3", "Rejected by"},
		{"explain?explain=yes&tenant=" + url.QueryEscape(script) + "&id=" + url.QueryEscape(markup), "Decision"},
		{"publish?from=script", "Recording"},
		{"instances/" + url.PathEscape(script), "Directives on this instance"},
		{"?q=" + url.QueryEscape(script) + "&label=" + url.QueryEscape("zone="+script), "REJECTED"},
	} {
		c.Go(page.path)
		c.WaitText("main", page.text)
		c.isText(page.path)
	}
	c.Go("")
	links := Eval[[]string](c.Page, "[...document.querySelectorAll('tbody th a')].map(a => a.href)")
	assert.Len(t, links, 5)
	for _, link := range links {
		assert.Equal(t, http.StatusOK, c.Open(link), link)
		c.WaitText("main", "Directives on this instance")
	}
	c.Allow("404")
	c.Open(c.UI.At("instances/" + url.PathEscape(script+backward)))
	c.WaitText("[role=alert]", "not in the roster")
	c.isText("error")

	// Live updates and reviews show texts too.
	c.Go("history")
	publishAs(t, server, script, markup+backward, timing("four", markup, time.Hour))
	c.WaitFor("#version-4")
	c.isText("update")
	c.Go("publish")
	c.Fill("#f-tenant", script)
	c.Fill("#f-reason", markup)
	c.review()
	c.isText("review")
}

// isText checks that the page shows no text of others as markup, or in a direction of its own.
func (c *console) isText(page string) {
	c.t.Helper()
	assert.Zero(c.t, c.Count("script:not([src]), [onload], [onerror], img"), page)
	assert.NotContains(c.t, Eval[string](c.Page, "document.body.innerText"), "\u202e", page)
	for _, width := range []int64{360, 1280} {
		c.SetWindow(width, 800)
		assert.LessOrEqual(c.t, Eval[int64](c.Page, "document.documentElement.scrollWidth"), width, page)
	}
}
