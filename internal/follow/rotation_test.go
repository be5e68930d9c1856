package follow

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/wire"
)

// aging has a follower replace its session at that age.
func aging(age time.Duration) func(*Config) {
	return func(cfg *Config) { cfg.SubscriptionAge = age }
}

// calm checks that nothing but the sessions has changed since the start.
func (r *rig) calm(lines int) {
	r.t.Helper()
	status := r.f.Status()
	assert.Equal(r.t, wire.StateLive, status.State)
	assert.NoError(r.t, status.Err)
	assert.Zero(r.t, status.Counters.Reconnects)
	assert.Zero(r.t, status.Counters.Corrections)
	assert.Zero(r.t, status.Counters.Regressions)
	assert.Len(r.t, r.lines, lines)
}

func TestRotation_ReplacesTheSession(t *testing.T) {
	t.Parallel()
	r := startRig(t, lasting(t, 24*time.Hour), aging(10*time.Minute))
	r.latency = 100 * time.Millisecond
	r.run(time.Second)
	lines, since := len(r.lines), r.f.Status().Since
	for range 60 {
		before := r.session
		r.run(time.Minute)
		require.Equal(t, wire.StateLive, r.f.Status().State)
		require.LessOrEqual(t, r.session, before+1)
	}
	assert.GreaterOrEqual(t, r.sessions, 6)
	assert.LessOrEqual(t, r.sessions, 9)
	assert.Equal(t, since, r.f.Status().Since, "the state never changed")
	r.calm(lines)
}

func TestRotation_NeverWithoutAnAge(t *testing.T) {
	t.Parallel()
	r := startRig(t, lasting(t, time.Hour), nil)
	r.run(30 * 24 * time.Hour)
	assert.Equal(t, 1, r.sessions)
}

// TestRotation_OldSessionStaysUntilTheSuccessorIsReliable publishes at each moment of a
// replacement.
func TestRotation_OldSessionStaysUntilTheSuccessorIsReliable(t *testing.T) {
	t.Parallel()
	for _, session := range []string{"old", "new", "both"} {
		r := startRig(t, valueOf(t, 1, epoch.Add(time.Hour), "a"), aging(10*time.Minute))
		lines := len(r.lines)
		r.latency = time.Second
		r.until(10*time.Minute, "a successor", func() bool { return r.successor != 0 })
		old, successor := r.session, r.successor
		r.run(500 * time.Millisecond)
		require.True(t, r.f.successor.subscribed)
		require.False(t, r.f.successor.reliable)
		r.value = valueOf(t, 2, epoch.Add(time.Hour), "b")
		payload := announcementOf(2, r.valueID(), 0)
		if session != "new" {
			r.deliver(Message{old, payload})
		}
		if session != "old" {
			r.deliver(Message{successor, payload})
		}
		r.run(time.Second)
		assert.Equal(t, successor, r.session, "the fetch of the successor has succeeded")
		r.run(2 * time.Second)
		assert.EqualValues(t, 2, r.f.Status().Revision.Version, session)
		r.deliver(Message{old, "of the session that has ended"})
		assert.Nil(t, r.f.next, session)
		assert.Nil(t, r.f.current, session)
		r.calm(lines + 1)
	}
}

func (r *rig) valueID() string {
	head, err := wire.DecodeHeader(r.value)
	require.NoError(r.t, err)
	return head.ID
}

// TestRotation_FailureKeepsTheSession lets successors fail in each way.
func TestRotation_FailureKeepsTheSession(t *testing.T) {
	t.Parallel()
	denied := errors.New("NOPERM no permissions to access a channel")
	for name, fail := range map[string]func(r *rig){
		"down":   func(r *rig) { r.failing = errRefused },
		"denied": func(r *rig) { r.denied = denied },
		"unsubscribed": func(r *rig) {
			if r.successor != 0 {
				r.deliver(Unsubscribed{r.successor})
			}
		},
		"lost": func(r *rig) {
			if number := r.successor; number != 0 {
				r.successor = 0
				r.deliver(SessionLost{number, errRefused})
			}
		},
	} {
		r := startRig(t, lasting(t, 24*time.Hour), aging(10*time.Minute))
		lines := len(r.lines)
		r.latency = 10 * time.Millisecond
		for range 60 * 60 * 1000 {
			if fail(r); r.now.Sub(r.began) > time.Hour {
				break
			}
			r.run(max(time.Millisecond, min(r.wake.Sub(r.now), time.Second)))
		}
		assert.EqualValues(t, 1, r.session, name)
		assert.Greater(t, r.sessions, 20, "%s: it tries again", name)
		assert.Less(t, r.sessions, 70, "%s: it does not spin", name)
		r.value = valueOf(t, 2, epoch.Add(24*time.Hour), "b")
		r.announce()
		r.run(time.Second)
		assert.EqualValues(t, 2, r.f.Status().Revision.Version, name)
		r.calm(lines + 1)
		r.failing, r.denied = nil, nil
		r.run(2 * time.Minute)
		assert.Greater(t, r.session, uint64(1), "%s: the session is replaced once it is possible", name)
	}
}

