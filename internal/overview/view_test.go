package overview

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/fleetdial/fleetdial"
)

// reporting returns a live instance that reports under its name.
func reporting(name string) fleetdial.Instance {
	return fleetdial.Instance{Name: name, State: fleetdial.InstanceSynced, Report: &fleetdial.Report{Instance: name}}
}

func TestView_DirectivesOf(t *testing.T) {
	t.Parallel()
	now := time.Now()
	later, names := now.Add(time.Minute), &fleetdial.Instances{Names: []string{"web"}}
	view := NewView(fleetdial.Roster{Now: now}, []fleetdial.Directive{
		{ID: "general", ExpiresAt: later},
		{ID: "canary", ExpiresAt: later, Instances: names},
		{ID: "expired", ExpiresAt: now, Instances: names},
		{ID: "general-2", ExpiresAt: later},
		{ID: "over", ExpiresAt: now},
	})
	aside := reporting("web~123456")
	aside.Report.Shared = "web"
	for _, in := range []fleetdial.Instance{reporting("web"), aside} {
		c, known := view.DirectivesOf(in)
		assert.True(t, known)
		assert.Equal(t, []string{"canary", "general", "general-2"}, c.IDs())
		assert.Equal(t, "canary, general, general-2", c.Text(3))
		assert.Equal(t, "canary, general and 1 more", c.Text(2))
	}
	c, known := view.DirectivesOf(reporting("api"))
	assert.True(t, known)
	assert.Equal(t, "general and 1 more", c.Text(1))
	_, known = view.DirectivesOf(fleetdial.Instance{Name: "unread"})
	assert.False(t, known)
	view = View{}
	c, known = view.DirectivesOf(aside)
	assert.False(t, known)
	assert.Equal(t, "-", c.Text(3))
}
