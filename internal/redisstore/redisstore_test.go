package redisstore

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/store"
	"github.com/fleetdial/fleetdial/testutil"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// within is how long a test waits for what takes milliseconds.
const within = 10 * time.Second

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// testConfig never resyncs, so that a test sees what announcements alone do.
func testConfig() SubscriberConfig {
	return SubscriberConfig{ResyncInterval: time.Hour, Logger: quiet}
}

func subscribe(t testing.TB, client redis.UniversalClient, cfg SubscriberConfig) *Subscriber {
	t.Helper()
	s, err := Subscribe(t.Context(), client, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func newPublisher(t testing.TB, client redis.UniversalClient, cfg PublisherConfig) *Publisher {
	t.Helper()
	p, err := NewPublisher(client, cfg)
	require.NoError(t, err)
	return p
}

// setOf returns a set with one directive for each id, for an hour.
func setOf(t testing.TB, ids ...string) *directive.Set {
	t.Helper()
	all := make([]directive.Directive, len(ids))
	for i, id := range ids {
		all[i] = directive.Directive{
			ID: id, Level: directive.Shape, SamplePerMille: 1000, ExpiresAt: time.Now().Add(time.Hour),
		}
	}
	set, err := directive.NewSet(all)
	require.NoError(t, err)
	return set
}

func idsOf(s store.Store) []string {
	var ids []string
	for _, d := range s.Load().Directives() {
		ids = append(ids, d.ID)
	}
	return ids
}

func publish(t testing.TB, p *Publisher, ids ...string) {
	t.Helper()
	_, err := p.Publish(context.Background(), setOf(t, ids...), PublishOptions{})
	require.NoError(t, err)
}

// eventually waits until the store has the set of these directives.
func eventually(t testing.TB, s store.Store, ids ...string) {
	t.Helper()
	testutil.Eventually(t, within, "the set arrives", func() bool {
		got := idsOf(s)
		if len(got) != len(ids) {
			return false
		}
		for i := range got {
			if got[i] != ids[i] {
				return false
			}
		}
		return true
	})
}

func TestPublishReachesSubscribers(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	p := newPublisher(t, client, PublisherConfig{PublishedBy: "ops"})
	s := subscribe(t, client, testConfig())
	require.Equal(t, StateMissing, s.Status().State)

	publish(t, p, "a", "b")
	eventually(t, s, "a", "b")
	publish(t, p)
	eventually(t, s)
	testutil.Eventually(t, within, "state is live", func() bool { return s.Status().State == StateLive })
	status := s.Status()
	require.EqualValues(t, 2, status.Revision.Version)
	require.Equal(t, "ops", status.Revision.PublishedBy)
	require.EqualValues(t, 2, status.Counters.Applies)
	require.EqualValues(t, 2, status.Counters.Announcements)
	require.Zero(t, status.Counters.Corrections)
}
