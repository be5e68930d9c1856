package live

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
)

func TestHub_CallersShareReadings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, redis := startFakes(t)
		redis.takes = 10 * time.Millisecond
		canceled, cancel := context.WithCancel(t.Context())
		results := make(chan *State, 50)
		go func() {
			_, err := h.State(canceled, "a")
			assert.ErrorIs(t, err, context.Canceled)
		}()
		synctest.Wait()
		for range cap(results) {
			go func() {
				s, err := h.State(t.Context(), "a")
				assert.NoError(t, err)
				results <- s
			}()
		}
		synctest.Wait()
		cancel() // the reading that this caller began goes on for the others
		first := <-results
		for range cap(results) - 1 {
			assert.Same(t, first, <-results)
		}
		assert.Equal(t, 1, redis.count().rosters)

		time.Sleep(fresh - 100*time.Millisecond)
		s, err := h.State(t.Context(), "a")
		require.NoError(t, err)
		assert.Same(t, first, s)
		time.Sleep(200 * time.Millisecond)
		s, err = h.State(t.Context(), "a")
		require.NoError(t, err)
		assert.NotSame(t, first, s)
		assert.Equal(t, first.ID, s.ID, "nothing changed besides the time")
		assert.Equal(t, 2, redis.count().rosters)
		assert.Equal(t, 1, redis.count().currents)
		assert.Equal(t, 1, redis.count().histories)
	})
}

func TestHub_FollowerLingers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, redis := startFakes(t)
		for range 3 { // from page to page
			w := watch(t, h, "a")
			_, err := w.Next(t.Context(), "")
			require.NoError(t, err)
			w.Close()
			w.Close()
			time.Sleep(linger - 2*time.Second)
		}
		assert.Equal(t, 1, redis.following())
		time.Sleep(4 * time.Second)
		assert.Equal(t, 0, redis.following())
		before := redis.count().rosters
		assert.InDelta(t, 3*(linger-2*time.Second).Seconds(), before, 5, "one reading a second")
		time.Sleep(time.Minute)
		assert.Equal(t, before, redis.count().rosters)
	})
}

func TestHub_FollowsNoMoreThanTheLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, redis := startFakes(t)
		var all []*Watcher
		for i := range maxFollowers + 2 {
			all = append(all, watch(t, h, fmt.Sprint(i)))
		}
		last := all[maxFollowers+1]
		before, err := last.Next(t.Context(), "")
		require.NoError(t, err)
		redis.publish(setOf(t, time.Now().Add(time.Hour), "x"))
		began := time.Now()
		s, err := last.Next(t.Context(), before.ID)
		require.NoError(t, err)
		assert.EqualValues(t, 1, s.Revision.Version)
		assert.LessOrEqual(t, time.Since(began), steadyInterval)
		assert.Equal(t, maxFollowers, redis.following())

		all[3].Close()
		for range 2 { // the fleet without a watcher gives its follower to one with a watcher
			redis.publish(setOf(t, time.Now().Add(time.Hour), "x"))
			s, err = last.Next(t.Context(), s.ID)
			require.NoError(t, err)
			time.Sleep(2 * time.Second)
		}
		assert.Equal(t, maxFollowers, redis.following())
		redis.change(func() {
			assert.Equal(t, 0, redis.followed["3"])
			assert.Equal(t, 1, redis.followed[last.fleet.name])
		})
	})
}

// TestWatcher_WithoutFollower watches a fleet often that is beyond the limit.
func TestWatcher_WithoutFollower(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, redis := startFakes(t)
		for i := range maxFollowers {
			watch(t, h, fmt.Sprint(i))
		}
		for range 50 {
			w := watch(t, h, "a")
			go func() {
				for id := ""; ; {
					s, err := w.Next(t.Context(), id)
					if err != nil {
						return
					}
					id = s.ID
				}
			}()
			time.Sleep(17 * time.Millisecond)
		}
		before := redis.readings("a")
		time.Sleep(time.Minute)
		assert.InDelta(t, 60, redis.readings("a")-before, 3)
		require.NoError(t, h.Close())
	})
}

