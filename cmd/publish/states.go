package main

import (
	"cmp"
	"slices"
	"strings"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
)

// worst lists the states from the one that needs attention most to the one that needs none.
var worst = []fleetdial.InstanceState{
	fleetdial.InstanceRejected, fleetdial.InstanceStale, fleetdial.InstanceNever, fleetdial.InstanceGone,
	fleetdial.InstancePending, fleetdial.InstanceSynced,
}

// worstFirst returns the instances in the order of worst and, within a state, of their names.
func worstFirst(instances []fleetdial.Instance) []fleetdial.Instance {
	return slices.SortedStableFunc(slices.Values(instances), func(a, b fleetdial.Instance) int {
		return cmp.Compare(slices.Index(worst, a.State), slices.Index(worst, b.State))
	})
}

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
