package console

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestHistory_CompareRollBackClear(t *testing.T) {
	t.Parallel()
	c := newConsole(t)
	fleet := NewFleet(t, c.Redis.URL(), 2)
	publishAs(t, c.Redis, "lee", "first", timing("one", "acme", time.Hour))
	publishAs(t, c.Redis, "dana", "second", timing("two", "acme", time.Hour))
	publishAs(t, c.Redis, "dana", "third", timing("three", "acme", time.Hour))
	c.Go("history")
	c.WaitText("#version-3", "third")
	c.Click("#version-2 [name=from]") // both are the default
	c.Click("#version-3 [name=to]")
	for _, id := range []string{"four", "five"} {
		rev := publishAs(t, c.Redis, "lee", id, timing(id, "acme", time.Hour))
		c.WaitText(fmt.Sprintf("#version-%d", rev.Version), id)
	}
	c.Click("#compare button")
	c.WaitText("h1", "Version 2 and version 3") // the choice outlives updates
	assert.Equal(t, 1, c.Count(".diff li"))
	c.WaitText(".diff .added", "three")
	c.Click("main p > a[href*='compare']")
	c.WaitText(".diff .removed", "three")

	c.Go("history")
	c.Click("#version-1 button")
	c.WaitText("h1", "Roll back to version 1")
	c.WaitText(".diff .removed", "three")
	c.Fill(".confirm [name=reason]", "back to the first")
	c.confirm()
	c.WaitText("#live", "2 of 2 live instances")
	c.WaitFor("svg.histogram")
	shared := c.URL()
	rev := c.current()
	assert.Equal(t, int64(6), rev.Version)
	assert.Equal(t, "back to the first", rev.Reason)
	assert.Equal(t, 1, rev.Set.Len())

	c.Go("clear")
	c.Fill("[name=reason]", "panic")
	c.Click("main button.danger")
	c.WaitText(".diff .removed", "one")
	c.WaitText(".confirm button.primary", "Publish the empty set")
	c.confirm()
	assert.Zero(t, c.current().Set.Len())
	assert.Zero(t, fleet.Proxies[0].Load().Len())

	// The link of the rollout stays the same.
	assert.Equal(t, http.StatusOK, c.Open(shared))
	c.WaitText("#live", "Another revision is current now")
	c.WaitText("#live", "2 have a newer revision")
}
