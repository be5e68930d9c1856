package overview

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/fleetdial/fleetdial"
)

func TestWorstFirst(t *testing.T) {
	t.Parallel()
	var instances []fleetdial.Instance
	for _, name := range []string{"a", "b"} {
		for _, state := range States {
			instances = append(instances, fleetdial.Instance{Name: name, State: state})
		}
	}
	var got []string
	for _, in := range WorstFirst(instances) {
		got = append(got, in.Name+" "+string(in.State))
	}
	assert.Equal(t, []string{
		"a REJECTED", "b REJECTED", "a STALE", "b STALE", "a NEVER", "b NEVER", "a GONE", "b GONE",
		"a PENDING", "b PENDING", "a SYNCED", "b SYNCED",
	}, got)
	assert.Equal(t, fleetdial.InstanceSynced, instances[0].State, "the roster keeps its order")
	assert.ElementsMatch(t, States, WorstStates())
}

func TestProblem(t *testing.T) {
	t.Parallel()
	report := &fleetdial.Report{Error: "connection refused", Rejected: &fleetdial.Rejected{Error: "too large"}}
	for name, c := range map[string]struct {
		in   fleetdial.Instance
		want string
	}{
		"no report":         {fleetdial.Instance{State: fleetdial.InstanceStale}, ""},
		"unreadable report": {fleetdial.Instance{Err: errors.New("damaged"), Report: report}, "damaged"},
		"rejected":          {fleetdial.Instance{State: fleetdial.InstanceRejected, Report: report}, "too large"},
		"stale":             {fleetdial.Instance{State: fleetdial.InstanceStale, Report: report}, "connection refused"},
		"shared name":       {fleetdial.Instance{Shared: "web"}, "the name web is used by two instances"},
		"both": {
			fleetdial.Instance{Shared: "web", Report: report, State: fleetdial.InstanceStale},
			"the name web is used by two instances; connection refused",
		},
	} {
		assert.Equal(t, c.want, Problem(c.in), name)
	}
}

func TestAge_NeverNegative(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1_700_000_000_000)
	roster := fleetdial.Roster{Now: now}
	assert.Empty(t, Age(roster, fleetdial.Instance{}))
	assert.Equal(t, "1.3s", Age(roster, fleetdial.Instance{LastSeen: now.Add(-1260 * time.Millisecond)}))
	assert.Equal(t, "0s", Age(roster, fleetdial.Instance{LastSeen: now.Add(time.Second)}))
	assert.Empty(t, Lag(&fleetdial.Applied{}))
	assert.Equal(t, "2ms", Lag(&fleetdial.Applied{Version: 1, PublishedAt: now, At: now.Add(1600 * time.Microsecond)}))
	assert.Equal(t, "0s", Lag(&fleetdial.Applied{Version: 1, PublishedAt: now, At: now.Add(-time.Second)}))
}
