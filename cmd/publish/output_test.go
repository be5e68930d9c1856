package main

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
	"github.com/fleetdial/fleetdial/internal/overview"
	"github.com/fleetdial/fleetdial/internal/review"
)

// forged is a text that would add a row to a table if it were not quoted.
const forged = "x\nweb  SYNCED"

func TestStatus_ForgedTextAddsNoRow(t *testing.T) {
	t.Parallel()
	now := time.Now()
	roster := fleetdial.Roster{
		Now: now, Err: errors.New(forged),
		Instances: []fleetdial.Instance{
			{Name: forged, State: fleetdial.InstanceStale, LastSeen: now, Report: &fleetdial.Report{
				State: forged, Source: forged, Fleetdial: forged, Error: forged,
				Applied:  &fleetdial.Applied{ID: forged, SignedBy: forged},
				Rejected: &fleetdial.Rejected{ID: forged, Reason: forged, Error: forged},
				Labels:   map[string]string{forged: forged}, Counters: map[string]int64{forged: 1},
			}},
			{Name: "unreadable", State: fleetdial.InstanceStale, LastSeen: now, Err: errors.New(forged)},
		},
	}
	var out bytes.Buffer
	a := &app{stdout: &dataWriter{Writer: &out}, output: "table"}
	view := overview.NewView(roster, []fleetdial.Directive{{ID: forged, ExpiresAt: now.Add(time.Hour), Instances: &fleetdial.Instances{
		Names: []string{forged}, Labels: map[string]string{forged: forged},
	}}, {ID: forged, ExpiresAt: now.Add(time.Hour)}})
	text, err := a.statusText(view, statusFlags{wide: true})
	require.NoError(t, err)
	assert.Equal(t, 4, strings.Count(text, "\n"), "want a header, two rows and a summary:\n%s", text)
	for _, in := range roster.Instances {
		require.NoError(t, a.writeInstance(view, in))
		assert.NotContains(t, out.String(), "\nweb ")
		assert.NotContains(t, lacking(in), "\n")
	}
}

func TestTables_ForgedTextAddsNoRow(t *testing.T) {
	t.Parallel()
	now := time.Now()
	set, err := fleetdial.NewSet([]fleetdial.Directive{{
		ID: forged, Level: fleetdial.Shape, SamplePerMille: 1000, ExpiresAt: now.Add(time.Hour), Capture: true,
		Match:     fleetdial.Match{Tenant: forged, Index: forged, Principal: forged},
		Instances: &fleetdial.Instances{Labels: map[string]string{forged: forged}}, MaxPerSecond: 1,
	}})
	require.NoError(t, err)
	rev := fleetdial.Revision{Version: 1, PublishedBy: forged, Reason: forged, Set: set}
	var out bytes.Buffer
	a := &app{stdout: &dataWriter{Writer: &out}, output: "table"}
	require.NoError(t, a.writeTable(set, now, nil, nil))
	require.NoError(t, a.writeExplanation(review.Perspective{Instance: forged, Name: forged, Labels: map[string]string{forged: forged}}, set, fleetdial.Request{}, now))
	require.NoError(t, a.writeChange(now, rev, review.Differences(fleetdial.DiffSets(nil, set))))
	live := fleetdial.Roster{Instances: []fleetdial.Instance{{Name: forged, Report: &fleetdial.Report{
		Labels: map[string]string{forged: forged, "zone": forged},
	}}}}
	shown := review.Of(fleetdial.Revision{}, rev, &live, nil)
	lines := changeLines(shown.Diff, tui.Palette{})
	lines = slices.Concat(lines, shown.Effects, shown.Notes, shown.Concerns, shown.Warnings, []string{a.headline(rev, now)})
	assert.NotContains(t, out.String()+strings.Join(lines, ""), "\nweb ")
}
