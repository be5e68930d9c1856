package live

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/fleetdial/fleetdial"
)

// rejectedState returns the state of a fleet whose only instance has rejected the revision.
func rejectedState() *State {
	now := time.UnixMilli(1_700_000_000_000)
	return &State{
		Roster: fleetdial.Roster{
			Published: true, Version: 1, ID: "id", Digest: "digest",
			Instances: []fleetdial.Instance{{
				Name: "web", State: fleetdial.InstanceRejected, LastSeen: now, Report: &fleetdial.Report{
					WrittenAt: now, Applied: &fleetdial.Applied{ID: "id"}, Rejected: &fleetdial.Rejected{ID: "id", Error: "large"},
				},
			}},
		},
		Revision: fleetdial.Revision{Version: 1, ID: "id"},
		History:  []fleetdial.HistoryEntry{{Revision: fleetdial.Revision{Version: 1, ID: "id"}}},
	}
}

func TestIsUrgent_EachChange(t *testing.T) {
	t.Parallel()
	failed := errors.New("failed")
	row := func(change func(*fleetdial.Instance)) func(*State) {
		return func(s *State) { change(&s.Roster.Instances[0]) }
	}
	for name, c := range map[string]struct {
		change       func(*State)
		urgent, news bool
	}{
		"nothing":              {func(*State) {}, false, false},
		"time":                 {func(s *State) { s.Roster.Now, s.ReadAt = time.Now(), time.Now() }, false, false},
		"error":                {func(s *State) { s.Err = failed }, true, true},
		"end of a directive":   {func(s *State) { s.expired++ }, true, false},
		"digest":               {func(s *State) { s.Roster.Digest = "other" }, true, false},
		"error of the roster":  {func(s *State) { s.Roster.Err = failed }, true, false},
		"revision":             {func(s *State) { s.Revision.ID = "other" }, true, false},
		"unreadable revision":  {func(s *State) { s.RevisionErr = failed }, true, false},
		"history":              {func(s *State) { s.History = nil }, true, false},
		"error of the history": {func(s *State) { s.HistoryErr = failed }, true, false},
		"unreadable entry":     {func(s *State) { s.History[0].Err = failed }, true, false},
		"verified entry":       {func(s *State) { s.History[0].Revision.Verified = true }, true, false},
		"new instance": {
			func(s *State) { s.Roster.Instances = append(s.Roster.Instances, fleetdial.Instance{Name: "x"}) }, true, true,
		},
		"state":             {row(func(in *fleetdial.Instance) { in.State = fleetdial.InstanceStale }), true, false},
		"shared name":       {row(func(in *fleetdial.Instance) { in.Shared = "web" }), true, false},
		"unreadable report": {row(func(in *fleetdial.Instance) { in.Err = failed }), true, false},
		"no report":         {row(func(in *fleetdial.Instance) { in.Report = nil }), true, true},
		"applied revision":  {row(func(in *fleetdial.Instance) { in.Report.Applied.ID = "other" }), true, false},
		"rejected revision": {row(func(in *fleetdial.Instance) { in.Report.Rejected.ID = "other" }), true, false},
		"reason":            {row(func(in *fleetdial.Instance) { in.Report.Rejected.Error = "other" }), true, false},
		"no rejection":      {row(func(in *fleetdial.Instance) { in.Report.Rejected = nil }), true, false},
		"newer report":      {row(func(in *fleetdial.Instance) { in.Report.WrittenAt = time.Now() }), false, true},
		"seen":              {row(func(in *fleetdial.Instance) { in.LastSeen = time.Now() }), false, true},
	} {
		next := rejectedState()
		c.change(next)
		assert.Equal(t, c.urgent, isUrgent(rejectedState(), next), name)
		assert.Equal(t, c.news, isNews(rejectedState(), next), name)
	}
}
