package console

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/testutil"
)

func TestDirectives_ExtendEndChange(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	fleet := NewFleet(t, server.URL(), 3)
	d := timing("acme-search", "acme", 5*time.Minute)
	d.SamplePerMille = 500
	publishAs(t, server, "lee", "INC-1", d)
	fleet.Keep(t, fleetdial.Request{Tenant: "acme", Index: "orders", Endpoint: fleetdial.Search})
	c := signIn(t, server)
	c.Go("directives")
	c.WaitText("tbody tr", "lee in version 1: INC-1")
	c.WaitText("tbody tr", "all 3")
	c.Wait("the hits rise", `Number(document.querySelector("tbody td:nth-child(6)").innerText) > 100`)

	c.Click("#extend-acme-search")
	c.WaitText("h1", "Rollout of version 2")
	c.WaitText("#live", "3 of 3 live instances")
	assert.WithinDuration(t, d.ExpiresAt.Add(10*time.Minute), c.current().Set.Directives()[0].ExpiresAt, time.Second)

	c.Go("directives")
	c.Click("#directive-acme-search a[href*='from=']")
	c.Wait("the form has the directive", `document.querySelector("#f-tenant").value === "acme"`)
	assert.Equal(t, "500", Eval[string](c.Page, `document.querySelector("#f-sample").value`))
	c.Fill("#f-sample", "100%")
	c.review()
	c.WaitText(".diff .changed", "acme-search: ")
	c.confirm()

	c.Go("directives")
	c.Click("#end-acme-search")
	c.WaitText("h1", "Rollout of version 4")
	c.Go("directives")
	c.WaitText("#live", "No directive is in force")
	assert.Zero(t, c.current().Set.Len())
}

// TestDirectives_EndByThemselves also checks that the page is changed in place.
func TestDirectives_EndByThemselves(t *testing.T) {
	t.Parallel()
	c := newConsole(t)
	publishAs(t, c.Redis, "lee", "", timing("short", "acme", 6*time.Second), timing("long", "acme", time.Hour))
	c.Go("directives")
	c.SetWindow(360, 780)
	c.WaitFor("#directive-long button")
	Eval[bool](c.Page, `(window.row = document.querySelector("#directive-short"),
		document.querySelector("#extend-long").focus(), document.querySelector(".scroll").scrollLeft = 100, true)`)
	c.Wait("the time runs", `/^[1-4]s$/.test(document.querySelector("#directive-short [data-ends]").innerText)`)
	c.WaitFor("#directive-short.ended")
	c.WaitText("#directive-short", "ended")
	assert.Equal(t, 1, c.Count("#directive-long button.danger"))
	assert.Zero(t, c.Count("#directive-short button.danger"), "an ended directive cannot be ended")
	assert.True(t, Eval[bool](c.Page, `window.row === document.querySelector("#directive-short")`), "the row is the same")
	assert.Equal(t, "extend-long", Eval[string](c.Page, "document.activeElement.id"), "the focus is the same")
	assert.Equal(t, 100, Eval[int](c.Page, `document.querySelector(".scroll").scrollLeft`))
}

// TestDirectives_ScriptKeepsFormat removes the time left. The script of the page must write the time
// that the console wrote.
func TestDirectives_ScriptKeepsFormat(t *testing.T) {
	t.Parallel()
	c := newConsole(t)
	publishAs(t, c.Redis, "lee", "", timing("long", "acme", 150*time.Minute+30*time.Second))
	c.Go("directives")
	const text = `document.querySelector("[data-ends]").textContent`
	c.WaitFor("[data-ends]")
	assert.Equal(t, "2h30m", Eval[string](c.Page, text))
	Eval[string](c.Page, text+` = ""`)
	c.Wait("the script writes the time", text+` === "2h30m"`)
}

func TestDirectives_Search(t *testing.T) {
	t.Parallel()
	c := newConsole(t)
	publishAs(t, c.Redis, "lee", "", timing("one", "acme", time.Hour), timing("two", "globex", time.Hour))
	c.Go("directives")
	c.Fill("[name=q]", "glob")
	c.Wait("one row is left", `document.querySelectorAll("tbody tr").length === 1`)
	c.WaitText("tbody", "globex")
	assert.Contains(t, c.URL(), "q=glob")
	publishAs(t, c.Redis, "lee", "", timing("three", "globex", time.Hour), timing("four", "acme", time.Hour))
	c.Wait("the list is live", `document.querySelectorAll("tbody tr").length === 2`)
	c.Fill("[name=q]", "nothing")
	c.WaitText("#live", "No directive matches the search")
	Eval[bool](c.Page, "(history.back(), true)")
	c.Wait("back to the search before", `document.querySelectorAll("tbody tr").length === 2`)
}
