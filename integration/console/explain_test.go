package console

import (
	"testing"
	"time"

	"github.com/fleetdial/fleetdial"
)

func TestExplain_Sets(t *testing.T) {
	t.Parallel()
	c := newConsole(t)
	NewFleet(t, c.Redis.URL(), 2)
	publishAs(t, c.Redis, "lee", "", timing("acme", "acme", time.Hour))
	zone := timing("zone-a", "acme", time.Hour)
	zone.Level, zone.Instances = fleetdial.ShapeRewriteDiff, &fleetdial.Instances{Labels: map[string]string{"zone": "a"}}
	publishAs(t, c.Redis, "lee", "", zone)
	c.Go("")
	c.WaitText("#instance-proxy-2", "SYNCED")
	c.Click("nav a[href$='/explain']")

	c.Fill("#e-tenant", "acme")
	c.Click("main button.primary")
	c.WaitText(".decision", "ShapeTiming")
	c.WaitText(".result", "Decision of the current revision")
	c.Click(".command summary")
	c.WaitText(".result", "publish explain --tenant acme")

	c.Fill("#e-instance", "proxy-1")
	c.Click("main button.primary")
	c.WaitText(".decision", "ShapeRewriteDiff")

	c.Fill("#e-version", "1")
	c.Click("main button.primary")
	c.WaitText(".result", "Decision of version 1")
	c.WaitText(".decision", "ShapeTiming")

	c.Go("explain")
	c.Fill("#e-path", "/orders/_search")
	c.Fill("#e-headers", "X-Tenant: globex")
	c.Click("main button.primary")
	c.WaitText(".result", "index=orders")
	c.WaitText(".result", "globex")
	c.WaitText(".decision", "Off")
	c.WaitText(".result table", "tenant")

	c.Allow("400")
	c.Fill("#e-path", "orders")
	c.Click("main button.primary")
	c.WaitText("[role=alert]", "must be the path of a URL")

	c.Go("explain?with=draft")
	c.Fill("#e-tenant", "globex")
	c.Fill("#e-body", `{"directives": [{"id": "x", "level": "Shape", "tenant": "globex", "ttl_secs": 60}]}`)
	c.Click("main button.primary")
	c.WaitText(".result", "Decision of the draft")
	c.WaitText(".decision", "Shape")
	c.Fill("#e-body", `{"directives": [{}]}`)
	c.Click("main button.primary")
	c.WaitText("[role=alert]", "Correct the draft")
	c.Axe()
}
