package console

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/testutil"
)

func TestRoster_FilterAndInstance(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	fleet := NewFleet(t, server.URL(), 4)
	publishAs(t, server, "lee", "", timing("one", "acme", time.Hour))
	fleet.Keep(t, fleetdial.Request{Tenant: "acme", Index: "orders", Endpoint: fleetdial.Search})
	c := signIn(t, server)
	c.Go("")
	c.WaitText(".counts", "SYNCED 4")
	rows := func(n int) {
		t.Helper()
		c.Wait("the rows", "document.querySelectorAll('tbody tr').length === "+string(rune('0'+n)))
	}
	c.Fill("[name=label]", "zone=a")
	rows(2)
	c.WaitFor("#instance-proxy-3")
	c.Reload()
	rows(2)
	c.Click("#instance-proxy-3 a.label[href*='build']")
	rows(4)
	c.Go("")
	c.Click(".counts a[href*='SYNCED']")
	rows(4)
	c.Click(".counts a[href*='GONE']")
	c.WaitText("#live", "No instance matches the filter")
	c.Click("#live p a[href$='/f/default/']")
	rows(4)
	c.Fill("[name=version]", "2")
	c.WaitText("#live", "No instance matches the filter")
	publishAs(t, server, "lee", "", timing("two", "acme", time.Hour))
	rows(4)

	c.Click("#instance-proxy-2 th a")
	c.WaitText("h1", "Instance proxy-2")
	c.WaitText("#live", "zone=b")
	c.WaitText("#live ul", "one: ShapeTiming tenant=acme")
	c.WaitText("#live", "Hits on this instance")
	c.Allow("404")
	_ = fleet.Proxies[1].Close()
	c.WaitText("main", "not in the roster")
}

func TestRoster_ShowsRejection(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	NewFleet(t, server.URL(), 2, func(_ int, cfg *fleetdial.SubscriberConfig) { cfg.ResyncInterval = 500 * time.Millisecond })
	publishAs(t, server, "lee", "", timing("one", "acme", time.Hour))
	c := signIn(t, server)
	c.Go("")
	c.WaitText("#instance-proxy-1", "SYNCED")
	server.Do(t, "SET", "fleetdial:{default}", "garbage")
	c.WaitText("#live", "The current revision cannot be read")
	c.WaitText("#instance-proxy-1", "REJECTED")
	c.Axe()
	c.Go("clear")
	c.Click("main button.danger")
	c.WaitText(".question", "unreadable value")
	c.Click(".question input")
	c.confirm()
	c.Go("")
	c.WaitText("#instance-proxy-1", "SYNCED")
}

func TestFleets_Switch(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	NewFleet(t, server.URL(), 1, func(_ int, cfg *fleetdial.SubscriberConfig) { cfg.Fleet, cfg.Instance = "eu-west", "edge-eu" })
	publishAs(t, server, "lee", "", timing("one", "acme", time.Hour))
	c := signIn(t, server)
	c.Go("")
	c.Click(".fleet a")
	c.WaitText("tbody", "default")
	c.Click("tbody a[href$='/f/eu-west/']")
	c.WaitText("#live", "edge-eu")
	c.WaitText("#live", "The fleet has no current revision")
	c.Click("nav a[href$='/publish']")
	c.Fill("#f-tenant", "acme")
	c.review()
	assert.Contains(t, Eval[string](c.Page, "document.querySelector('.command code').textContent"), "--fleet eu-west")
}

func TestFleet_Empty(t *testing.T) {
	t.Parallel()
	ui := NewUI(t, testutil.StartRedis(t).URL())
	p := NewPage(t)
	p.Open(ui.Link)
	for _, path := range []string{"", "directives", "history", "explain", "../../fleets"} {
		assert.Equal(t, http.StatusOK, p.Open(ui.At(path)))
		p.WaitText(".who", "read-only")
		p.Axe()
		p.Look("empty-" + map[bool]string{true: "fleets", false: path}[path == "../../fleets"])
	}
	p.Allow("40[34]")
	assert.Equal(t, http.StatusForbidden, p.Open(ui.At("publish")))
	assert.Zero(t, p.Count("nav a[href$='/publish'], nav a[href$='/clear'], main form[method=post]"))
}

func TestFleet_Cost(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	NewFleet(t, server.URL(), 10)
	publishAs(t, server, "lee", "", timing("one", "acme", time.Hour))
	ui := NewUI(t, server.URL())
	p := NewPage(t)
	p.Open(ui.Link)
	p.Open(ui.At(""))
	p.WaitText("#live", "proxy-10")
	p.Open("about:blank")
	p.DisableCache()
	p.Open(ui.At(""))
	bytes, took := p.Cost()
	t.Logf("the first page takes %v, and %d bytes", took, bytes)
	assert.Less(t, bytes, int64(60_000))
	assert.Less(t, took, 5*time.Second) // 200 ms on a quiet machine
}
