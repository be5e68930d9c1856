package fleetdial

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/redisstore"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// judged returns the roster of revision 7, which was published ten seconds ago, and an instance
// that has it.
func judged() (Roster, Instance) {
	now := time.UnixMilli(1_790_000_000_000)
	id := wire.NewID()
	roster := Roster{
		Now: now, Published: true, Version: 7, ID: id, PublishedAt: now.Add(-10 * time.Second), Digest: "0123456789abcdef",
		pendingTime: DefaultPendingTime, every: DefaultReportInterval,
	}
	return roster, Instance{Name: "a", scored: now.Add(-time.Second), Report: &Report{
		Instance: "a", WrittenAt: now.Add(-time.Second), Every: 10 * time.Second, State: StateLive,
		Applied: &Applied{Version: 7, ID: id, Digest: "0123456789abcdef"},
	}}
}

func TestRoster_Judge(t *testing.T) {
	t.Parallel()
	older := wire.NewID()
	rejected := func(state State, id func(Roster) string) func(*Roster, *Instance) {
		return func(r *Roster, in *Instance) {
			in.Report.State = state
			in.Report.Applied = &Applied{Version: 6, ID: older}
			in.Report.Rejected = &Rejected{Version: 7, ID: id(*r)}
		}
	}
	current := func(r Roster) string { return r.ID }
	behind := func(age time.Duration) func(*Roster, *Instance) {
		return func(r *Roster, in *Instance) {
			r.PublishedAt = r.Now.Add(-age)
			in.Report.Applied = &Applied{Version: 6, ID: older}
		}
	}
	silent := func(scored, written time.Duration) func(*Roster, *Instance) {
		return func(r *Roster, in *Instance) {
			in.scored, in.Report.WrittenAt = r.Now.Add(-scored), r.Now.Add(-written)
		}
	}
	unread := func(age time.Duration) func(*Roster, *Instance) {
		return func(r *Roster, in *Instance) {
			rejected(StateRejected, func(Roster) string { return "" })(r, in)
			in.Report.Rejected.Version, in.Report.Rejected.At = 0, r.PublishedAt.Add(-age)
		}
	}
	for name, c := range map[string]struct {
		change func(*Roster, *Instance)
		want   InstanceState
		reason string
	}{
		"rejected without an id, after the publish": {unread(0), InstanceRejected, ""},
		"rejected without an id, before":            {unread(time.Millisecond), InstanceStale, ""},
		"current":                                   {func(*Roster, *Instance) {}, InstanceSynced, ""},
		"empty value":                               {func(r *Roster, in *Instance) { in.Report.State = StateEmpty }, InstanceSynced, ""},
		"stale by its own report":                   {func(r *Roster, in *Instance) { in.Report.State = StateStale }, InstanceStale, ""},
		"missing key":                               {func(r *Roster, in *Instance) { r.Published = false }, InstanceStale, ""},
		"another value":                             {func(r *Roster, in *Instance) { in.Report.Applied.Digest = "f" }, InstanceStale, "another value"},
		"rejected":                                  {rejected(StateRejected, current), InstanceRejected, ""},
		"rejected an older one":                     {rejected(StateRejected, func(Roster) string { return older }), InstanceStale, ""},
		"rejected before":                           {rejected(StateLive, current), InstanceStale, ""},
		"rejected, and stale":                       {rejected(StateStale, current), InstanceStale, ""},
		"nothing applied":                           {func(r *Roster, in *Instance) { in.Report.Applied = nil }, InstanceNever, ""},
		"behind at once":                            {behind(0), InstancePending, ""},
		"behind for a moment":                       {behind(4999 * time.Millisecond), InstancePending, ""},
		"behind for longer":                         {behind(5 * time.Second), InstanceStale, ""},
		"published in the future":                   {behind(-time.Hour), InstanceStale, ""},
		"rejected an older one, just before": {func(r *Roster, in *Instance) {
			rejected(StateRejected, func(Roster) string { return older })(r, in)
			r.PublishedAt = r.Now
		}, InstancePending, ""},
		"rejected a moment ago": {func(r *Roster, in *Instance) { rejected(StateRejected, current)(r, in); r.PublishedAt = r.Now }, InstanceRejected, ""},
		"missing a moment ago":  {func(r *Roster, in *Instance) { behind(0)(r, in); in.Report.State = StateMissing }, InstancePending, ""},
		"missing for longer":    {func(r *Roster, in *Instance) { behind(5*time.Second)(r, in); in.Report.State = StateMissing }, InstanceStale, ""},
		"first publish": {func(r *Roster, in *Instance) {
			behind(0)(r, in)
			in.Report.State, in.Report.Applied = StateMissing, nil
		}, InstancePending, ""},
		"nothing applied, stale":  {func(r *Roster, in *Instance) { behind(0)(r, in); in.Report.State, in.Report.Applied = StateStale, nil }, InstanceNever, ""},
		"missing, then restored":  {func(r *Roster, in *Instance) { in.Report.State = StateMissing; r.PublishedAt = r.Now }, InstanceStale, ""},
		"stale a moment ago":      {func(r *Roster, in *Instance) { behind(0)(r, in); in.Report.State = StateStale }, InstanceStale, ""},
		"never pending":           {func(r *Roster, in *Instance) { behind(0)(r, in); r.pendingTime = -1 }, InstanceStale, ""},
		"empty value, behind":     {func(r *Roster, in *Instance) { behind(0)(r, in); r.Version, r.ID = 0, "" }, InstanceStale, ""},
		"report missing":          {func(r *Roster, in *Instance) { in.Report = nil }, InstanceStale, "its report is missing"},
		"report cannot be read":   {func(r *Roster, in *Instance) { in.Report, in.Err = nil, errors.New("junk") }, InstanceStale, "junk"},
		"silent for three":        {silent(30*time.Second, 30*time.Second), InstanceSynced, ""},
		"silent for longer":       {silent(30001*time.Millisecond, time.Hour), InstanceGone, ""},
		"seen by the sorted set":  {silent(time.Second, time.Hour), InstanceSynced, ""},
		"seen by its report":      {silent(time.Hour, time.Second), InstanceSynced, ""},
		"slow":                    {func(r *Roster, in *Instance) { silent(time.Hour, time.Hour)(r, in); in.Report.Every = time.Hour }, InstanceSynced, ""},
		"clock a little ahead":    {silent(-time.Minute, -time.Minute), InstanceSynced, ""},
		"times in the future":     {silent(-2*time.Minute, -time.Hour), InstanceGone, ""},
		"written in the future":   {silent(time.Hour, -time.Hour), InstanceGone, ""},
		"longest interval":        {func(r *Roster, in *Instance) { silent(time.Hour, time.Hour)(r, in); in.Report.Every = 1<<63 - 1 }, InstanceSynced, ""},
		"no interval":             {func(r *Roster, in *Instance) { silent(29*time.Second, time.Hour)(r, in); in.Report.Every = 0 }, InstanceSynced, ""},
		"missing, by the longest": {func(r *Roster, in *Instance) { silent(50*time.Second, 0)(r, in); in.Report, r.every = nil, time.Minute }, InstanceStale, "missing"},
		"missing, silent":         {func(r *Roster, in *Instance) { silent(31*time.Second, 0)(r, in); in.Report = nil }, InstanceGone, ""},
		"cannot be read, silent": {func(r *Roster, in *Instance) {
			silent(31*time.Second, 0)(r, in)
			in.Report, in.Err = nil, errors.New("junk")
		}, InstanceGone, "junk"},
		"after an outage": {func(r *Roster, in *Instance) {
			silent(time.Hour, time.Hour)(r, in)
			r.back = r.Now.Add(-30 * time.Second)
		}, InstanceSynced, ""},
		"long after an outage": {func(r *Roster, in *Instance) {
			silent(time.Hour, time.Hour)(r, in)
			r.back = r.Now.Add(-31 * time.Second)
		}, InstanceGone, ""},
		"never seen by the roster": {func(r *Roster, in *Instance) { in.Report, in.scored = nil, time.Time{} }, InstanceGone, ""},
	} {
		roster, in := judged()
		c.change(&roster, &in)
		roster.judge(&in)
		assert.Equal(t, c.want, in.State, name)
		if c.reason == "" {
			assert.NoError(t, in.Err, name)
		} else {
			assert.ErrorContains(t, in.Err, c.reason, name)
		}
	}
}

