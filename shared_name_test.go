package fleetdial

import (
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/wire"
	"github.com/fleetdial/fleetdial/testutil"
)

// runOf returns the run that wrote the row of a name, empty if there is no row.
func (f *fleet) runOf(t testing.TB, name string) string {
	t.Helper()
	value, err := f.client.GetRange(t.Context(), testKey+":instance:"+name, 0, wire.OwnerBytes-1).Bytes()
	require.NoError(t, err)
	owner, _ := wire.DecodeOwner(value)
	return owner.Run
}

// joinRun adds an instance, waits until the name's row is its own, and returns its run.
func (f *fleet) joinRun(t testing.TB, name string, change func(*SubscriberConfig)) (*Subscriber, string) {
	t.Helper()
	before, run := f.runOf(t, name), ""
	sub := f.join(t, name, change)
	testutil.Eventually(t, within, "the new instance has the name", func() bool {
		run = f.runOf(t, name)
		return run != "" && run != before
	})
	return sub, run
}

// everyHour has an instance report at applies only, after its first report.
func everyHour(cfg *SubscriberConfig) { cfg.ReportInterval = time.Hour }

// shares waits until two rows share the name web, and returns the name of the one aside.
func (f *fleet) shares(t testing.TB, owner string) (aside string) {
	t.Helper()
	testutil.Eventually(t, within, "two rows share the name", func() bool {
		roster, err := f.pub.Roster(t.Context())
		if err != nil || len(roster.Instances) != 2 {
			return false
		}
		web, other := roster.Instances[0], roster.Instances[1]
		aside = other.Name
		return web.Name == "web" && web.Shared == "web" && other.Shared == "web" &&
			web.Report != nil && web.Report.Run == owner && other.Report != nil && other.Report.Run != owner
	})
	return aside
}

// alone waits until the roster has the row of the name web alone, of that run.
func (f *fleet) alone(t testing.TB, run string) {
	t.Helper()
	testutil.Eventually(t, within, "one row has the name", func() bool {
		roster, err := f.pub.Roster(t.Context())
		return err == nil && len(roster.Instances) == 1 && roster.Instances[0].Name == "web" &&
			roster.Instances[0].Shared == "" && f.runOf(t, "web") == run
	})
}

func TestInstance_DefaultNamesAreUnique(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports)
	for range 2 {
		f.join(t, "", nil)
	}
	roster := f.roster(t, 2)
	for _, in := range roster.Instances {
		assert.Regexp(t, `-[0-9]+-[0-9a-f]{6}$`, in.Name)
		assert.Empty(t, in.Shared)
	}
}

func TestInstance_SharedNameHasTwoRows(t *testing.T) {
	t.Parallel()
	for name, laterFirst := range map[string]bool{"the later one closes first": true, "the earlier one closes first": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, noReports)
			log := &logBuffer{}
			publish(t, f.pub, "one")
			early, earlyRun := f.joinRun(t, "web", func(cfg *SubscriberConfig) { cfg.Logger = log.logger() })
			late, lateRun := f.joinRun(t, "web", nil)
			aside := f.shares(t, lateRun)
			assert.Equal(t, wire.AsideName("web", earlyRun), aside)
			assert.Equal(t, map[string]InstanceState{"web": InstanceSynced, aside: InstanceSynced}, f.rows(t))
			assert.Equal(t, 1, log.lines("is used by two instances"))

			roster := f.roster(t, 2)
			status, err := f.pub.Wait(t.Context(), f.publishOne(t, "two"), roster, WaitOptions{})
			require.NoError(t, err)
			assert.Equal(t, 2, status.Applied)

			first, second, stays := early, late, lateRun
			if laterFirst {
				first, second, stays = late, early, earlyRun
			}
			require.NoError(t, first.Close())
			f.alone(t, stays)
			require.NoError(t, second.Close())
			assert.Empty(t, f.rows(t))
			keys, err := f.client.Keys(t.Context(), testKey+":instance:*").Result()
			require.NoError(t, err)
			assert.Empty(t, keys)
		})
	}
}

// TestInstance_LeavingKeepsRowOfAnother closes an instance that does not know yet that another
// one has its name.
func TestInstance_LeavingKeepsRowOfAnother(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports)
	publish(t, f.pub, "one")
	early, _ := f.joinRun(t, "web", everyHour)
	_, lateRun := f.joinRun(t, "web", everyHour)
	require.NoError(t, early.Close())
	assert.Equal(t, lateRun, f.runOf(t, "web"))
	f.waitForRows(t, map[string]InstanceState{"web": InstanceSynced})
}

// TestInstance_LeavesWithoutReport has Redis evict the report before the instance leaves.
func TestInstance_LeavesWithoutReport(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	s, err := Subscribe(t.Context(), client, SubscriberConfig{Instance: "web", ReportInterval: time.Hour})
	require.NoError(t, err)
	testutil.Eventually(t, within, "the instance reports", func() bool {
		return client.Del(t.Context(), testKey+":instance:web").Val() == 1
	})
	s.Close()
	assert.Zero(t, client.ZCard(t.Context(), testKey+":fleet").Val())
}

