package fleetdial

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/wire"
	"github.com/fleetdial/fleetdial/testutil"
)

func names(instances []Instance) (names []string) {
	for _, in := range instances {
		names = append(names, in.Name)
	}
	slices.Sort(names)
	return names
}

// roster waits until the roster has that many instances.
func (f *fleet) roster(t testing.TB, n int) Roster {
	t.Helper()
	return rosterOf(t, f.pub, n)
}

// rosterOf waits until a publisher's roster has that many instances, of which none is gone:
// a report that expires on a busy machine is written again.
func rosterOf(t testing.TB, p *Publisher, n int) Roster {
	t.Helper()
	var roster Roster
	testutil.Eventually(t, within, "the roster", func() bool {
		var err error
		roster, err = p.Roster(context.Background())
		isGone := func(in Instance) bool { return in.State == InstanceGone }
		return err == nil && len(roster.Instances) == n && !slices.ContainsFunc(roster.Instances, isGone)
	})
	return roster
}

func (f *fleet) publishOne(t testing.TB, id string) Revision {
	t.Helper()
	rev, err := f.pub.Publish(context.Background(), setOf(t, id), PublishOptions{})
	require.NoError(t, err)
	return rev
}

func TestWait_AllInstancesApply(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports)
	_, err := f.pub.Wait(t.Context(), f.publishOne(t, "x"), Roster{}, WaitOptions{})
	require.ErrorIs(t, err, ErrNoInstances)
	_, err = f.pub.Wait(t.Context(), f.publishOne(t, "x"), Roster{}, WaitOptions{MinInstances: NoMinimum})
	require.NoError(t, err)

	for i := range 5 {
		f.join(t, fmt.Sprint("p", i), nil)
	}
	roster := f.roster(t, 5)
	rev := f.publishOne(t, "y")
	var progress []WaitStatus
	status, err := f.pub.Wait(t.Context(), rev, roster, WaitOptions{Progress: func(s WaitStatus) { progress = append(progress, s) }})
	require.NoError(t, err)
	assert.Equal(t, 5, status.Applied)
	assert.Equal(t, 5, status.Expected)
	assert.Empty(t, status.Pending)
	require.NotEmpty(t, progress)
	assert.Equal(t, 5, progress[len(progress)-1].Applied)

	// An instance with a newer revision counts. A revision may be known by its version
	// alone.
	later := f.publishOne(t, "z")
	status, err = f.pub.Wait(t.Context(), rev, roster, WaitOptions{})
	require.NoError(t, err)
	assert.Equal(t, later.Version, status.Overtaken)
	status, err = f.pub.Wait(t.Context(), Revision{Version: rev.Version}, roster, WaitOptions{})
	require.NoError(t, err)
	assert.Equal(t, 5, status.Applied)
}

func TestWait_NamesPendingInstances(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports)
	f.join(t, "fine", nil)
	f.join(t, "rare", func(cfg *SubscriberConfig) { cfg.ReportInterval = time.Hour })
	leaves := f.join(t, "leaves", nil)
	f.reports(t, killed("hangs", 0, time.Hour))
	roster := f.roster(t, 4)
	require.NoError(t, leaves.Close())
	rev := f.publishOne(t, "x")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	status, err := f.pub.Wait(ctx, rev, roster, WaitOptions{})
	require.ErrorIs(t, err, ErrWaitIncomplete)
	assert.Equal(t, []string{"hangs"}, names(status.Pending))
	assert.Equal(t, InstancePending, status.Pending[0].State)
	assert.Equal(t, []string{"leaves"}, names(status.Left))
	assert.Equal(t, 2, status.Applied)
	assert.Equal(t, 3, status.Expected)

	status, err = f.pub.Wait(t.Context(), rev, roster, WaitOptions{Threshold: 0.66})
	require.NoError(t, err, "two of three are 66 %%")
	assert.Equal(t, 2, status.Applied)

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = f.pub.Wait(cancelled, rev, roster, WaitOptions{})
	require.ErrorIs(t, err, context.Canceled)
}

func TestWait_InstanceRejects(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports)
	f.join(t, "fine", nil)
	f.join(t, "small", func(cfg *SubscriberConfig) { cfg.MaxBytes = 160 })
	roster := f.roster(t, 2)
	rev := f.publishOne(t, "x")
	status, err := f.pub.Wait(t.Context(), rev, roster, WaitOptions{})
	require.ErrorIs(t, err, ErrRejected)
	assert.Equal(t, []string{"small"}, names(status.Rejected))

	status, err = f.pub.Wait(t.Context(), rev, roster, WaitOptions{KeepGoing: true})
	require.ErrorIs(t, err, ErrRejected)
	assert.Equal(t, []string{"small"}, names(status.Rejected))
	assert.Equal(t, 1, status.Applied)
	assert.Empty(t, status.Pending)
}

