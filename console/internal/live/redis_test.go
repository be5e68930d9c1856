package live

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/testutil"
)

// TestWatcher_PublishReachesAll publishes to three fleets, because for a while after a publish the
// Hub reads a fleet so often that the announcement would not be needed. The median is measured,
// because the machine may be busy.
func TestWatcher_PublishReachesAll(t *testing.T) {
	t.Parallel()
	client := testutil.StartRedis(t).Client(t)
	h := startHub(t, client)
	var slowest []time.Duration
	for _, fleet := range []string{"a", "b", "c"} {
		first := publish(t, client, fleet, "x")
		watchers := make([]*Watcher, 50)
		for i := range watchers {
			watchers[i] = watch(t, h, fleet)
			nextWith(t, watchers[i], func(s *State) bool { return s.Revision.ID == first.ID })
		}
		time.Sleep(rolloutTime + 2*rolloutInterval) // readings are rare again
		arrivals := make([]time.Time, len(watchers))
		var all sync.WaitGroup
		for i, w := range watchers {
			all.Go(func() {
				s := nextWith(t, w, func(s *State) bool { return s.Revision.Version == 2 })
				arrivals[i] = time.Now()
				assert.Equal(t, "y", s.Revision.Set.Directives()[0].ID)
				assert.Equal(t, s.Roster.ID, s.Revision.ID)
				assert.Equal(t, s.Revision.ID, s.History[0].Revision.ID)
			})
		}
		published := time.Now()
		publish(t, client, fleet, "y")
		all.Wait()
		slowest = append(slowest, slices.MaxFunc(arrivals, time.Time.Compare).Sub(published))
	}
	t.Logf("the last of 50 watchers had the revision after %v", slowest)
	slices.Sort(slowest)
	assert.Less(t, slowest[1], 300*time.Millisecond)
}

func TestHub_FiftyWatchersCostNoMoreThanOne(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	h := startHub(t, client)
	publish(t, client, "a", "x")
	const span = 3 * time.Second
	watched := func() int {
		before := commandCalls(t, server)
		time.Sleep(span)
		return commandCalls(t, server) - before
	}
	var pages sync.WaitGroup
	open := func() {
		w := watch(t, h, "a")
		pages.Go(func() {
			for id := ""; ; {
				s, err := w.Next(context.Background(), id)
				if err != nil {
					return
				}
				id = s.ID
				_, err = h.State(context.Background(), "a") // as the page does, which the browser fetches
				assert.NoError(t, err)
			}
		})
	}
	open()
	time.Sleep(rolloutTime + time.Second)
	one := watched()
	for range 49 {
		open()
	}
	fifty := watched()
	t.Logf("commands in %v: %d for one watcher, %d for 50", span, one, fifty)
	assert.Positive(t, one)
	assert.LessOrEqual(t, fifty, one+one/2+5)
	require.NoError(t, h.Close())
	pages.Wait()
}

func TestHub_KeepsStateWhileRedisIsAway(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	client := server.Client(t)
	h := startHub(t, client)
	rev := publish(t, client, "a", "x")
	w := watch(t, h, "a")
	before := nextWith(t, w, func(s *State) bool { return s.Revision.ID == rev.ID })
	require.NoError(t, before.Err)
	for _, fault := range []struct {
		name        string
		begin, ends func()
	}{{"killed", server.Kill, server.Restart}, {"hanging", server.Stop, server.Continue}} {
		began := time.Now()
		fault.begin()
		s := nextWith(t, w, func(s *State) bool { return s.Err != nil })
		noticed := time.Since(began)
		assert.ErrorIs(t, s.Err, fleetdial.ErrUnavailable)
		assert.False(t, s.ErrSince.Before(began))
		assert.Equal(t, rev.ID, s.Revision.ID)
		assert.Len(t, s.History, 1)
		assert.True(t, s.ReadAt.Before(s.ErrSince))
		shown, err := h.State(t.Context(), "a")
		require.NoError(t, err)
		assert.Error(t, shown.Err)

		fault.ends()
		began = time.Now()
		s = nextWith(t, w, func(s *State) bool { return s.Err == nil })
		t.Logf("%s: noticed after %v, gone after %v", fault.name, noticed, time.Since(began))
		assert.Less(t, noticed, 6*time.Second)
		assert.Less(t, time.Since(began), 6*time.Second)
		assert.Equal(t, rev.ID, s.Revision.ID)
		assert.Zero(t, s.ErrSince)
	}
}