// TestInstance_RestartTakesNameOver starts a process whose predecessor of the same name was
// killed a moment ago.
func TestInstance_RestartTakesNameOver(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports)
	dead := wire.NewRun()
	f.reports(t, wire.Report{
		Instance: "web", Run: dead, State: "live", StartedAt: time.Now().Add(-time.Hour), Applied: &wire.Applied{},
	})
	log := &logBuffer{}
	sub, run := f.joinRun(t, "web", func(cfg *SubscriberConfig) { cfg.Logger = log.logger() })
	assert.NotEqual(t, dead, run)
	f.alone(t, run)
	assert.Zero(t, log.lines("is used by two instances"))
	require.NoError(t, sub.Close())
	assert.Empty(t, f.rows(t))
}

// TestInstance_MovesAsideAndBack has a row of a run that began later.
func TestInstance_MovesAsideAndBack(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports)
	later := wire.Report{
		Instance: "web", Run: wire.NewRun(), State: "live", StartedAt: time.Now().Add(30 * time.Second), Applied: &wire.Applied{},
	}
	f.reports(t, later)
	log := &logBuffer{}
	f.join(t, "web", func(cfg *SubscriberConfig) { cfg.Logger = log.logger() })
	aside := f.shares(t, later.Run)
	require.NoError(t, f.client.Del(t.Context(), testKey+":instance:web").Err())
	testutil.Eventually(t, within, "the instance moves back", func() bool { return f.runOf(t, "web") != "" })
	f.alone(t, f.runOf(t, "web"))
	assert.Equal(t, "", f.runOf(t, aside))

	f.reports(t, later)
	f.shares(t, later.Run)
	assert.Equal(t, 1, log.lines("is used by two instances"), "once")
}

// TestInstance_RemovesTheRowThatItLeft has the first removal of the row aside fail.
func TestInstance_RemovesTheRowThatItLeft(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports)
	later := wire.Report{
		Instance: "web", Run: wire.NewRun(), State: "live", StartedAt: time.Now().Add(30 * time.Second), Applied: &wire.Applied{},
	}
	f.reports(t, later)
	client := f.server.Client(t)
	var failures atomic.Int64
	client.AddHook(intercept{before: func(cmds []redis.Cmder) error {
		if cmds[0].Name() == "watch" && strings.Contains(cmds[0].String(), "~") && failures.Add(1) <= 2 {
			return io.ErrUnexpectedEOF
		}
		return nil
	}})
	cfg := testConfig()
	cfg.Instance, cfg.ReportInterval = "web", 100*time.Millisecond
	subscribe(t, client, cfg)
	f.shares(t, later.Run)
	require.NoError(t, f.client.Del(t.Context(), testKey+":instance:web").Err())
	testutil.Eventually(t, within, "the row aside is removed", func() bool {
		return f.client.ZCard(t.Context(), testKey+":fleet").Val() == 1 && f.runOf(t, "web") != ""
	})
	assert.EqualValues(t, 3, failures.Load())
}

// TestInstance_TakesOverRowsThatNobodyHas has rows that do not show a live instance that began
// later.
func TestInstance_TakesOverRowsThatNobodyHas(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports)
	later := time.Now().Add(30 * time.Second)
	for name, change := range map[string]func(*wire.Report){
		"silent": func(r *wire.Report) { r.WrittenAt, r.Every = time.Now().Add(-4*time.Second), time.Second },
		"future": func(r *wire.Report) { r.StartedAt = time.Now().Add(time.Hour) },
		"forged": func(r *wire.Report) { r.WrittenAt = time.Now().Add(time.Hour) },
		"older":  func(r *wire.Report) { r.Run = "" },
	} {
		r := wire.Report{Instance: name, Run: wire.NewRun(), State: "live", StartedAt: later, Applied: &wire.Applied{}}
		change(&r)
		f.reports(t, r)
		_, run := f.joinRun(t, name, nil)
		assert.NotEqual(t, r.Run, run, name)
	}
	require.NoError(t, f.client.Set(t.Context(), testKey+":instance:junk", "junk", 0).Err())
	f.joinRun(t, "junk", nil)
	assert.Len(t, f.roster(t, 5).Instances, 5)
}

// TestReport_UserThatMayNotReadRows follows with the rights that an older build needed.
func TestReport_UserThatMayNotReadRows(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports)
	acl, err := NewACL("")
	require.NoError(t, err)
	var rules []string
	for _, rule := range acl.Proxy {
		switch rule {
		case "%RW~" + testKey + ":instance:*":
			rule = "%W~" + testKey + ":instance:*"
		case "+watch", "+unwatch":
			continue
		}
		rules = append(rules, rule)
	}
	require.Len(t, rules, len(acl.Proxy)-2)
	log := &logBuffer{}
	cfg := testConfig()
	cfg.Instance, cfg.ReportInterval, cfg.Logger = "web", 20*time.Millisecond, log.logger()
	sub := subscribe(t, as(t, f.server, "older", rules), cfg)
	testutil.Eventually(t, within, "the instance reports twice", func() bool {
		in := f.roster(t, 1).Instances[0]
		return in.Report.WrittenAt.Sub(in.Report.StartedAt) > 100*time.Millisecond
	})
	require.NoError(t, sub.Close())
	assert.Empty(t, f.rows(t))
	assert.Zero(t, log.lines("report rejected by Redis"), log.text())
}
