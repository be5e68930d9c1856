package fleetdial

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/testutil"
)

// TestSubscriber_SubscriptionAge replaces the subscription many times while revisions are
// published. The program sees nothing of it.
func TestSubscriber_SubscriptionAge(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	admin := server.Client(t)
	p := newTestPublisher(t, server.Client(t), PublisherConfig{})
	publish(t, p, "a")
	log := &logBuffer{}
	cfg := testConfig()
	cfg.Logger, cfg.SubscriptionAge, cfg.ReportInterval = log.logger(), 50*time.Millisecond, -1
	s := subscribe(t, server.Client(t), cfg)
	since := s.Status().Since
	subscriptions := map[string]bool{}
	for began := time.Now(); time.Since(began) < time.Second || len(subscriptions) < 5; {
		rev, err := p.Publish(t.Context(), setOf(t, "a"), PublishOptions{})
		require.NoError(t, err)
		testutil.Eventually(t, within, "the revision", func() bool { return s.Status().Revision.ID == rev.ID })
		list, err := admin.Do(t.Context(), "CLIENT", "LIST", "TYPE", "pubsub").Text()
		require.NoError(t, err)
		for line := range strings.Lines(list) {
			id, _, _ := strings.Cut(line, " ")
			subscriptions[id] = true
		}
		require.LessOrEqual(t, strings.Count(list, "\n"), 3, "connections do not pile up")
		require.Less(t, time.Since(began), time.Minute, "the subscription was replaced %d times", len(subscriptions)-1)
	}
	status := s.Status()
	assert.Equal(t, StateLive, status.State)
	assert.Equal(t, since, status.Since, "the state never changed")
	assert.Zero(t, status.Counters.Reconnects)
	assert.Zero(t, status.Counters.Corrections)
	assert.Zero(t, status.Counters.Regressions)
	assert.Zero(t, log.lines("state changed"))
	assert.Zero(t, log.lines("level=WARN"))
	require.NoError(t, s.Close())
	testutil.Eventually(t, within, "no subscription is left", func() bool {
		list, err := admin.Do(t.Context(), "CLIENT", "LIST", "TYPE", "pubsub").Text()
		return err == nil && list == ""
	})
}

// TestSubscriber_NegativeSubscriptionAgeMeansNever keeps one subscription.
func TestSubscriber_NegativeSubscriptionAgeMeansNever(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.SubscriptionAge = -time.Millisecond
	require.NoError(t, cfg.check())
	server := testutil.StartRedis(t)
	publish(t, newTestPublisher(t, server.Client(t), PublisherConfig{}), "a")
	s := subscribe(t, server.Client(t), cfg)
	require.NoError(t, s.Refresh(t.Context()))
	assert.Equal(t, StateLive, s.Status().State)

	cfg.SubscriptionAge = 0
	require.NoError(t, cfg.check())
	assert.Equal(t, DefaultSubscriptionAge, cfg.SubscriptionAge)
	cfg.SubscriptionAge = time.Millisecond
	assert.ErrorContains(t, cfg.check(), "SubscriptionAge")
}
