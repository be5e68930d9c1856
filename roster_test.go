package fleetdial

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/wire"
	"github.com/fleetdial/fleetdial/testutil"
)

// join adds an instance with that name to the fleet.
func (f *fleet) join(t testing.TB, name string, change func(*SubscriberConfig)) *Subscriber {
	t.Helper()
	cfg := testConfig()
	cfg.Instance, cfg.ReportInterval = name, 100*time.Millisecond
	if change != nil {
		change(&cfg)
	}
	return subscribe(t, f.server.Client(t), cfg)
}

// noReports keeps the fleet's first subscriber out of the roster.
func noReports(cfg *SubscriberConfig) { cfg.ReportInterval = -1 }

// seenNow returns the entry of an instance that was seen just now.
func seenNow(name string) redis.Z {
	return redis.Z{Score: float64(time.Now().UnixMilli()), Member: name}
}

// rows returns the state of each instance.
func (f *fleet) rows(t testing.TB) map[string]InstanceState {
	t.Helper()
	roster, err := f.pub.Roster(context.Background())
	require.NoError(t, err)
	rows := make(map[string]InstanceState)
	for _, in := range roster.Instances {
		rows[in.Name] = in.State
	}
	return rows
}

// waitForRows waits until the roster has exactly these instances in these states.
func (f *fleet) waitForRows(t testing.TB, want map[string]InstanceState) {
	t.Helper()
	var got map[string]InstanceState
	defer func() {
		if t.Failed() {
			t.Logf("the roster is %v", got)
		}
	}()
	testutil.Eventually(t, within, fmt.Sprint(want), func() bool {
		got = f.rows(t)
		return assert.ObjectsAreEqual(want, got)
	})
}

func TestRoster_ShowsEachInstance(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports)
	require.Empty(t, f.rows(t))

	a := f.join(t, "a", func(cfg *SubscriberConfig) { cfg.Labels = map[string]string{"zone": "x"} })
	f.join(t, "small", func(cfg *SubscriberConfig) { cfg.MaxBytes = 256 })
	f.waitForRows(t, map[string]InstanceState{"a": InstanceNever, "small": InstanceNever})

	publish(t, f.pub, "one", "two", "three")
	f.waitForRows(t, map[string]InstanceState{"a": InstanceSynced, "small": InstanceRejected})
	roster := f.roster(t, 2)
	require.EqualValues(t, 1, roster.Version)
	row := roster.Instances[0]
	assert.WithinDuration(t, roster.Now, row.LastSeen, 5*time.Second)
	assert.Equal(t, map[string]string{"zone": "x"}, row.Report.Labels)
	assert.Equal(t, roster.ID, row.Report.Applied.ID)
	assert.WithinDuration(t, roster.PublishedAt, row.Report.Applied.At, 5*time.Second)
	assert.Equal(t, SourceLive, row.Report.Source)
	assert.EqualValues(t, 1, row.Report.Counters["applies"])
	rejected := roster.Instances[1].Report.Rejected
	assert.Equal(t, roster.ID, rejected.ID)
	assert.Equal(t, RejectTooLarge, rejected.Reason)
	assert.EqualValues(t, 1, roster.Instances[1].Report.Counters["rejections.too_large"])

	publish(t, f.pub)
	f.waitForRows(t, map[string]InstanceState{"a": InstanceSynced, "small": InstanceSynced})
	f.set(t, nil)
	require.NoError(t, a.Refresh(t.Context()))
	testutil.Eventually(t, within, "instance a has applied the empty value", func() bool {
		return f.rows(t)["a"] == InstanceSynced
	})
	require.NoError(t, a.Close())
	f.waitForRows(t, map[string]InstanceState{"small": InstanceStale})
	assert.Equal(t, int64(0), f.client.Exists(t.Context(), testKey+":instance:a").Val(), "Close removes the report")
}

func TestRoster_InstanceThatVanishes(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports)
	publish(t, f.pub, "one")
	f.join(t, "here", nil)
	f.waitForRows(t, map[string]InstanceState{"here": InstanceSynced})
	// A killed instance leaves its name behind, and its report expires.
	long := seenNow("forgotten")
	long.Score -= float64(2 * time.Hour.Milliseconds())
	require.NoError(t, f.client.ZAdd(t.Context(), testKey+":fleet", seenNow("killed"), long).Err())
	f.waitForRows(t, map[string]InstanceState{"here": InstanceSynced, "killed": InstanceGone})

	f.join(t, "new", nil)
	testutil.Eventually(t, within, "the new instance prunes the roster", func() bool {
		return errors.Is(f.client.ZScore(context.Background(), testKey+":fleet", "forgotten").Err(), redis.Nil)
	})
}

func TestRoster_ForgedReportSpoilsItsRowOnly(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports)
	publish(t, f.pub, "one")
	// Rows without a readable report have the interval of the others until they are GONE.
	f.join(t, "honest", func(cfg *SubscriberConfig) { cfg.ReportInterval = time.Minute })
	f.waitForRows(t, map[string]InstanceState{"honest": InstanceSynced})
	forged := map[string]any{
		"junk": "junk", "huge": string(make([]byte, wire.MaxReportBytes+10)), "empty": "",
		"other":     wire.EncodeReport(&wire.Report{Instance: "honest", StartedAt: time.Now(), Since: time.Now(), WrittenAt: time.Now()}),
		"\x1b[2Jvi": "junk",
	}
	for name, report := range forged {
		require.NoError(t, f.client.ZAdd(t.Context(), testKey+":fleet", seenNow(name)).Err())
		require.NoError(t, f.client.Set(t.Context(), testKey+":instance:"+name, report, 0).Err())
	}
	require.NoError(t, f.client.ZAdd(t.Context(), testKey+":fleet", seenNow("list")).Err())
	require.NoError(t, f.client.LPush(t.Context(), testKey+":instance:list", "x").Err())
	f.waitForRows(t, map[string]InstanceState{
		"honest": InstanceSynced, "junk": InstanceStale, "huge": InstanceStale, "empty": InstanceStale,
		"other": InstanceStale, "\x1b[2Jvi": InstanceStale, "list": InstanceStale,
	})
}
