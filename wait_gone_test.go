package fleetdial

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/redisstore"
	"github.com/fleetdial/fleetdial/internal/wire"
	"github.com/fleetdial/fleetdial/testutil"
)

// killed is the report of an instance that wrote it that long ago, and nothing since.
func killed(name string, ago, every time.Duration) wire.Report {
	return wire.Report{
		Instance: name, State: "live", Every: every, WrittenAt: time.Now().Add(-ago),
		Applied: &wire.Applied{Version: 4, ID: wire.NewID()},
	}
}

// goneAlready writes the row of an instance that was killed a minute ago.
func (f *fleet) goneAlready(t testing.TB, name string) {
	t.Helper()
	f.reports(t, killed(name, time.Minute, time.Second))
	minuteAgo := redis.Z{Score: float64(time.Now().Add(-time.Minute).UnixMilli()), Member: name}
	require.NoError(t, f.client.ZAdd(t.Context(), testKey+":fleet", minuteAgo).Err())
}

// waits is Wait with a deadline that a test never meets.
func (f *fleet) waits(t testing.TB, rev Revision, roster Roster, opts WaitOptions) (WaitStatus, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	return f.pub.Wait(ctx, rev, roster, opts)
}

func TestReport_OutlivesItsInstance(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports)
	f.join(t, "a", nil)
	f.join(t, "slow", func(cfg *SubscriberConfig) { cfg.ReportInterval = time.Hour })
	f.roster(t, 2)
	for name, life := range map[string]time.Duration{"a": redisstore.RosterMemory, "slow": 3 * time.Hour} {
		left, err := f.client.PTTL(t.Context(), testKey+":instance:"+name).Result()
		require.NoError(t, err)
		assert.LessOrEqual(t, left, life, name)
		assert.Greater(t, left, life-time.Minute, name)
	}
	f.goneAlready(t, "gone")
	roster, err := f.pub.Roster(t.Context())
	require.NoError(t, err)
	require.Len(t, roster.Instances, 3)
	gone := roster.Instances[1]
	require.Equal(t, InstanceGone, gone.State)
	assert.EqualValues(t, 4, gone.Report.Applied.Version)
}

// TestRoster_EvictedReport removes reports, as Redis does under maxmemory-policy volatile-lru.
func TestRoster_EvictedReport(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports)
	f.join(t, "evicted", everyHour)
	roster := f.roster(t, 1)
	require.NoError(t, f.client.Del(t.Context(), testKey+":instance:evicted").Err())
	roster, err := f.pub.Roster(t.Context())
	require.NoError(t, err)
	require.Len(t, roster.Instances, 1)
	assert.Equal(t, InstanceStale, roster.Instances[0].State)
	require.ErrorContains(t, roster.Instances[0].Err, "its report is missing")
	status, err := f.waits(t, f.publishOne(t, "x"), roster, WaitOptions{})
	require.NoError(t, err, "Wait waits for its next report")
	assert.Equal(t, 1, status.Applied)

	require.NoError(t, f.client.ZAdd(t.Context(), testKey+":fleet", seenNow("hangs")).Err())
	roster = f.roster(t, 2)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	status, err = f.pub.Wait(ctx, f.publishOne(t, "y"), roster, WaitOptions{})
	require.ErrorIs(t, err, ErrWaitIncomplete)
	assert.Equal(t, []string{"hangs"}, names(status.Pending))
	assert.Empty(t, status.Gone)
}

func TestRoster_PendingAfterPublish(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports)
	f.reports(t, killed("slow", 0, time.Minute))
	f.publishOne(t, "x")
	f.waitForRows(t, map[string]InstanceState{"slow": InstancePending})
	f.pub = newTestPublisher(t, f.client, PublisherConfig{PendingTime: -1})
	assert.Equal(t, map[string]InstanceState{"slow": InstanceStale}, f.rows(t))
	f.pub = newTestPublisher(t, f.client, PublisherConfig{PendingTime: time.Millisecond})
	f.waitForRows(t, map[string]InstanceState{"slow": InstanceStale})
}

func TestRoster_TimesInTheFuture(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports)
	score := func(name string, ahead time.Duration) redis.Z {
		return redis.Z{Score: float64(time.Now().Add(ahead).UnixMilli()), Member: name}
	}
	f.reports(t, killed("forged", -time.Hour, time.Minute))
	require.NoError(t, f.client.ZAdd(t.Context(), testKey+":fleet",
		score("forged", time.Hour), score("near", 50*time.Second), redis.Z{Score: 1e300, Member: "far"}).Err())
	assert.Equal(t, map[string]InstanceState{"forged": InstanceGone, "near": InstanceStale, "far": InstanceGone}, f.rows(t))
	f.join(t, "here", everyHour)
	testutil.Eventually(t, within, "the new instance prunes the roster", func() bool {
		rows := f.rows(t)
		return len(rows) == 2 && rows["here"] != "" && rows["near"] != ""
	})
}

