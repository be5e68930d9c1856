package console

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/fleetdial/fleetdial/testutil"
)

// TestNoScript_Publish publishes, filters, ends, rolls back and clears without JavaScript.
func TestNoScript_Publish(t *testing.T) {
	t.Parallel()
	c := newConsole(t)
	NewFleet(t, c.Redis.URL(), 3)
	c.DisableScripts()
	c.Go("")
	assert.False(t, Eval[bool](c.Page, "'htmx' in window"), "scripts are off")
	testutil.Eventually(t, within, "a reload shows the newest state", func() bool {
		c.Reload()
		return c.Count("tbody tr") == 3
	})
	c.Fill("[name=q]", "proxy-2")
	c.Click("form.filter button")
	c.Wait("one row is left", "document.querySelectorAll('tbody tr').length === 1")
	c.WaitText("tbody", "proxy-2")

	c.Click("nav a[href$='/publish']")
	c.Fill("#f-id", "plain")
	c.Fill("#f-tenant", "acme")
	c.review()
	c.confirm()
	c.Click("nav a[href$='/directives']")
	c.WaitText("#directive-plain", "tenant=acme")
	c.WaitText("#directive-plain [data-ends]", "m")
	c.Click("#extend-plain")
	c.WaitText("h1", "Rollout of version 2")
	c.Click("nav a[href$='/directives']")
	c.Click("#end-plain")
	c.WaitText("h1", "Rollout of version 3")
	assert.Zero(t, c.current().Set.Len())
	c.Click("nav a[href$='/history']")
	c.Click("#version-2 button")
	c.WaitText("h1", "Roll back to version 2")
	c.confirm()
	c.Click("nav a[href$='/clear']")
	c.Click("main button.danger")
	c.WaitFor(".review")
	c.confirm()
	c.Click("nav a[href$='/history']")
	c.WaitText("#version-5", "-plain")
	c.Click("#compare button")
	c.WaitText("h1", "Version 4 and version 5")
	c.WaitText(".diff .removed", "plain")
}
