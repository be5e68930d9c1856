package main

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
)

func TestColourStates_NameOfSeveralBytes(t *testing.T) {
	t.Parallel()
	rows := []fleetdial.Instance{{State: fleetdial.InstanceStale}, {State: fleetdial.InstanceSynced}, {State: fleetdial.InstanceSynced}}
	table := "INSTANCE  STATE   WANT\nwe…b-1    STALE   1\n日本      SYNCED  1\nweb-2     SY…ED   1\n"
	want := "INSTANCE  STATE   WANT\nwe…b-1    -STALE.   1\n日本      +SYNCED.  1\nweb-2     SY…ED   1\n"
	assert.Equal(t, want, colourStates(table, rows, tui.Palette{Add: "+", Remove: "-", End: "."}))
}