func TestWait_LeavesOutInstancesThatAreGone(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports)
	f.join(t, "fine", nil)
	f.goneAlready(t, "before")
	f.reports(t, killed("meanwhile", 0, 300*time.Millisecond))
	var roster Roster
	testutil.Eventually(t, within, "the roster", func() bool {
		rows := f.rows(t)
		if rows["fine"] == "" || rows["fine"] == InstanceGone {
			return false
		}
		f.reports(t, killed("meanwhile", 0, 300*time.Millisecond))
		var err error
		roster, err = f.pub.Roster(t.Context())
		return err == nil && len(roster.Instances) == 3 && roster.Instances[1].State != InstanceGone &&
			roster.Instances[2].State != InstanceGone
	})
	rev := f.publishOne(t, "x")
	status, err := f.waits(t, rev, roster, WaitOptions{})
	require.NoError(t, err)
	assert.Equal(t, []string{"before", "meanwhile"}, names(status.Gone))
	for _, in := range status.Gone {
		assert.Equal(t, InstanceGone, in.State)
		assert.EqualValues(t, 4, in.Report.Applied.Version, in.Name)
	}
	assert.Equal(t, 1, status.Expected)
	assert.Equal(t, 1, status.Applied)
	assert.Empty(t, status.Pending)

	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = f.pub.Wait(ctx, rev, roster, WaitOptions{MinInstances: 2})
	require.ErrorIs(t, err, ErrWaitIncomplete, "those left out do not count")
}

func TestWait_InstanceIsGoneUntilItReports(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports)
	f.goneAlready(t, "hung")
	f.reports(t, killed("waits", 0, time.Hour))
	roster, err := f.pub.Roster(t.Context())
	require.NoError(t, err)
	rev := f.publishOne(t, "x")
	has := &wire.Applied{Version: rev.Version, ID: rev.ID}
	var gone []string
	status, err := f.waits(t, rev, roster, WaitOptions{Progress: func(s WaitStatus) {
		if s.Applied == 0 {
			gone = names(s.Gone)
			f.reports(t, wire.Report{Instance: "hung", State: "live", Applied: has})
		} else if len(s.Pending) > 0 {
			f.reports(t, wire.Report{Instance: "waits", State: "live", Applied: has})
		}
	}})
	require.NoError(t, err)
	assert.Equal(t, []string{"hung"}, gone)
	assert.Empty(t, status.Gone)
	assert.Equal(t, 2, status.Applied)
}

func TestWait_EveryInstanceIsGone(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports)
	f.goneAlready(t, "before")
	rev := f.publishOne(t, "x")
	roster, err := f.pub.Roster(t.Context())
	require.NoError(t, err)
	status, err := f.waits(t, rev, roster, WaitOptions{})
	require.ErrorIs(t, err, ErrNoInstances)
	assert.Equal(t, []string{"before"}, names(status.Gone))
	status, err = f.waits(t, rev, roster, WaitOptions{MinInstances: NoMinimum})
	require.NoError(t, err)
	assert.Equal(t, []string{"before"}, names(status.Gone))

	roster.Instances[0].State = InstanceSynced // it was alive when the roster was taken
	status, err = f.waits(t, rev, roster, WaitOptions{})
	require.ErrorIs(t, err, ErrWaitIncomplete)
	require.ErrorContains(t, err, "no instance is left to wait for (gone: ", "Wait does not wait for its deadline")
	assert.Equal(t, []string{"before"}, names(status.Gone))
	assert.Zero(t, status.Expected)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = f.pub.Wait(ctx, rev, roster, WaitOptions{MinInstances: 2})
	require.ErrorIs(t, err, ErrWaitIncomplete)
	require.ErrorContains(t, err, "0 of 0 within")
	status, err = f.waits(t, rev, roster, WaitOptions{MinInstances: NoMinimum})
	require.NoError(t, err)
	assert.Equal(t, []string{"before"}, names(status.Gone))
}

