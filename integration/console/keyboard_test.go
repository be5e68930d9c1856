package console

import (
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
)

// TestKeyboard_Publish publishes, ends and rolls back with the keyboard only.
func TestKeyboard_Publish(t *testing.T) {
	t.Parallel()
	c := newConsole(t)
	c.Go("")
	c.TabTo(".skip")
	assert.True(t, Eval[bool](c.Page, "document.querySelector('.skip').getBoundingClientRect().left >= 0"), "the focus is visible")
	c.TabTo("nav a[href$='/publish']")
	c.Press(kb.Enter)
	c.WaitText("h1", "Publish")
	c.TabTo("#f-level")
	c.Type("ShapeR")
	c.TabTo("#f-ring, [name=ring_buffer]")
	c.Press(" ")
	c.TabTo("#f-tenant")
	c.Type("acme")
	c.TabTo("#f-id")
	c.Type("by-keyboard")
	c.TabTo("#f-reason")
	c.Type("no mouse")
	c.TabTo("button.primary")
	c.Press(kb.Enter)
	c.WaitText(".diff", "by-keyboard: ShapeRewriteDiff tenant=acme ring-buffer")
	c.TabTo(".confirm button.primary")
	c.Press(kb.Enter)
	c.WaitText("h1", "Rollout of version 1")
	assert.Equal(t, "no mouse", c.current().Reason)

	c.TabTo("nav a[href$='/directives']")
	c.Press(kb.Enter)
	c.WaitText("h1", "Directives")
	c.TabTo("#end-by-keyboard")
	c.Press(kb.Enter)
	c.WaitText("h1", "Rollout of version 2")
	assert.Zero(t, c.current().Set.Len())

	c.TabTo("nav a[href$='/history']")
	c.Press(kb.Enter)
	c.WaitText("h1", "History")
	c.TabTo("#version-1 button")
	c.Press(kb.Enter)
	c.WaitText("h1", "Roll back to version 1")
	c.TabTo(".confirm [name=reason]")
	c.Type("again")
	c.Press(kb.Enter) // in a field, it sends the form
	c.WaitText("h1", "Rollout of version 3")
	assert.Equal(t, 1, c.current().Set.Len())
}
