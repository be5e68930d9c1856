package follow

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/store"
	"github.com/fleetdial/fleetdial/internal/wire"
)

func TestSession_FailuresBackOff(t *testing.T) {
	t.Parallel()
	r := newRig(t, lasting(t, time.Hour), nil)
	r.err, r.failing = errRefused, errRefused
	r.run(time.Minute)
	assert.Greater(t, r.sessions, 30, "it tries again, each two seconds at least")
	assert.Less(t, r.sessions, 200, "it does not spin")
	assert.ErrorIs(t, r.startErr, errRefused)
}

// TestSession_WithoutOneTheStateIsStale loses the session and never gets another confirmed,
// while every fetch succeeds.
func TestSession_WithoutOneTheStateIsStale(t *testing.T) {
	t.Parallel()
	r := startRig(t, lasting(t, time.Hour), resyncing(time.Second))
	require.Equal(t, wire.StateLive, r.f.Status().State)
	r.silent = true
	r.lose(errRefused)
	before := len(r.fetches)
	for range 100 {
		r.run(100 * time.Millisecond)
		require.Equal(t, wire.StateStale, r.f.Status().State)
	}
	assert.Greater(t, len(r.fetches), before+5, "it goes on fetching")
	assert.Len(t, r.logged("state changed"), 1)
}

func TestSession_SilentServerIsReplaced(t *testing.T) {
	t.Parallel()
	r := startRig(t, lasting(t, time.Hour), func(cfg *Config) { cfg.SubscriptionTimeout = time.Second })
	r.run(10 * time.Second)
	require.Equal(t, 1, r.sessions)
	r.silent = true
	r.until(time.Second+time.Millisecond, "stale", func() bool { return r.f.Status().State == wire.StateStale })
	assert.ErrorIs(t, r.f.Status().Err, store.ErrUnavailable)
	assert.ErrorContains(t, r.f.Status().Err, "no reply for 1s")
	r.silent = false
	r.run(2*time.Second + longestBackoff)
	assert.Equal(t, wire.StateLive, r.f.Status().State)
	assert.EqualValues(t, 1, r.f.Status().Counters.Reconnects)
}

// TestSession_FetchAfterTheSubscription checks that a new session is live only after a fetch
// that began once its subscription stood.
func TestSession_FetchAfterTheSubscription(t *testing.T) {
	t.Parallel()
	r := startRig(t, valueOf(t, 1, epoch.Add(time.Hour), "a"), nil)
	r.latency = 100 * time.Millisecond
	r.lose(errRefused)
	r.value = valueOf(t, 2, epoch.Add(time.Hour), "b") // its announcement is lost
	r.deliver(Refresh{1})                              // a fetch from before the subscription
	r.until(time.Second, "the subscription", func() bool { return r.f.session.subscribed })
	assert.Equal(t, wire.StateStale, r.f.Status().State)
	r.run(200*time.Millisecond - shortestBackoff)
	assert.Equal(t, wire.StateStale, r.f.Status().State, "the header and the value of the fetch from before")
	r.run(100*time.Millisecond + shortestBackoff)
	assert.Equal(t, wire.StateLive, r.f.Status().State)
	assert.EqualValues(t, 2, r.f.Status().Revision.Version)
	assert.Zero(t, r.f.Status().Counters.Corrections, "no session was expected to carry it")
}

func TestSession_EndsWithTheSubscription(t *testing.T) {
	t.Parallel()
	for name, event := range map[string]func(r *rig) Event{
		"taken away": func(r *rig) Event { return Unsubscribed{r.session} },
		"made again": func(r *rig) Event { return Subscribed{r.session} },
	} {
		r := startRig(t, lasting(t, time.Hour), nil)
		r.deliver(event(r))
		assert.Equal(t, wire.StateStale, r.f.Status().State, name)
		r.run(time.Second)
		assert.Equal(t, 2, r.sessions, name)
		assert.Equal(t, wire.StateLive, r.f.Status().State, name)
	}
}

func TestSession_ErrorReplies(t *testing.T) {
	t.Parallel()
	loading := errors.New("LOADING Redis is loading the dataset in memory")
	r := startRig(t, lasting(t, time.Hour), nil)
	before := len(r.fetches)
	r.deliver(ErrorReply{r.session, loading})
	r.run(time.Second)
	assert.Len(t, r.fetches, before+1, "an error on a subscription that stands asks for a fetch")
	assert.Equal(t, 1, r.sessions)

	denied := errors.New("NOPERM no permissions to access a channel")
	r = newRig(t, lasting(t, time.Hour), nil)
	r.silent = true
	r.run(0)
	r.deliver(ErrorReply{r.session, denied})
	r.run(0)
	assert.True(t, r.started)
	assert.ErrorIs(t, r.startErr, denied)
	assert.Equal(t, denied, r.f.Status().Err)
}

// TestSession_EventsOfAnEarlierOneDoNotCount delivers what the last session left behind.
func TestSession_EventsOfAnEarlierOneDoNotCount(t *testing.T) {
	t.Parallel()
	r := startRig(t, lasting(t, time.Hour), nil)
	old := r.session
	r.lose(errRefused)
	r.silent = true
	r.run(time.Second)
	require.NotZero(t, r.session)
	for _, event := range []Event{
		Subscribed{old},
		Message{old, "fetch"},
		Pong{old},
		ErrorReply{old, errRefused},
		Unsubscribed{old},
		SessionLost{old, errRefused},
	} {
		before := len(r.fetches)
		r.deliver(event)
		r.run(0)
		assert.Len(t, r.fetches, before, "%T", event)
	}
	assert.Equal(t, wire.StateStale, r.f.Status().State)
	assert.Zero(t, r.f.Status().Counters.Announcements)
}