func TestHub_RemembersALimitedNumberOfFleets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, redis := startFakes(t)
		w := watch(t, h, "watched")
		for i := range 3 * maxFleets {
			_, err := h.State(t.Context(), fmt.Sprint(i))
			require.NoError(t, err)
		}
		h.mu.Lock()
		assert.Len(t, h.fleets, maxFleets)
		assert.Contains(t, h.fleets, "watched")
		h.mu.Unlock()
		time.Sleep(forgetAfter + time.Second)
		_, err := h.State(t.Context(), "b")
		require.NoError(t, err)
		h.mu.Lock()
		assert.Len(t, h.fleets, 2)
		h.mu.Unlock()
		_, err = w.Next(t.Context(), "")
		require.NoError(t, err)
		assert.Equal(t, 1, redis.following())
	})
}

func TestHub_RedisAwayIsReadSeldom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, redis := startFakes(t)
		redis.publish(setOf(t, time.Now().Add(20*time.Second), "x"))
		w := watch(t, h, "a")
		before, err := w.Next(t.Context(), "")
		require.NoError(t, err)
		redis.change(func() { redis.err = errAway })
		s, err := w.Next(t.Context(), before.ID)
		require.NoError(t, err)
		require.ErrorIs(t, s.Err, fleetdial.ErrUnavailable)
		assert.Equal(t, before.Revision, s.Revision)
		assert.Equal(t, before.ReadAt, s.ReadAt)
		since := s.ErrSince

		// A directive ends also while Redis does not answer.
		ended, err := w.Next(t.Context(), s.ID)
		require.NoError(t, err)
		assert.WithinDuration(t, before.Roster.Now.Add(20*time.Second), time.Now(), longestRetry+time.Second)
		assert.False(t, ended.Now(time.Now()).Before(s.Revision.Set.Directives()[0].ExpiresAt))
		assert.Equal(t, since, ended.ErrSince)

		tries := redis.count().rosters
		time.Sleep(time.Minute)
		assert.Less(t, redis.count().rosters-tries, 150)
		assert.Greater(t, redis.count().rosters-tries, 40)
		redis.change(func() { redis.err = nil })
		began := time.Now()
		s, err = w.Next(t.Context(), ended.ID)
		require.NoError(t, err)
		assert.NoError(t, s.Err)
		assert.Zero(t, s.ErrSince)
		assert.Less(t, time.Since(began), 2*time.Second)
	})
}

func TestHub_HangingReadEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, redis := startFakes(t)
		redis.takes = time.Hour
		began := time.Now()
		_, err := h.State(t.Context(), "a")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, readLimit, time.Since(began))
	})
}

func TestWatcher_CloseEndsNext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, _ := startFakes(t)
		w := watch(t, h, "a")
		s, err := w.Next(t.Context(), "")
		require.NoError(t, err)
		time.AfterFunc(5*time.Second, w.Close)
		_, err = w.Next(t.Context(), s.ID)
		assert.ErrorIs(t, err, ErrClosed)

		w = watch(t, h, "a")
		time.AfterFunc(5*time.Second, func() { assert.NoError(t, h.Close()) })
		_, err = w.Next(t.Context(), s.ID)
		assert.ErrorIs(t, err, ErrClosed)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = w.Next(ctx, s.ID)
		assert.ErrorIs(t, err, ErrClosed)
	})
}

func TestWatcher_NextEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, _ := startFakes(t)
		w := watch(t, h, "a")
		s, err := w.Next(t.Context(), "")
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		_, err = w.Next(ctx, s.ID)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestState_IDsOfHubsDiffer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ids []string
		for range 2 {
			h, _ := startFakes(t)
			s, err := h.State(t.Context(), "a")
			require.NoError(t, err)
			ids = append(ids, s.ID)
		}
		assert.NotEqual(t, ids[0], ids[1])
		assert.True(t, strings.HasSuffix(ids[0], "-1"), ids[0])
	})
}
