package main

import (
	"strings"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
)

// colourStates colours the column STATE of a table, whose rows show the instances.
func colourStates(table string, rows []fleetdial.Instance, p tui.Palette) string {
	lines := strings.Split(table, "\n")
	column := strings.Index(lines[0], "STATE")
	for i, in := range rows {
		line, state := lines[i+1], string(in.State)
		at := tui.IndexOfColumn(line, column)
		if column < 0 || at < 0 || !strings.HasPrefix(line[at:], state) {
			continue // the state is shortened
		}
		colour := p.Remove
		switch in.State {
		case fleetdial.InstanceSynced:
			colour = p.Add
		case fleetdial.InstancePending:
			colour = p.Change
		}
		lines[i+1] = line[:at] + colour + state + p.End + line[at+len(state):]
	}
	return strings.Join(lines, "\n")
}