func TestHub_StateWithoutRedis(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	h := startHub(t, server.Client(t))
	server.Kill()
	_, err := h.State(t.Context(), "a")
	require.ErrorIs(t, err, fleetdial.ErrUnavailable)
	w := watch(t, h, "a")
	_, err = h.State(t.Context(), "a")
	require.ErrorIs(t, err, fleetdial.ErrUnavailable)
	server.RestartEmpty()
	s := nextWith(t, w, func(*State) bool { return true })
	assert.NoError(t, s.Err)
	assert.ErrorIs(t, s.RevisionErr, fleetdial.ErrNoRevision)
}

func TestHub_FollowerIsNotInTheRoster(t *testing.T) {
	t.Parallel()
	client := testutil.StartRedis(t).Client(t)
	h := startHub(t, client)
	w := watch(t, h, "a")
	nextWith(t, w, func(*State) bool { return true })
	rev := publish(t, client, "a", "x")
	s := nextWith(t, w, func(s *State) bool { return s.Revision.ID == rev.ID })
	assert.Empty(t, s.Roster.Instances)
	exists, err := client.Exists(t.Context(), "fleetdial:{a}:fleet").Result()
	require.NoError(t, err)
	assert.Zero(t, exists)
}

// TestHub_StateAfterRefresh publishes as the form of a page does: the next page has to show it.
func TestHub_StateAfterRefresh(t *testing.T) {
	t.Parallel()
	client := testutil.StartRedis(t).Client(t)
	h := startHub(t, client)
	for i := range 20 {
		if i == 10 {
			watch(t, h, "a")
		}
		rev := publish(t, client, "a", "x")
		h.Refresh("a")
		s, err := h.State(t.Context(), "a")
		require.NoError(t, err)
		assert.Equal(t, rev.ID, s.Revision.ID)
		assert.Equal(t, rev.ID, s.History[0].Revision.ID)
		assert.Len(t, s.History, min(i+1, fleetdial.DefaultHistory))
	}
}

func TestHub_InvalidFleet(t *testing.T) {
	t.Parallel()
	client := testutil.StartRedis(t).Client(t)
	h := startHub(t, client)
	_, want := fleetdial.NewPublisher(client, fleetdial.PublisherConfig{Fleet: "a b"})
	require.Error(t, want)
	_, err := h.State(t.Context(), "a b")
	assert.EqualError(t, err, want.Error())
	_, err = h.Watch(t.Context(), "a b")
	assert.EqualError(t, err, want.Error())
	h.Refresh("a b")
}

func TestHub_HangingRedisDoesNotHoldUpClose(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	h := startHub(t, server.Client(t))
	w := watch(t, h, "a")
	nextWith(t, w, func(*State) bool { return true })
	server.Stop()
	nextWith(t, w, func(s *State) bool { return s.Err != nil })
	began := time.Now()
	require.NoError(t, h.Close())
	require.NoError(t, h.Close())
	assert.Less(t, time.Since(began), 3*time.Second)
	_, err := w.Next(t.Context(), "")
	assert.ErrorIs(t, err, ErrClosed)
	_, err = h.State(t.Context(), "a")
	assert.ErrorIs(t, err, ErrClosed)
	_, err = h.Watch(t.Context(), "a")
	assert.ErrorIs(t, err, ErrClosed)
	server.Continue()
}
