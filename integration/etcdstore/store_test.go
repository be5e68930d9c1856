package etcdstore

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/fleethttp"
	"github.com/fleetdial/fleetdial/testutil"
)

const key = "fleetdial/prod"

// setOf returns a set with one directive for each id, which matches every request.
func setOf(t testing.TB, ttl time.Duration, ids ...string) *fleetdial.Set {
	t.Helper()
	var all []fleetdial.Directive
	for _, id := range ids {
		all = append(all, fleetdial.Directive{ID: id, Level: fleetdial.Shape, SamplePerMille: 1000, ExpiresAt: time.Now().Add(ttl)})
	}
	set, err := fleetdial.NewSet(all)
	require.NoError(t, err)
	return set
}

func open(t testing.TB, client *clientv3.Client, cfg Config) *Store {
	t.Helper()
	s, err := Open(t.Context(), client, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

func publish(t testing.TB, client *clientv3.Client, key string, set *fleetdial.Set) fleetdial.Revision {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	rev, err := Publish(ctx, client, key, set, "")
	require.NoError(t, err)
	return rev
}

// eventually waits until the store decides on a request by the directive.
func eventually(t testing.TB, s *Store, directive string) {
	t.Helper()
	testutil.Eventually(t, within, "directive "+directive+" decides", func() bool {
		return fleetdial.Decide(s, fleetdial.Request{ID: "r"}).By == directive
	})
}

func (s *Store) is(state fleetdial.State) func() bool {
	return func() bool { return s.Status().State == state }
}

func TestStore_Suite(t *testing.T) {
	server := startEtcd(t)
	client := server.connect(t)
	clock := DateOf(http.DefaultClient, "http://"+server.client+"/version")
	var keys atomic.Int64
	testutil.RunStoreTests(t, testutil.StoreHarness{
		Open: func(t testing.TB, initial *fleetdial.Set) fleetdial.Store {
			key := fmt.Sprintf("fleet-%d", keys.Add(1))
			publish(t, client, key, initial)
			return open(t, client, Config{Key: key, Time: clock})
		},
		Publish: func(t testing.TB, s fleetdial.Store, set *fleetdial.Set) {
			rev := publish(t, client, s.(*Store).cfg.Key, set)
			testutil.Eventually(t, within, "the store has the revision", func() bool {
				return s.(*Store).Status().Revision.ID == rev.ID
			})
		},
		Reopen: func(t testing.TB, s fleetdial.Store) fleetdial.Store {
			require.NoError(t, s.(*Store).Close())
			return open(t, client, s.(*Store).cfg)
		},
	})
}

// TestStore_OutageKeepsSet kills etcd, and starts it again on its data.
func TestStore_OutageKeepsSet(t *testing.T) {
	t.Parallel()
	server := startEtcd(t)
	client := server.connect(t)
	publish(t, client, key, setOf(t, time.Hour, "a"))
	s := open(t, client, Config{Key: key, Resync: 200 * time.Millisecond})
	server.kill()
	testutil.Eventually(t, within, "the outage is noticed", s.is(fleetdial.StateStale))
	status := s.Status()
	assert.Error(t, status.Err)
	assert.EqualValues(t, 1, status.Revision.Version)
	assert.Equal(t, "a", fleetdial.Decide(s, fleetdial.Request{ID: "r"}).By)
	server.restart()
	testutil.Eventually(t, within, "the store has recovered", s.is(fleetdial.StateLive))
	publish(t, client, key, setOf(t, time.Hour, "b"))
	eventually(t, s, "b")
	assert.Positive(t, s.Status().Counters.Reconnects)
}

func TestStore_States(t *testing.T) {
	t.Parallel()
	server := startEtcd(t)
	client := server.connect(t)
	s := open(t, client, Config{Key: key, Resync: time.Hour})
	assert.Equal(t, fleetdial.StateMissing, s.Status().State)
	assert.Equal(t, fleetdial.SourceStart, s.Status().Source)
	publish(t, client, key, setOf(t, time.Hour, "a"))
	eventually(t, s, "a")
	testutil.Eventually(t, within, "live", s.is(fleetdial.StateLive))
	for _, c := range []struct {
		value  string
		state  fleetdial.State
		reason fleetdial.RejectReason
	}{
		{"garbage", fleetdial.StateRejected, fleetdial.RejectMalformed},
		{"\x81\xa6format\x09", fleetdial.StateRejected, fleetdial.RejectInvalid},
	} {
		_, err := client.Put(t.Context(), key, c.value)
		require.NoError(t, err)
		testutil.Eventually(t, within, "the value is rejected", func() bool {
			rejected := s.Status().Rejected
			return rejected != nil && rejected.Reason == c.reason
		})
		assert.Equal(t, c.state, s.Status().State)
		assert.Equal(t, "a", fleetdial.Decide(s, fleetdial.Request{ID: "r"}).By)
	}
	_, err := client.Delete(t.Context(), key)
	require.NoError(t, err)
	testutil.Eventually(t, within, "missing", s.is(fleetdial.StateMissing))
	assert.Equal(t, "a", fleetdial.Decide(s, fleetdial.Request{ID: "r"}).By)
	_, err = client.Put(t.Context(), key, "")
	require.NoError(t, err)
	testutil.Eventually(t, within, "empty", s.is(fleetdial.StateEmpty))
	assert.Zero(t, s.Load().Len())

	w := httptest.NewRecorder()
	fleethttp.Healthz(s).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/healthz", http.NoBody))
	assert.Contains(t, w.Body.String(), `"state":"empty"`)
}

// TestStore_ResyncKeepsSet waits for resyncs that find nothing new.
func TestStore_ResyncKeepsSet(t *testing.T) {
	t.Parallel()
	server := startEtcd(t)
	client := server.connect(t)
	publish(t, client, key, setOf(t, time.Hour, "a"))
	s := open(t, client, Config{Key: key, Resync: 200 * time.Millisecond})
	before, fetches := s.Load(), s.Status().Counters.Fetches
	testutil.Eventually(t, within, "two resyncs", func() bool { return s.Status().Counters.Fetches > fetches+1 })
	assert.Same(t, before, s.Load())
	assert.EqualValues(t, 1, s.Status().Counters.Applies)
}

// TestStore_SilentNetwork publishes while the connection of the store is open and carries
// nothing.
func TestStore_SilentNetwork(t *testing.T) {
	t.Parallel()
	server := startEtcd(t)
	link := testutil.StartLink(t, server.client)
	publisher := server.connect(t)
	publish(t, publisher, key, setOf(t, time.Hour, "a"))
	s := open(t, connectTo(t, link.Addr()), Config{Key: key, Resync: 200 * time.Millisecond})
	link.Swallow(testutil.ToClient)
	publish(t, publisher, key, setOf(t, time.Hour, "b"))
	testutil.Eventually(t, within, "the silence is noticed", s.is(fleetdial.StateStale))
	assert.Equal(t, "a", fleetdial.Decide(s, fleetdial.Request{ID: "r"}).By)
	link.Heal()
	eventually(t, s, "b")
}

// TestStore_ExpiryFollowsClock opens a store by a clock that is an hour ahead of this
// machine's, and then sets that clock back by two hours.
func TestStore_ExpiryFollowsClock(t *testing.T) {
	t.Parallel()
	server := startEtcd(t)
	client := server.connect(t)
	publish(t, client, key, setOf(t, 2*time.Hour, "a"))
	var ahead atomic.Int64
	ahead.Store(int64(time.Hour))
	var readings atomic.Int64
	s := open(t, client, Config{Key: key, Resync: 200 * time.Millisecond, Time: func(context.Context) (time.Time, error) {
		readings.Add(1)
		return time.Now().Add(time.Duration(ahead.Load())), nil
	}})
	level := func(after time.Duration) fleetdial.Level {
		return s.Load().Evaluate(fleetdial.Request{ID: "r"}, time.Now().Add(after)).Level
	}
	assert.Equal(t, fleetdial.Shape, level(59*time.Minute))
	assert.Equal(t, fleetdial.Off, level(61*time.Minute))
	ahead.Store(int64(-time.Hour))
	seen := readings.Load()
	testutil.Eventually(t, within, "the clock is read again", func() bool { return readings.Load() > seen+4 })
	assert.Equal(t, fleetdial.Off, level(61*time.Minute), "a clock that went back extends nothing")
	ahead.Store(int64(2 * time.Hour))
	testutil.Eventually(t, within, "the directive has expired", func() bool { return level(0) == fleetdial.Off })
}

func TestDateOf_NeverLate(t *testing.T) {
	t.Parallel()
	server := startEtcd(t)
	read := DateOf(http.DefaultClient, "http://"+server.client+"/version")
	for range 20 {
		before := time.Now()
		shown, err := read(t.Context())
		require.NoError(t, err)
		assert.True(t, shown.After(before.Add(-time.Millisecond)), "%v was shown after %v", shown, before)
		assert.True(t, shown.Before(time.Now().Add(time.Second+time.Millisecond)))
	}
	_, err := DateOf(http.DefaultClient, "http://"+freeAddress(t))(t.Context())
	assert.Error(t, err)
}

func TestPublish_Conflict(t *testing.T) {
	t.Parallel()
	client := startEtcd(t).connect(t)
	var wins, conflicts atomic.Int64
	done := make(chan struct{})
	for range 8 {
		go func() {
			defer func() { done <- struct{}{} }()
			_, err := Publish(context.Background(), client, key, nil, "")
			if err == nil {
				wins.Add(1)
			} else if assert.ErrorIs(t, err, ErrConflict) {
				conflicts.Add(1)
			}
		}()
	}
	for range 8 {
		<-done
	}
	got, err := client.Get(t.Context(), key)
	require.NoError(t, err)
	rev, err := fleetdial.DecodeRevision(got.Kvs[0].Value)
	require.NoError(t, err)
	assert.Equal(t, wins.Load(), rev.Version, "each version is published once")
	assert.EqualValues(t, 8, wins.Load()+conflicts.Load())
}

func TestOpen_Unavailable(t *testing.T) {
	t.Parallel()
	server := startEtcd(t)
	client := server.connect(t)
	server.kill()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := Open(ctx, client, Config{Key: key})
	require.ErrorContains(t, err, "etcdstore: open:")
}

// TestStore_CloseDuringOutage closes a store while etcd does not answer.
func TestStore_CloseDuringOutage(t *testing.T) {
	t.Parallel()
	server := startEtcd(t)
	client := server.connect(t)
	publish(t, client, key, setOf(t, time.Hour, "a"))
	s := open(t, client, Config{Key: key, Resync: 100 * time.Millisecond})
	server.kill()
	testutil.Eventually(t, within, "the outage is noticed", s.is(fleetdial.StateStale))
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	select {
	case <-s.done:
	default:
		t.Fatal("the goroutine of the store runs after Close")
	}
	assert.Equal(t, "a", fleetdial.Decide(s, fleetdial.Request{ID: "r"}).By)
}