func TestWait_CountsInstancesThatJoin(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports)
	f.join(t, "first", nil)
	roster := f.roster(t, 1)
	rev := f.publishOne(t, "x")
	f.join(t, "second", nil)
	status, err := f.pub.Wait(t.Context(), rev, roster, WaitOptions{MinInstances: 2})
	require.NoError(t, err)
	assert.Equal(t, 1, status.Applied)
	assert.Equal(t, 1, status.Joined)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err = f.pub.Wait(ctx, rev, roster, WaitOptions{MinInstances: 3})
	require.ErrorIs(t, err, ErrWaitIncomplete)
}

func TestWait_RevisionLost(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports)
	f.join(t, "a", nil)
	roster := f.roster(t, 1)
	rev := f.publishOne(t, "x")
	f.set(t, value(t, rev.Version, setOf(t, "y")))
	_, err := f.pub.Wait(t.Context(), rev, roster, WaitOptions{})
	require.ErrorIs(t, err, ErrRevisionLost, "the key holds another revision of the same version")
	require.NoError(t, f.client.Del(t.Context(), testKey).Err())
	_, err = f.pub.Wait(t.Context(), rev, roster, WaitOptions{})
	require.ErrorIs(t, err, ErrRevisionLost)
	for _, threshold := range []float64{2, -0.1, math.NaN(), math.Inf(1)} {
		_, err = f.pub.Wait(t.Context(), rev, roster, WaitOptions{Threshold: threshold})
		require.ErrorContains(t, err, "Threshold must be 0 to 1")
	}
}

func TestWait_IgnoresVersionsAboveCurrent(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports)
	applied := &wire.Applied{Version: 7, ID: wire.NewID()}
	f.reports(t, wire.Report{Instance: "stopped", State: "live", Applied: applied})
	waits := func(rev Revision) (WaitStatus, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		return f.pub.Wait(ctx, rev, f.roster(t, 1), WaitOptions{})
	}
	f.set(t, nil)
	current, err := f.pub.Current(t.Context())
	require.NoError(t, err)
	status, err := waits(current)
	require.ErrorIs(t, err, ErrWaitIncomplete, "the empty value has version 0")
	assert.Zero(t, status.Applied)

	rev := f.publishOne(t, "x")
	require.EqualValues(t, 1, rev.Version)
	_, err = waits(rev)
	require.ErrorIs(t, err, ErrWaitIncomplete, "versions begin again at 1")

	f.reports(t, wire.Report{
		Instance: "stopped", State: "rejected", Applied: applied,
		Rejected: &wire.Rejected{Version: 1, ID: rev.ID, Reason: "replayed", At: time.Now()},
	})
	status, err = waits(rev)
	require.ErrorIs(t, err, ErrRejected, "an instance of a signed fleet rejects it as replayed")
	assert.Equal(t, []string{"stopped"}, names(status.Rejected))
}

func TestWait_RedisUnavailable(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports, "--appendonly", "yes", "--appendfsync", "always")
	f.join(t, "a", func(cfg *SubscriberConfig) { cfg.ReportInterval = DefaultReportInterval })
	roster := f.roster(t, 1)
	rev := f.publishOne(t, "x")
	f.server.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err := f.pub.Wait(ctx, rev, roster, WaitOptions{})
	require.ErrorIs(t, err, ErrWaitIncomplete)
	require.ErrorIs(t, err, ErrUnavailable)

	var group sync.WaitGroup
	group.Go(func() {
		status, err := f.pub.Wait(t.Context(), rev, roster, WaitOptions{})
		assert.NoError(t, err)
		assert.Equal(t, 1, status.Applied)
	})
	f.server.Restart()
	group.Wait()
}

// reports writes the report of an instance, and its name into the roster.
func (f *fleet) reports(t testing.TB, r wire.Report) {
	t.Helper()
	r.Source, r.Every = "live", cmp.Or(r.Every, time.Minute)
	for _, at := range []*time.Time{&r.StartedAt, &r.WrittenAt, &r.Since, &r.Applied.At, &r.Applied.PublishedAt} {
		if at.IsZero() {
			*at = time.Now()
		}
	}
	value := wire.EncodeReport(&r)
	_, err := wire.DecodeReport(value)
	require.NoError(t, err)
	require.NoError(t, f.client.Set(t.Context(), testKey+":instance:"+r.Instance, value, 0).Err())
	require.NoError(t, f.client.ZAdd(t.Context(), testKey+":fleet", seenNow(r.Instance)).Err())
}