func TestRoster_LastSeenIsTheLater(t *testing.T) {
	t.Parallel()
	roster, in := judged()
	in.Report.WrittenAt = roster.Now.Add(-2 * time.Second)
	roster.judge(&in)
	assert.Equal(t, roster.Now.Add(-time.Second), in.LastSeen)
	in.Report.WrittenAt = roster.Now.Add(time.Hour)
	roster.judge(&in)
	assert.Equal(t, roster.Now.Add(-time.Second), in.LastSeen, "a forged time does not count")
	in.scored = roster.Now.Add(time.Hour)
	roster.judge(&in)
	assert.Zero(t, in.LastSeen)
}

func TestRoster_LongestInterval(t *testing.T) {
	t.Parallel()
	every := func(all ...time.Duration) []Instance {
		out := []Instance{{Name: "missing"}}
		for _, d := range all {
			out = append(out, Instance{Report: &Report{Every: d}})
		}
		return out
	}
	assert.Equal(t, DefaultReportInterval, longestInterval(every()))
	assert.Equal(t, time.Minute, longestInterval(every(time.Second, time.Minute, time.Second)))
	assert.Less(t, longestInterval(every(1<<63-1)), redisstore.RosterMemory/3, "a forged interval keeps no other row")
}

func TestRoster_MarksSharedNames(t *testing.T) {
	t.Parallel()
	run := wire.NewRun()
	aside := wire.AsideName("web", run)
	report := func(shared string) *Report { return &Report{Run: run, Shared: shared} }
	shared := func(rows ...Instance) (marked []string) {
		roster := Roster{Instances: rows}
		roster.markShared()
		for _, in := range roster.Instances {
			marked = append(marked, in.Shared)
		}
		return marked
	}
	web, other := Instance{Name: "web", Report: &Report{}}, Instance{Name: "other"}
	assert.Equal(t, []string{"", "web", "web"}, shared(other, web, Instance{Name: aside, Report: report("web")}))
	assert.Equal(t, []string{"", "web"}, shared(other, Instance{Name: aside, Report: report("web")}), "the owner left")
	assert.Equal(t, []string{"", ""}, shared(web, Instance{Name: aside, State: InstanceGone, Report: report("web")}))
	assert.Equal(t, []string{"", ""}, shared(web, Instance{Name: "web~forged", Report: report("web")}))
	require.Equal(t, []string{"", ""}, shared(other, web))
}
