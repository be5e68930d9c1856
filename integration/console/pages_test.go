package console

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/testutil"
)

// edgeFleet starts ten proxies with traffic, and publishes three directives for them, of several
// authors.
func edgeFleet(t testing.TB, server *testutil.Redis) {
	t.Helper()
	publishAs(t, server, "dana@ops-1", "nightly check", timing("nightly", "umbrella", 2*time.Second))
	fleet := NewFleet(t, server.URL(), 10, func(i int, cfg *fleetdial.SubscriberConfig) {
		zone := []string{"eu-1", "eu-2", "us-1"}[i%3]
		cfg.Instance = fmt.Sprintf("edge-%s-%d", zone, i/3+1)
		cfg.Labels = map[string]string{"zone": zone, "build": []string{"1.4.2", "1.5.0"}[i/8]}
	})
	publishAs(t, server, "dana@ops-1", "slow searches of acme, INC-4711", timing("acme-search", "acme", 25*time.Minute))
	orders := timing("orders-writes", "", 2*time.Hour)
	orders.Match = fleetdial.Match{Index: "orders", Endpoint: fleetdial.IngestBulk}
	orders.Level, orders.SamplePerMille = fleetdial.Shape, 100
	publishAs(t, server, "lee@laptop", "how large are the bulks?", orders)
	canary := timing("canary-rewrite", "globex", 50*time.Minute)
	canary.Level, canary.MaxPerSecond = fleetdial.ShapeRewriteDiff, 5
	canary.Instances = &fleetdial.Instances{Labels: map[string]string{"build": "1.5.0"}}
	publishAs(t, server, "dana@ops-1", "compare the rewrites of 1.5.0", canary)
	fleet.Keep(t, fleetdial.Request{Tenant: "acme", Index: "orders", Endpoint: fleetdial.Search})
	fleet.Keep(t, fleetdial.Request{Tenant: "initech", Index: "orders", Endpoint: fleetdial.IngestBulk})
	fleet.Keep(t, fleetdial.Request{Tenant: "globex", Index: "carts", Endpoint: fleetdial.Search})
}

func TestPages_AccessibleAtEverySize(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	edgeFleet(t, server)
	c := signIn(t, server)
	tab := c.NewTab() // the console draws the rates of the time in which it is watched
	tab.Open(c.UI.At("directives"))
	for _, page := range []struct{ name, path, text string }{
		{"instance", "instances/edge-eu-1-1", "Directives on this instance"},
		{"publish", "publish", "Recording"},
		{"paste", "publish?with=body", "as for publish -f"},
		{"history", "history", "slow searches of acme, INC-4711"},
		{"compare", "compare?from=2&to=4", "canary-rewrite"},
		{"rollout", "rollout/4", "10 of 10 live instances"},
		{"explain", "explain?explain=yes&tenant=acme&with=draft", "Decision of the current revision"},
		{"clear", "clear", "Every directive of the fleet ends"},
		{"fleet", "", "edge-us-1-1"},
		{"directives", "directives", "orders-writes"},
		{"fleets", "../../fleets", "default"},
	} {
		c.Go(page.path)
		c.WaitText("main", page.text)
		c.Axe()
		c.Look(page.name)
	}
	c.Allow("404")
	assert.Equal(t, http.StatusNotFound, c.Open(c.UI.At("instances/edge-eu-1-x")))
	c.WaitText("[role=alert]", "edge-eu-1-1")
	c.Axe()
	c.Look("error")
	c.Go("publish")
	c.Fill("#f-reason", "everything")
	c.Click("main button.primary")
	c.WaitText("fieldset.question", "matches every request")
	c.Axe()
	c.Look("review")
}

// TestPages_Pictures makes the images of the documentation. Without -screenshots, it checks that
// the charts are drawn. The second image has an instance that rejects the revision, because the
// revision is not signed.
func TestPages_Pictures(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	edgeFleet(t, server)
	c := signIn(t, server)
	c.SetWindow(1280, 640)
	c.SetScheme(Light)
	c.Go("directives")
	c.WaitText("table", "ended")
	c.WaitFor("svg.line path[d*=L]")
	c.picture("console-directives.png")
	NewFleet(t, server.URL(), 1, func(_ int, cfg *fleetdial.SubscriberConfig) {
		cfg.Instance, cfg.Labels = "edge-us-1-4", map[string]string{"zone": "us-1", "build": "1.5.0"}
		cfg.Startup, cfg.VerifyKeys = fleetdial.StartEmpty, []ed25519.PublicKey{make([]byte, ed25519.PublicKeySize)}
	})
	c.Go("")
	c.WaitText("#instance-edge-us-1-4", "REJECTED")
	c.picture("console-fleet.png")
}

func (p *Page) picture(name string) {
	if *screenshots != "" {
		p.within("take a screenshot", func(ctx context.Context) error { return save(ctx, name) })
	}
}
