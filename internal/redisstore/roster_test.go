package redisstore

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/wire"
	"github.com/fleetdial/fleetdial/testutil"
)

// join adds an instance of that name to the fleet.
func (f *fleet) join(t testing.TB, name string, change func(*SubscriberConfig)) *Subscriber {
	t.Helper()
	cfg := testConfig()
	cfg.Instance, cfg.ReportInterval = name, 50*time.Millisecond
	if change != nil {
		change(&cfg)
	}
	return subscribe(t, f.server.Client(t), cfg)
}

// silent is a fleet whose first subscriber does not report.
func silent(cfg *SubscriberConfig) { cfg.ReportInterval = -1 }

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

func (f *fleet) becomes(t testing.TB, want map[string]InstanceState) {
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

func TestTheRosterTellsOfEachInstance(t *testing.T) {
	t.Parallel()
	f := newFleet(t, silent)
	require.Empty(t, f.rows(t))

	a := f.join(t, "a", func(cfg *SubscriberConfig) { cfg.Labels = map[string]string{"zone": "x"} })
	f.join(t, "small", func(cfg *SubscriberConfig) { cfg.MaxBytes = 256 })
	f.becomes(t, map[string]InstanceState{"a": InstanceNever, "small": InstanceNever})

	publish(t, f.pub, "one", "two", "three")
	f.becomes(t, map[string]InstanceState{"a": InstanceSynced, "small": InstanceRejected})
	roster, err := f.pub.Roster(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, roster.Version)
	row := roster.Instances[0]
	assert.WithinDuration(t, roster.Now, row.LastSeen, 5*time.Second)
	assert.Equal(t, map[string]string{"zone": "x"}, row.Report.Labels)
	assert.Equal(t, roster.ID, row.Report.Applied.ID)
	assert.WithinDuration(t, roster.PublishedAt, row.Report.Applied.At, 5*time.Second)
	assert.Equal(t, "live", row.Report.Source)
	assert.EqualValues(t, 1, row.Report.Counters["applies"])
	refused := roster.Instances[1].Report.Rejected
	assert.Equal(t, roster.ID, refused.ID)
	assert.Equal(t, string(RejectTooLarge), refused.Reason)
	assert.EqualValues(t, 1, roster.Instances[1].Report.Counters["rejections.too_large"])

	publish(t, f.pub)
	f.becomes(t, map[string]InstanceState{"a": InstanceSynced, "small": InstanceSynced})
	f.set(t, nil)
	require.NoError(t, a.Refresh(t.Context()))
	testutil.Eventually(t, within, "the empty value is what a has", func() bool {
		return f.rows(t)["a"] == InstanceSynced
	})
	require.NoError(t, a.Close())
	f.becomes(t, map[string]InstanceState{"small": InstanceStale})
	assert.Equal(t, int64(0), f.client.Exists(t.Context(), testKey+":instance:a").Val(), "Close takes the row away")
}

func TestAnInstanceThatVanishesIsGone(t *testing.T) {
	t.Parallel()
	f := newFleet(t, silent)
	publish(t, f.pub, "one")
	f.join(t, "here", nil)
	f.becomes(t, map[string]InstanceState{"here": InstanceSynced})
	// As if it had been killed: its place is there, its report is not, or it is from long ago.
	now := time.Now().UnixMilli()
	require.NoError(t, f.client.ZAdd(t.Context(), testKey+":fleet",
		redis.Z{Score: float64(now), Member: "killed"},
		redis.Z{Score: float64(now - 2*time.Hour.Milliseconds()), Member: "forgotten"},
	).Err())
	f.becomes(t, map[string]InstanceState{"here": InstanceSynced, "killed": InstanceGone})

	f.join(t, "new", nil)
	testutil.Eventually(t, within, "a new instance takes out what is forgotten", func() bool {
		return f.client.ZScore(context.Background(), testKey+":fleet", "forgotten").Err() == redis.Nil
	})
}

func TestAnInstanceThatLiesSpoilsItsRowAlone(t *testing.T) {
	t.Parallel()
	f := newFleet(t, silent)
	publish(t, f.pub, "one")
	f.join(t, "honest", nil)
	lies := map[string]any{
		"junk": "junk", "huge": string(make([]byte, wire.MaxReportBytes+10)), "empty": "",
		"other":     wire.EncodeReport(&wire.Report{Instance: "honest", StartedAt: time.Now(), Since: time.Now(), WrittenAt: time.Now()}),
		"\x1b[2Jvi": "junk",
	}
	for name, value := range lies {
		require.NoError(t, f.client.ZAdd(t.Context(), testKey+":fleet", redis.Z{Score: 1e13, Member: name}).Err())
		require.NoError(t, f.client.Set(t.Context(), testKey+":instance:"+name, value, 0).Err())
	}
	require.NoError(t, f.client.ZAdd(t.Context(), testKey+":fleet", redis.Z{Score: 1e13, Member: "list"}).Err())
	require.NoError(t, f.client.LPush(t.Context(), testKey+":instance:list", "x").Err())
	f.becomes(t, map[string]InstanceState{
		"honest": InstanceSynced, "junk": InstanceStale, "huge": InstanceStale, "empty": InstanceGone,
		"other": InstanceStale, "\x1b[2Jvi": InstanceStale, "list": InstanceStale,
	})
}

func TestP9AProxyThatMayOnlyReadSaysSoOnce(t *testing.T) {
	t.Parallel()
	f := newFleet(t, silent)
	require.NoError(t, f.client.Do(t.Context(), "ACL", "SETUSER", "reader", "on", ">pw", "~fleetdial:*", "&fleetdial:*",
		"+@read", "+@connection", "+subscribe", "+time", "+multi", "+exec").Err())
	opts := *f.client.Options()
	opts.Username, opts.Password = "reader", "pw"
	client := redis.NewClient(&opts)
	t.Cleanup(func() { _ = client.Close() })
	log := &logBuffer{}
	cfg := testConfig()
	cfg.Instance, cfg.ReportInterval, cfg.Logger = "reader", 20*time.Millisecond, slog.New(slog.NewTextHandler(log, nil))
	sub := subscribe(t, client, cfg)
	for i := range 5 {
		publish(t, f.pub, fmt.Sprint("d", i))
		eventually(t, sub, fmt.Sprint("d", i))
	}
	testutil.Eventually(t, within, "it is told", func() bool { return log.lines("roster cannot be told") > 0 })
	require.NoError(t, sub.Close())
	assert.Equal(t, 1, log.lines("roster cannot be told"))
	assert.Empty(t, f.rows(t))
}

func TestP9ReportsHoldNothingUp(t *testing.T) {
	t.Parallel()
	f := newFleet(t, silent)
	sub := f.join(t, "a", nil)
	f.becomes(t, map[string]InstanceState{"a": InstanceNever})
	f.server.Stop()
	began := time.Now()
	require.NoError(t, sub.Close())
	assert.Less(t, time.Since(began), 5*time.Second)
	f.server.Continue()
}

func TestConfigurationsOfInstances(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	for name, change := range map[string]func(*SubscriberConfig){
		"instance":        func(cfg *SubscriberConfig) { cfg.Instance = "a b" },
		"labels":          func(cfg *SubscriberConfig) { cfg.Labels = map[string]string{"": "x"} },
		"report interval": func(cfg *SubscriberConfig) { cfg.ReportInterval = time.Millisecond },
		"small":           func(cfg *SubscriberConfig) { cfg.MaxBytes = 100 },
		"large":           func(cfg *SubscriberConfig) { cfg.MaxBytes = wire.MaxValueBytes + 1 },
	} {
		cfg := testConfig()
		change(&cfg)
		_, err := Subscribe(t.Context(), server.Client(t), cfg)
		assert.Error(t, err, name)
	}
	assert.NoError(t, wire.CheckInstance(defaultInstance()))
}
