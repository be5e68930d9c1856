package live

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
)

// arrival waits for the next state, and returns how long that took.
func arrival(t testing.TB, w *Watcher, after *State) (*State, time.Duration) {
	t.Helper()
	began := time.Now()
	id := ""
	if after != nil {
		id = after.ID
	}
	s, err := w.Next(t.Context(), id)
	require.NoError(t, err)
	return s, time.Since(began)
}

// instance returns a row of an instance that has reported just now.
func instance(name string, state fleetdial.InstanceState) fleetdial.Instance {
	now := time.Now()
	return fleetdial.Instance{
		Name: name, State: state, LastSeen: now, Report: &fleetdial.Report{Instance: name, WrittenAt: now},
	}
}

func TestReader_ReadsTheRevisionOnlyWhenItChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, redis := startFakes(t)
		w := watch(t, h, "a")
		s, _ := arrival(t, w, nil)
		assert.ErrorIs(t, s.RevisionErr, fleetdial.ErrNoRevision)
		assert.NotNil(t, s.Revision.Set)
		time.Sleep(5*time.Second + steadyInterval/2) // between two readings
		assert.Equal(t, 1, redis.count().currents)
		assert.Equal(t, 1, redis.count().histories)

		redis.publish(setOf(t, time.Now().Add(time.Hour), "x"))
		redis.changed()
		s, took := arrival(t, w, s)
		assert.Zero(t, took)
		assert.EqualValues(t, 1, s.Revision.Version)
		require.Len(t, s.History, 1)
		time.Sleep(time.Minute)
		assert.Equal(t, 2, redis.count().currents)
		assert.Equal(t, 2, redis.count().histories)
		last, err := h.State(t.Context(), "a")
		require.NoError(t, err)
		assert.Equal(t, s.ID, last.ID, "the history that was read is the one that was guessed")
		assert.Same(t, s.Revision.Set, last.Revision.Set)
	})
}

func TestReader_RolloutIsReadOften(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, redis := startFakes(t)
		w := watch(t, h, "a")
		s, _ := arrival(t, w, nil)
		time.Sleep(2 * time.Second)
		redis.publish(setOf(t, time.Now().Add(time.Hour), "x"))
		redis.changed()
		s, _ = arrival(t, w, s)
		before := redis.count().rosters
		for _, state := range []fleetdial.InstanceState{fleetdial.InstancePending, fleetdial.InstanceSynced} {
			redis.change(func() { redis.rows = []fleetdial.Instance{instance("i", state)} })
			var took time.Duration
			s, took = arrival(t, w, s)
			assert.LessOrEqual(t, took, rolloutInterval)
			assert.Equal(t, state, s.Roster.Instances[0].State)
		}
		time.Sleep(10 * time.Second)
		assert.InDelta(t, 30+7, redis.count().rosters-before, 5)

		// Revisions in a row, and rosters that take long, do not make the Hub read all the time.
		for range 1000 {
			redis.changed()
			time.Sleep(time.Millisecond)
		}
		assert.InDelta(t, 30+7+20, redis.count().rosters-before, 8)
		redis.change(func() { redis.takes = 500 * time.Millisecond })
		before = redis.count().rosters
		time.Sleep(20 * time.Second)
		assert.InDelta(t, 10, redis.count().rosters-before, 1)
	})
}

func TestReader_ReportsChangeTheIDOnceASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, redis := startFakes(t)
		w := watch(t, h, "a")
		s, _ := arrival(t, w, nil)
		redis.publish(setOf(t, time.Now().Add(time.Hour), "x"))
		redis.changed()
		s, _ = arrival(t, w, s)
		time.Sleep(rolloutInterval / 2) // between two readings
		began := time.Now()
		ids := 0
		for time.Since(began) < 2500*time.Millisecond { // while the rollout is read often
			redis.change(func() { redis.rows = []fleetdial.Instance{instance("i", fleetdial.InstanceSynced)} })
			time.Sleep(rolloutInterval)
			next, err := h.State(t.Context(), "a")
			require.NoError(t, err)
			if next.ID != s.ID {
				ids++
			}
			assert.WithinDuration(t, time.Now(), next.Roster.Instances[0].LastSeen, 3*rolloutInterval)
			s = next
		}
		assert.InDelta(t, 1+2, ids, 1, "one for the new row, and one for each second")
	})
}

func TestReader_EndOfADirectiveChangesTheID(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, redis := startFakes(t)
		expiresAt := time.Now().Add(10*time.Second + 300*time.Millisecond)
		redis.publish(setOf(t, expiresAt, "x"))
		w := watch(t, h, "a")
		s, _ := arrival(t, w, nil)
		s, _ = arrival(t, w, s)
		assert.WithinRange(t, time.Now(), expiresAt, expiresAt.Add(10*time.Millisecond))
		assert.False(t, s.Roster.Now.Before(expiresAt))
		assert.Equal(t, 1, s.Revision.Set.Len())
		before := redis.count().rosters
		time.Sleep(10 * time.Second)
		assert.InDelta(t, 10, redis.count().rosters-before, 1)
	})
}

func TestReader_RevisionOfTheRoster(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, redis := startFakes(t)
		redis.publish(setOf(t, time.Now().Add(time.Hour), "x"))
		published := false
		redis.between = func() { // another revision is published while the first one is being read
			if !published {
				published = true
				redis.publish(setOf(t, time.Now().Add(time.Hour), "y"))
			}
		}
		s, err := h.State(t.Context(), "a")
		require.NoError(t, err)
		assert.EqualValues(t, 2, s.Revision.Version)
		assert.Equal(t, s.Roster.ID, s.Revision.ID)
	})
}

func TestReader_HistoryThatCannotBeRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, redis := startFakes(t)
		errDenied := errors.New("NOPERM")
		redis.publish(setOf(t, time.Now().Add(time.Hour), "x"))
		redis.change(func() { redis.historyErr = errDenied })
		w := watch(t, h, "a")
		s, _ := arrival(t, w, nil)
		assert.NoError(t, s.Err)
		assert.ErrorIs(t, s.HistoryErr, errDenied)
		assert.Len(t, s.History, 1)
		time.Sleep(time.Minute)
		assert.InDelta(t, 7, redis.count().histories, 1)
		redis.change(func() { redis.historyErr = nil })
		s, took := arrival(t, w, s)
		assert.NoError(t, s.HistoryErr)
		assert.LessOrEqual(t, took, historyRetry+steadyInterval)
	})
}

func TestReader_HistoryIsGuessedRight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, redis := startFakes(t)
		publish := func() {
			redis.publish(setOf(t, time.Now().Add(time.Hour), "x"))
			redis.change(func() { redis.history = redis.history[:min(len(redis.history), fleetdial.DefaultHistory)] })
		}
		redis.takes = 10 * time.Millisecond // so that there are two states
		w := watch(t, h, "a")
		s, _ := arrival(t, w, nil)
		for range fleetdial.DefaultHistory + 3 {
			publish()
			s, _ = arrival(t, w, s)
			time.Sleep(rolloutInterval / 2)
			last, err := h.State(t.Context(), "a")
			require.NoError(t, err)
			assert.Equal(t, s.ID, last.ID)
			assert.Len(t, last.History, len(redis.history))
		}
		publish()
		publish() // before the first of them is read
		s, _ = arrival(t, w, s)
		time.Sleep(rolloutInterval / 2)
		last, err := h.State(t.Context(), "a")
		require.NoError(t, err)
		assert.NotEqual(t, s.ID, last.ID)
		assert.Equal(t, s.Revision.Version-1, last.History[1].Revision.Version)
	})
}