// TestWait_InstanceThatLeftIsReplaced has a rolling restart: the only live instance leaves, and
// another one takes its place. Wait does not give up in between, although one instance is gone.
func TestWait_InstanceThatLeftIsReplaced(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports)
	f.goneAlready(t, "before")
	f.reports(t, wire.Report{Instance: "old", State: "live", Applied: &wire.Applied{}})
	roster, err := f.pub.Roster(t.Context())
	require.NoError(t, err)
	rev := f.publishOne(t, "x")
	require.NoError(t, f.client.Del(t.Context(), testKey+":instance:old").Err())
	require.NoError(t, f.client.ZRem(t.Context(), testKey+":fleet", "old").Err())
	joined := false
	status, err := f.waits(t, rev, roster, WaitOptions{Progress: func(s WaitStatus) {
		if !joined && len(s.Left) == 1 {
			joined = true
			f.reports(t, wire.Report{Instance: "new", State: "live", Applied: &wire.Applied{Version: rev.Version, ID: rev.ID}})
		}
	}})
	require.NoError(t, err)
	assert.Equal(t, []string{"old"}, names(status.Left))
	assert.Equal(t, []string{"before"}, names(status.Gone))
	assert.Equal(t, 1, status.Joined)
}

// TestWait_OutageOfRedisMakesNobodyGone polls after readings that failed: no instance could
// report meanwhile.
func TestWait_OutageOfRedisMakesNobodyGone(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports)
	rev := f.publishOne(t, "x")
	f.goneAlready(t, "silent")
	f.goneAlready(t, "gone")
	roster, err := f.pub.Roster(t.Context())
	require.NoError(t, err)
	roster.Instances[0].State = InstanceGone
	roster.Instances[1].State = InstanceSynced
	w := &wait{
		publisher: f.pub, id: rev.ID, opts: WaitOptions{MinInstances: 1, Threshold: 1}, began: time.Now(),
		known: map[string]bool{"silent": true, "gone": true}, every: time.Second, lost: ErrUnavailable,
		status: WaitStatus{Version: rev.Version, Gone: roster.Instances[:1], Pending: roster.Instances[1:]},
	}
	require.NoError(t, w.poll(t.Context()))
	assert.Equal(t, []string{"silent"}, names(w.status.Pending))
	assert.Equal(t, []string{"gone"}, names(w.status.Gone))
	require.NoError(t, w.lost)
	w.back = w.back.Add(-time.Minute) // as if the outage had ended a minute ago
	require.NoError(t, w.poll(t.Context()))
	assert.Equal(t, []string{"gone", "silent"}, names(w.status.Gone))
}

// TestWait_ThresholdIsRoundedUp has two of three instances apply a revision.
func TestWait_ThresholdIsRoundedUp(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports)
	rev := f.publishOne(t, "x")
	has := &wire.Applied{Version: rev.Version, ID: rev.ID}
	f.reports(t, wire.Report{Instance: "a", State: "live", Applied: has})
	f.reports(t, wire.Report{Instance: "b", State: "live", Applied: has})
	f.reports(t, killed("c", 0, time.Hour))
	roster := f.roster(t, 3)
	waits := func(threshold float64) error {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		_, err := f.pub.Wait(ctx, rev, roster, WaitOptions{Threshold: threshold})
		return err
	}
	require.NoError(t, waits(0.66), "1.98 of 3")
	require.NoError(t, waits(2.0/3))
	require.ErrorIs(t, waits(0.67), ErrWaitIncomplete, "2.01 of 3")
	require.ErrorIs(t, waits(0.99), ErrWaitIncomplete, "2.97 of 3")
}

// TestWait_OlderVersionIsALoss has the key go back to an older version, as by a failover.
func TestWait_OlderVersionIsALoss(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports)
	f.publishOne(t, "x")
	before := f.holds(t)
	rev := f.publishOne(t, "y")
	require.EqualValues(t, 2, rev.Version)
	f.reports(t, killed("a", 0, time.Hour))
	roster := f.roster(t, 1)
	f.set(t, before)
	for name, waited := range map[string]Revision{"by its id": rev, "by its version": {Version: 2}} {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		_, err := f.pub.Wait(ctx, waited, roster, WaitOptions{})
		cancel()
		require.ErrorIs(t, err, ErrRevisionLost, name)
	}
}

// TestWait_RejectionOfAnEarlierState has an instance that rejected the revision and then left that
// state: only a rejection in force counts.
func TestWait_RejectionOfAnEarlierState(t *testing.T) {
	t.Parallel()
	roster, in := judged()
	w := &wait{id: roster.ID, status: WaitStatus{Version: roster.Version}}
	in.Report.Rejected = &Rejected{Version: roster.Version, ID: roster.ID}
	for _, state := range []State{StateLive, StateStale, StateEmpty, StateMissing} {
		in.Report.State = state
		assert.False(t, w.hasRejected(&in, &roster), state)
	}
	in.Report.State = StateRejected
	assert.True(t, w.hasRejected(&in, &roster))
}
