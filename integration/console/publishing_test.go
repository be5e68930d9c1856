package console

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
)

// current returns the current revision of the fleet "default".
func (c *console) current() fleetdial.Revision {
	c.t.Helper()
	p, err := fleetdial.NewPublisher(c.Redis.Client(c.t), fleetdial.PublisherConfig{})
	require.NoError(c.t, err)
	rev, err := p.Current(c.t.Context())
	require.NoError(c.t, err)
	return rev
}

// confirm clicks on the button of a review, and waits for the rollout.
func (c *console) confirm() {
	c.t.Helper()
	c.WaitFor(".confirm [name=expect]")
	c.Click(".confirm button.primary")
	c.WaitText("h1", "Rollout of version")
}

// review clicks on the button of a form, and waits for the difference.
func (c *console) review() {
	c.t.Helper()
	c.Click("main button.primary")
	c.WaitFor(".review")
}

func TestPublish_Form(t *testing.T) {
	t.Parallel()
	c := newConsole(t)
	c.Go("")
	c.WaitText("#live", "The fleet has no current revision")
	c.Click("nav a[href$='/publish']")
	c.Fill("#f-id", "acme-search")
	c.Fill("#f-level", "ShapeRewriteDiff")
	c.Fill("#f-ttl", "soon")
	c.Fill("#f-tenant", "acme")
	c.Fill("#f-on", "zone=eu")
	c.Fill("#f-reason", "INC-1")
	c.Allow("422")
	c.Click("main button.primary")
	c.WaitText("[role=alert]", "must be 1s to")
	c.Axe()
	c.Fill("#f-ttl", "20m")
	c.review()
	c.WaitText(".diff .added", "acme-search: ShapeRewriteDiff tenant=acme on zone=eu")
	c.Click("details.command summary")
	c.WaitText("details.command code", "publish add --id acme-search --level ShapeRewriteDiff --tenant acme")
	c.WaitText("details.command code", "--redis-url")
	assert.Equal(t, "INC-1", Eval[string](c.Page, "document.querySelector('.confirm [name=reason]').value"))

	publishAs(t, c.Redis, "lee", "in between", timing("other", "globex", time.Hour))
	c.Allow("409")
	c.Click(".confirm button.primary")
	c.WaitText("[role=alert]", "Nothing was written, because version 1 was published by lee")
	c.confirm()
	c.WaitText("#live", "INC-1")
	rev := c.current()
	assert.Equal(t, int64(2), rev.Version)
	assert.Equal(t, "INC-1", rev.Reason)
	assert.Contains(t, rev.PublishedBy, "@")
	require.Equal(t, 2, rev.Set.Len())
	d := rev.Set.Directives()[1]
	assert.Equal(t, fleetdial.ShapeRewriteDiff, d.Level)
	assert.WithinDuration(t, rev.PublishedAt.Add(20*time.Minute), d.ExpiresAt, time.Minute)
	assert.Equal(t, map[string]string{"zone": "eu"}, d.Instances.Labels)
}

func TestPublish_BroadDirectiveAsksForTheFleet(t *testing.T) {
	t.Parallel()
	c := newConsole(t)
	c.Go("publish")
	c.review()
	c.WaitText(".question", "matches every request")
	c.Fill(".question input", "defaul")
	c.Click(".confirm button.primary")
	assert.True(t, Eval[bool](c.Page, "document.querySelector('.question input').matches(':invalid')"))
	c.Fill(".question input", "default")
	c.confirm()
	assert.Equal(t, 1, c.current().Set.Len())
}

func TestPublish_Paste(t *testing.T) {
	t.Parallel()
	c := newConsole(t)
	publishAs(t, c.Redis, "lee", "", timing("other", "globex", time.Hour))
	c.Go("publish")
	c.WaitText("#live", "Version 1") // until then, the tabs move
	c.Click(".tabs a")
	body := func(text string) {
		Eval[bool](c.Page, "(document.querySelector('#f-body').value = "+quote(text)+", true)")
	}
	c.WaitFor("#f-body")
	c.Allow("422")
	body("directives:\n  - id: acme\n    level: Loud\n    ttl_secs: 60\n")
	c.Click("main button.primary")
	c.WaitText("[role=alert]", "at line 3")
	body("directives:\n  - id: acme\n    level: Shape\n    tenant: acme\n    ttl_secs: 60\n")
	c.review()
	c.WaitText(".diff .added", "acme: Shape tenant=acme")
	assert.Zero(t, c.Count(".diff .removed"))
	c.confirm()
	assert.Equal(t, 2, c.current().Set.Len())

	c.Go("publish?with=body")
	body(`{"directives": [{"id": "acme", "level": "ShapeTiming", "tenant": "acme", "ttl_secs": 600}]}`)
	c.Click("[name=merge][value=no]")
	c.review()
	c.WaitText(".diff .removed", "other")
	c.WaitText(".question", "lee")
	c.Click(".question input")
	c.confirm()
	assert.Equal(t, 1, c.current().Set.Len())
}