func TestRotation_SilentSuccessorEnds(t *testing.T) {
	t.Parallel()
	r := startRig(t, lasting(t, time.Hour), aging(time.Minute))
	lines := len(r.lines)
	r.until(time.Minute, "a successor", func() bool {
		r.silent = r.f.session.rotateAt.Sub(r.now) < 2*time.Millisecond
		return r.successor != 0
	})
	r.silent = false // the session goes on
	require.False(t, r.f.successor.subscribed)
	r.queue = nil
	r.later(0, Pong{r.session})
	r.run(r.f.cfg.SubscriptionTimeout - time.Millisecond)
	assert.NotZero(t, r.successor)
	r.run(2 * time.Millisecond)
	assert.Zero(t, r.successor)
	assert.EqualValues(t, 1, r.session)
	r.calm(lines)
	r.run(20 * time.Second)
	assert.EqualValues(t, 3, r.session, "the next successor")
	r.calm(lines)
}

// TestRotation_SuccessorTakesOver loses the session while its successor is on its way.
func TestRotation_SuccessorTakesOver(t *testing.T) {
	t.Parallel()
	r := startRig(t, lasting(t, time.Hour), aging(10*time.Minute))
	r.latency = time.Second
	r.until(10*time.Minute, "a successor", func() bool { return r.f.successor.subscribed })
	r.lose(errRefused)
	status := r.f.Status()
	assert.Equal(t, wire.StateStale, status.State)
	assert.ErrorIs(t, status.Err, errRefused)
	assert.EqualValues(t, 1, status.Counters.Reconnects)
	r.run(time.Second)
	assert.Equal(t, wire.StateLive, r.f.Status().State)
	assert.Equal(t, 2, r.sessions, "no other was opened")
	assert.EqualValues(t, 2, r.session)
}

// TestRotation_WaitsForTheEndOfTheSessionBefore confirms the end of a session only after an
// hour. Connections do not pile up.
func TestRotation_WaitsForTheEndOfTheSessionBefore(t *testing.T) {
	t.Parallel()
	r := newHandWith(t, aging(time.Minute))
	r.settle(r.reply(r.revision(1, "a", noon.Add(24*time.Hour))))
	r.now = r.now.Add(time.Minute)
	require.EqualValues(t, 2, r.handle(Timer{}).OpenSession)
	require.NotNil(t, r.handle(Subscribed{Session: 2}).Fetch)
	fx := r.reply(r.revision(1, "a", noon.Add(24*time.Hour)))
	require.Equal(t, []uint64{1}, fx.EndSessions)
	for range 60 {
		r.now = r.now.Add(time.Minute)
		fx := r.handle(Timer{})
		require.Zero(t, fx.OpenSession)
		if fx.Fetch != nil {
			fx = r.reply(r.revision(1, "a", noon.Add(24*time.Hour)))
		}
		require.True(t, fx.WakeAt.After(r.now))
	}
	require.EqualValues(t, 3, r.handle(SessionLost{Session: 1}).OpenSession)
	assert.Equal(t, wire.StateLive, r.Status().State)
}

// TestFollower_ForgedVersionHidesNoLoss announces a revision that does not exist, with a huge
// version. Announcements that are lost after that are counted.
func TestFollower_ForgedVersionHidesNoLoss(t *testing.T) {
	t.Parallel()
	r := startRig(t, valueOf(t, 1, epoch.Add(time.Hour), "a"), resyncing(time.Minute))
	r.message(announcementOf(1<<50, wire.NewID(), 0))
	r.run(10 * time.Second)
	r.value = valueOf(t, 2, epoch.Add(time.Hour), "b") // its announcement is lost
	r.run(time.Minute + announcementGrace)
	assert.EqualValues(t, 1, r.f.Status().Counters.Corrections)
	assert.EqualValues(t, 2, r.f.Status().Revision.Version)
}
