package console

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/testutil"
)

// watchVersions makes a page note when it first shows each version of the revision.
func watchVersions(p *Page) {
	p.t.Helper()
	p.WaitFor("#live .inforce")
	Eval[bool](p, `(window.shown = {}, new MutationObserver(() => {
		const version = document.querySelector("#live .inforce strong")?.innerText;
		if (version) window.shown[version] ??= Date.now();
	}).observe(document.body, {subtree: true, childList: true, characterData: true}), true)`)
}

// shownAfter waits until a page shows a version, and returns how long after the publish that was.
func shownAfter(p *Page, rev fleetdial.Revision) time.Duration {
	p.t.Helper()
	version := quote(strconv.FormatInt(rev.Version, 10))
	p.Wait("version "+version+" is shown", "window.shown["+version+"]")
	return time.UnixMilli(Eval[int64](p, "window.shown["+version+"]")).Sub(rev.PublishedAt)
}

// TestLive_TabsShareOneStream opens more tabs than a browser opens connections to one server.
func TestLive_TabsShareOneStream(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	NewFleet(t, server.URL(), 2)
	publishAs(t, server, "lee", "", timing("one", "acme", time.Hour))
	c := signIn(t, server)
	c.Open("about:blank")
	tabs := make([]*Page, 8)
	for i := range tabs {
		tabs[i] = c.NewTab()
		tabs[i].Open(c.UI.At([]string{"", "directives"}[i%2]))
		watchVersions(tabs[i])
	}
	locks := func(p *Page) string {
		return Eval[string](p, "navigator.locks.query().then(q => q.held.length + ' held, ' + q.pending.length + ' pending')")
	}
	assert.Equal(t, "1 held, 7 pending", locks(tabs[7]))
	update := func(tabs []*Page, id string) {
		rev := publishAs(t, server, "lee", id, timing(id, "acme", time.Hour))
		var slowest time.Duration
		for _, tab := range tabs {
			slowest = max(slowest, shownAfter(tab, rev))
		}
		t.Logf("%d tabs showed version %d %v after it was published", len(tabs), rev.Version, slowest)
		assert.Less(t, slowest, 5*time.Second)
	}
	update(tabs, "two")
	update(tabs, "three")
	tabs[0].Close()
	testutil.Eventually(t, within, "another tab leads", func() bool { return locks(tabs[7]) == "1 held, 6 pending" })
	update(tabs[1:], "four")
	update(tabs[1:], "five")
}

func TestLive_RedisComesBack(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	NewFleet(t, server.URL(), 2)
	publishAs(t, server, "lee", "", timing("one", "acme", time.Hour))
	c := signIn(t, server)
	tab := c.NewTab()
	tab.Open(c.UI.At("directives"))
	c.Go("")
	for _, p := range []*Page{c.Page, tab} {
		p.WaitText("#live", "1 directive")
		Eval[bool](p, "window.kept = true")
	}
	c.WaitText("#instance-proxy-1", "SYNCED")
	server.Kill()
	for _, p := range []*Page{c.Page, tab} {
		p.WaitText("#live.stale .banner", "The fleet cannot be read")
		assert.NotEqual(t, Eval[string](p, "getComputedStyle(document.body).color"),
			Eval[string](p, "getComputedStyle(document.querySelector('#live .inforce')).color"), "the last known state is dimmed")
		p.Axe()
	}
	c.WaitText("#instance-proxy-1", "SYNCED")
	other := c.NewTab()
	other.Open(c.UI.At("publish"))
	other.Allow("50[03]")
	other.Fill("#f-tenant", "acme")
	other.Click("main button.primary")
	other.WaitText("[role=alert]", "nothing was written")
	server.Restart()
	for _, p := range []*Page{c.Page, tab} {
		p.Wait("the page is current", "!document.querySelector('#live.stale') && !document.querySelector('.banner:not([hidden])')")
		watchVersions(p)
	}
	rev := publishAs(t, server, "lee", "", timing("two", "acme", time.Hour))
	for _, p := range []*Page{c.Page, tab} {
		t.Logf("shown %v after the publish", shownAfter(p, rev))
		assert.True(t, Eval[bool](p, "window.kept"), "the page was not loaded again")
	}
}
