package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/overview"
)

// topFleet returns a revision that was published 30 s ago, and its roster of two live instances,
// which both reported a second ago that the directive busy was hit.
func topFleet(t *testing.T) (fleetdial.Revision, fleetdial.Roster) {
	t.Helper()
	now := time.UnixMilli(1_790_000_000_000)
	directive := func(id string, level fleetdial.Level, sample int, ttl time.Duration, names ...string) fleetdial.Directive {
		d := fleetdial.Directive{
			ID: id, Level: level, SamplePerMille: sample, ExpiresAt: now.Add(ttl), Match: fleetdial.Match{Tenant: "t"},
		}
		if len(names) > 0 {
			d.Instances = &fleetdial.Instances{Names: names}
		}
		return d
	}
	set, err := fleetdial.NewSet([]fleetdial.Directive{
		directive("idle", fleetdial.Shape, 1000, time.Minute), directive("busy", fleetdial.Shape, 1000, time.Minute),
		directive("off", fleetdial.Off, 1000, time.Minute), directive("none", fleetdial.Shape, 0, time.Minute),
		directive("expired", fleetdial.Shape, 1000, 0), directive("on b", fleetdial.Shape, 1000, time.Minute, "b"),
		directive("nowhere", fleetdial.Shape, 1000, time.Minute, "c"),
	})
	require.NoError(t, err)
	rev := fleetdial.Revision{Version: 4, ID: strings.Repeat("a1", 16), PublishedAt: now.Add(-30 * time.Second), Set: set}
	roster := fleetdial.Roster{Now: now, Published: true, Version: 4, ID: rev.ID, PublishedAt: rev.PublishedAt}
	busy := fleetdial.ReportedHits{DirectiveHits: fleetdial.DirectiveHits{ID: "busy", Hits: fleetdial.Hits{Applied: 40, Capped: 2}}, Recent: 5}
	for _, name := range []string{"a", "b", "gone"} {
		roster.Instances = append(roster.Instances, fleetdial.Instance{
			Name: name, State: fleetdial.InstanceSynced, Report: &fleetdial.Report{
				Instance: name, WrittenAt: now.Add(-time.Second), Applied: &fleetdial.Applied{Version: 4, ID: rev.ID},
				Hits: &fleetdial.ReportHits{Directives: []fleetdial.ReportedHits{busy}, Window: 10 * time.Second, Total: busy.Hits},
			},
		})
	}
	roster.Instances[2].State = fleetdial.InstanceGone
	return rev, roster
}

func TestTop_Text(t *testing.T) {
	t.Parallel()
	text := func(rev fleetdial.Revision, roster fleetdial.Roster, height int) string {
		a := &app{fleet: "prod", colour: "never", stdout: &dataWriter{Writer: new(bytes.Buffer)}}
		out, err := a.topText(overview.NewHits(rev, roster), height)
		require.NoError(t, err)
		return out
	}
	rev, roster := topFleet(t)
	assert.Equal(t, `ID       HITS  RATE    CAPPED  INSTANCES  LEFT
busy     80    1.00/s  4       2/2        1m0s
expired  0     0/s     0       2/2        expired
idle     0     0/s     0       2/2        1m0s
"none"   0     0/s     0       2/2        1m0s
nowhere  0     0/s     0       0/2        1m0s
off      0     0/s     0       2/2        1m0s
on b     0     0/s     0       1/2        1m0s
fleet prod: version 4, published 30s ago
2 instances, 2 with figures; 80 hits, 1.00/s, 4 capped
no hits: idle, "on b"
`, text(rev, roster, 0))
	assert.Equal(t, `ID       HITS  RATE    CAPPED  INSTANCES  LEFT
busy     80    1.00/s  4       2/2        1m0s
expired  0     0/s     0       2/2        expired
and 5 more
fleet prod: version 4, published 30s ago
2 instances, 2 with figures; 80 hits, 1.00/s, 4 capped
no hits: idle, "on b"
`, text(rev, roster, 8), "a terminal of 8 lines")

	roster.Instances[0].Report.WrittenAt = roster.Now.Add(-21 * time.Second)
	roster.Instances[0].Report.Hits.Total.Applied += 3
	roster.Instances[1].Report.Hits = nil
	got := text(rev, roster, 0)
	assert.Contains(t, got, "\nidle     -     -        -       2/2")
	assert.Contains(t, got, "\n2 instances, 1 with figures; 43 hits, 0.500/s, 2 capped\n")
	assert.Contains(t, got, "\nno figures from 1 instance: b\n")
	assert.Contains(t, got, "\nlower bounds: 1 instance with more than 32 directives that have hits\n")
	assert.Contains(t, got, "\nfigures older than 15s: a (21s)\n")
	assert.NotContains(t, got, "no hits")
}
