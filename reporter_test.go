package fleetdial

import (
	"crypto/ed25519"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/host"
	"github.com/fleetdial/fleetdial/internal/wire"
	"github.com/fleetdial/fleetdial/testutil"
)

func TestReport_ReadOnlyUserIsLoggedOnce(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports)
	require.NoError(t, f.client.Do(t.Context(), "ACL", "SETUSER", "reader", "on", ">pw", "~fleetdial:*", "&fleetdial:*",
		"+@read", "+@connection", "+subscribe", "+time", "+multi", "+exec").Err())
	opts := *f.client.Options()
	opts.Username, opts.Password = "reader", "pw"
	client := redis.NewClient(&opts)
	t.Cleanup(func() { _ = client.Close() })
	log := &logBuffer{}
	cfg := testConfig()
	cfg.Instance, cfg.ReportInterval, cfg.Logger = "reader", 20*time.Millisecond, log.logger()
	sub := subscribe(t, client, cfg)
	for i := range 5 {
		publish(t, f.pub, fmt.Sprint("d", i))
		eventually(t, sub, fmt.Sprint("d", i))
	}
	testutil.Eventually(t, within, "the rejected report is logged", func() bool {
		return log.lines("report rejected by Redis") > 0
	})
	require.NoError(t, sub.Close())
	assert.Equal(t, 1, log.lines("report rejected by Redis"))
	assert.Empty(t, f.rows(t))
}

func TestReport_StoppedRedisDoesNotBlockClose(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports)
	sub := f.join(t, "a", nil)
	f.waitForRows(t, map[string]InstanceState{"a": InstanceNever})
	f.server.Stop()
	began := time.Now()
	require.NoError(t, sub.Close())
	assert.Less(t, time.Since(began), 5*time.Second)
	f.server.Continue()
}

func TestSubscribe_WrongInstanceConfiguration(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	for name, change := range map[string]func(*SubscriberConfig){
		"instance":        func(cfg *SubscriberConfig) { cfg.Instance = "a b" },
		"labels":          func(cfg *SubscriberConfig) { cfg.Labels = map[string]string{"": "x"} },
		"capabilities":    func(cfg *SubscriberConfig) { cfg.Capabilities = []Capability{"a b"} },
		"report interval": func(cfg *SubscriberConfig) { cfg.ReportInterval = time.Millisecond },
		"small":           func(cfg *SubscriberConfig) { cfg.MaxBytes = 100 },
		"large":           func(cfg *SubscriberConfig) { cfg.MaxBytes = wire.MaxValueBytes + 1 },
	} {
		cfg := testConfig()
		change(&cfg)
		_, err := Subscribe(t.Context(), server.Client(t), cfg)
		assert.Error(t, err, name)
	}
	assert.NoError(t, wire.CheckInstance(host.InstanceName()))
}

func TestReport_StatesWhatTheInstanceCanDo(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports)
	_, public := newKey(t)
	able := []Capability{CapabilityCaptures}
	f.join(t, "able", func(cfg *SubscriberConfig) {
		cfg.Capabilities, cfg.VerifyKeys = able, []ed25519.PublicKey{public}
	})
	f.join(t, "silent", nil)
	f.join(t, "unable", func(cfg *SubscriberConfig) { cfg.Capabilities = []Capability{} })
	roster := f.roster(t, 3)
	able[0] = "changed" // the configuration is a copy
	assert.Equal(t, []Capability{CapabilityCaptures}, roster.Instances[0].Report.Capabilities)
	assert.Nil(t, roster.Instances[1].Report.Capabilities)
	assert.Equal(t, []Capability{}, roster.Instances[2].Report.Capabilities)
	for i, in := range roster.Instances {
		assert.Equal(t, i == 0, in.Report.Verifies, in.Name)
		assert.Equal(t, wire.MaxFormat, in.Report.MaxFormat, in.Name)
		assert.NotEmpty(t, in.Report.Run, in.Name)
	}
}
