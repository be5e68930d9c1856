package fleetdial

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/wire"
	"github.com/fleetdial/fleetdial/testutil"
)

func TestSubscriber_FollowsPublishes(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	p := newTestPublisher(t, client, PublisherConfig{PublishedBy: "ops"})
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

func TestSubscriber_LostAnnouncementCorrectedByResync(t *testing.T) {
	t.Parallel()
	f := newFleet(t, often)
	publish(t, f.pub, "a")
	eventually(t, f.sub, "a")
	require.Zero(t, f.sub.Status().Counters.Corrections)

	f.set(t, value(t, 2, setOf(t, "b")))
	eventually(t, f.sub, "b")
	testutil.Eventually(t, within, "the correction is counted and a new session is open", func() bool {
		c := f.sub.Status().Counters
		return c.Corrections == 1 && c.Reconnects == 1
	})
	f.state(t, StateLive)
	assert.Equal(t, 1, f.log.lines("announcement was lost; the resync found the revision"))

	publish(t, f.pub, "c")
	eventually(t, f.sub, "c")
	assert.EqualValues(t, 1, f.sub.Status().Counters.Corrections)
}

func TestSubscriber_AnyMessageAsksForFetch(t *testing.T) {
	t.Parallel()
	f := newFleet(t, nil)
	for i, message := range []string{
		"fetch", "", "{", `{"version":0,"id":""}`, `{"version":"x"}`, strings.Repeat("x", 1<<20),
	} {
		id := fmt.Sprint("d", i)
		f.set(t, value(t, int64(i+1), setOf(t, id)))
		f.client.Publish(t.Context(), testKey, message)
		eventually(t, f.sub, id)
	}
	c := f.sub.Status().Counters
	assert.Zero(t, c.Corrections)
	assert.Zero(t, c.Announcements)
}

func TestSubscriber_ForgedAnnouncementCostsFewFetches(t *testing.T) {
	t.Parallel()
	f := newFleet(t, nil)
	publish(t, f.pub, "a")
	eventually(t, f.sub, "a")
	before := f.sub.Status().Counters
	f.client.Publish(t.Context(), testKey, `{"version":99999999999999,"id":"00000000000000000000000000000000"}`)
	require.NoError(t, f.sub.Refresh(t.Context()))
	publish(t, f.pub, "b")
	eventually(t, f.sub, "b")
	testutil.Eventually(t, within, "both announcements are counted", func() bool {
		return f.sub.Status().Counters.Announcements-before.Announcements == 2
	})
	// The forged announcement causes one fetch and up to six that search for its revision. How many
	// come before the next publish depends on the machine.
	const forged, refreshed, published = 1 + 6, 1, 1
	assert.LessOrEqual(t, f.sub.Status().Counters.Fetches-before.Fetches, int64(forged+refreshed+published))
}

func TestSubscriber_RejectedValueKeepsSetAndIsLoggedOnce(t *testing.T) {
	t.Parallel()
	good := value(t, 1, setOf(t, "good"))
	for name, c := range map[string]struct {
		spoil  func(t *testing.T, f *fleet)
		reason RejectReason
	}{
		"malformed": {func(t *testing.T, f *fleet) { f.set(t, []byte("junk")) }, RejectMalformed},
		"truncated": {func(t *testing.T, f *fleet) {
			v := value(t, 2, setOf(t, "bad"))
			f.set(t, v[:len(v)-1])
		}, RejectMalformed},
		"invalid": {func(t *testing.T, f *fleet) {
			v := value(t, 2, setOf(t, "bad"))
			f.set(t, bytes.Replace(v, []byte("Shape"), []byte("shape"), 1))
		}, RejectInvalid},
		"too large": {func(t *testing.T, f *fleet) {
			const other = "huge"
			f.server.Fill(t, other, 200<<20)
			require.NoError(t, f.client.SetRange(t.Context(), other, 0, string(value(t, 2, setOf(t, "bad")))).Err())
			require.NoError(t, f.client.Rename(t.Context(), other, testKey).Err())
		}, RejectTooLarge},
		"wrong type": {func(t *testing.T, f *fleet) {
			f.client.Del(t.Context(), testKey)
			f.client.LPush(t.Context(), testKey, "x")
		}, RejectWrongType},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, often)
			f.set(t, good)
			eventually(t, f.sub, "good")
			c.spoil(t, f)
			f.state(t, StateRejected)
			for range 3 {
				assert.Error(t, f.sub.Refresh(t.Context()))
			}
			status := f.sub.Status()
			assert.Equal(t, []string{"good"}, idsOf(f.sub), "the last good set stays")
			assert.Equal(t, map[RejectReason]int64{c.reason: 1}, status.Counters.Rejections, "counted once")
			assert.Equal(t, 1, f.log.lines("revision rejected"), "logged once")
			require.NotNil(t, status.Rejected)
			assert.Equal(t, c.reason, status.Rejected.Reason)
			// The value was set without an announcement, so that a new session may begin in between.
			testutil.Eventually(t, within, "the error is the rejection", func() bool {
				return errors.Is(f.sub.Status().Err, status.Rejected.Err)
			})

			f.client.Del(t.Context(), testKey)
			publish(t, f.pub, "next")
			eventually(t, f.sub, "next")
			f.state(t, StateLive)
			assert.Nil(t, f.sub.Status().Rejected)
		})
	}
}

func TestSubscriber_NothingExtendsADirective(t *testing.T) {
	t.Parallel()
	f := newFleet(t, often, "--appendonly", "yes", "--appendfsync", "always")
	now, err := f.pub.Now(t.Context())
	require.NoError(t, err)
	const life = 1500 * time.Millisecond
	set, err := NewSet([]Directive{{ID: "short", Level: Shape, SamplePerMille: 1000, ExpiresAt: now.Add(life)}})
	require.NoError(t, err)
	_, err = f.pub.Publish(t.Context(), set, PublishOptions{})
	require.NoError(t, err)
	eventually(t, f.sub, "short")
	began := time.Now()
	// Reconnects, a restart, resyncs and an outage, all within its life.
	f.client.Do(t.Context(), "CLIENT", "KILL", "TYPE", "pubsub")
	f.server.Kill()
	restart(t, f.server)
	another := subscribe(t, f.client, testConfig())
	for _, s := range []*Subscriber{f.sub, another} {
		testutil.Eventually(t, within, "the directive ends", func() bool { return s.Decide(Request{}).Level == Off })
	}
	f.server.Kill()
	lived := time.Since(began)
	assert.Less(t, lived, life+time.Second)
	ends := f.sub.Load().Directives()[0].ExpiresAt
	assert.False(t, time.Now().Before(ends), "never early by more than a round trip")
}

func TestSubscriber_VersionThatGoesBackIsAppliedCountedAndLogged(t *testing.T) {
	t.Parallel()
	f := newFleet(t, often)
	f.set(t, value(t, 9, setOf(t, "nine")))
	eventually(t, f.sub, "nine")
	f.set(t, value(t, 4, setOf(t, "four")))
	eventually(t, f.sub, "four")
	testutil.Eventually(t, within, "it is counted", func() bool { return f.sub.Status().Counters.Regressions == 1 })
	// The status shows a revision before the log does.
	testutil.Eventually(t, within, "it is logged", func() bool { return f.log.lines("version goes back") == 1 })
	rev, err := f.pub.Publish(t.Context(), setOf(t, "five"), PublishOptions{})
	require.NoError(t, err)
	assert.EqualValues(t, 5, rev.Version)
	eventually(t, f.sub, "five")
}

func TestSubscriber_MissingKeyKeepsSet(t *testing.T) {
	t.Parallel()
	f := newFleet(t, often)
	publish(t, f.pub, "a")
	eventually(t, f.sub, "a")
	f.client.Del(t.Context(), testKey)
	f.state(t, StateMissing)
	require.NoError(t, f.sub.Refresh(t.Context()))
	assert.Equal(t, []string{"a"}, idsOf(f.sub))
	assert.ErrorIs(t, f.sub.Status().Err, ErrNoRevision)

	f.client.Set(t.Context(), testKey, "", 0) // the empty value clears the fleet
	eventually(t, f.sub)
	f.state(t, StateEmpty)
	assert.NoError(t, f.sub.Status().Err)
}

func TestSubscriber_EmptyServerKeepsSet(t *testing.T) {
	t.Parallel()
	f := newFleet(t, often)
	publish(t, f.pub, "a")
	eventually(t, f.sub, "a")
	f.server.Kill()
	f.state(t, StateStale)
	assert.Equal(t, []string{"a"}, idsOf(f.sub))
	f.server.RestartEmpty()
	f.state(t, StateMissing)
	assert.Equal(t, []string{"a"}, idsOf(f.sub))
	publish(t, f.pub, "b")
	eventually(t, f.sub, "b")
	f.state(t, StateLive)
}

func TestSubscriber_ReaderSeesWholeSetsInOrder(t *testing.T) {
	t.Parallel()
	const publishes = 10_000
	f := newFleet(t, func(cfg *SubscriberConfig) { cfg.Logger = quiet })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() {
		var seen *Set
		for last := -1; last < publishes-1 && ctx.Err() == nil; {
			set := f.sub.Load()
			if set == seen {
				runtime.Gosched()
				continue
			}
			seen = set
			n := wholeSet(t, set)
			if n < last {
				t.Errorf("set %d after set %d", n, last)
			}
			last = n
		}
	})
	for i := range publishes {
		a, b := fmt.Sprintf("a%d", i), fmt.Sprintf("b%d", i)
		publish(t, f.pub, a, b)
	}
	eventually(t, f.sub, fmt.Sprintf("a%d", publishes-1), fmt.Sprintf("b%d", publishes-1))
	wg.Wait()
	c := f.sub.Status().Counters
	assert.EqualValues(t, publishes, c.Announcements)
	assert.Zero(t, c.Corrections)
	assert.LessOrEqual(t, c.Applies, int64(publishes))
}

// wholeSet returns the number of a set, which has to consist of a directive a and a directive
// b with that number.
func wholeSet(t *testing.T, set *Set) int {
	all := set.Directives()
	if len(all) == 0 {
		return -1
	}
	var a, b int
	_, errA := fmt.Sscanf(all[0].ID, "a%d", &a)
	_, errB := fmt.Sscanf(all[len(all)-1].ID, "b%d", &b)
	if len(all) != 2 || errA != nil || errB != nil || a != b {
		t.Errorf("torn set: %v", all)
	}
	return a
}

func TestSubscriber_IsAStore(t *testing.T) {
	server := testutil.StartRedis(t)
	client := server.Client(t)
	p := newTestPublisher(t, client, PublisherConfig{MaxTTL: math.MaxInt64})
	testutil.RunStoreTests(t, testutil.StoreHarness{
		Open: func(t testing.TB, initial *Set) Store {
			_, err := p.Publish(context.Background(), initial, PublishOptions{})
			require.NoError(t, err)
			return subscribe(t, client, testConfig())
		},
		Publish: func(t testing.TB, s Store, set *Set) {
			rev, err := p.Publish(context.Background(), set, PublishOptions{})
			require.NoError(t, err)
			testutil.Eventually(t, within, "the subscriber has it", func() bool {
				return s.(*Subscriber).Status().Revision.ID == rev.ID
			})
		},
		Reopen: func(t testing.TB, s Store) Store { // what Redis holds
			require.NoError(t, s.(*Subscriber).Close())
			return subscribe(t, client, testConfig())
		},
	})
}

// TestSubscriber_SnapshotIsAStore opens subscribers again on their snapshot files, without
// Redis.
func TestSubscriber_SnapshotIsAStore(t *testing.T) {
	server := testutil.StartRedis(t)
	client := server.Client(t)
	p := newTestPublisher(t, client, PublisherConfig{MaxTTL: math.MaxInt64})
	withFile := func(file string) SubscriberConfig {
		cfg := testConfig()
		cfg.Startup, cfg.SnapshotFile = UseSnapshot, file
		return cfg
	}
	testutil.RunStoreTests(t, testutil.StoreHarness{
		Open: func(t testing.TB, initial *Set) Store {
			_, err := p.Publish(context.Background(), initial, PublishOptions{})
			require.NoError(t, err)
			return subscribe(t, client, withFile(filepath.Join(t.TempDir(), "set")))
		},
		Reopen: func(t testing.TB, s Store) Store {
			require.NoError(t, s.(*Subscriber).Close())
			s = subscribe(t, impatient(t, "127.0.0.1:1"), withFile(s.(*Subscriber).cfg.SnapshotFile))
			require.Equal(t, SourceSnapshot, s.(*Subscriber).Status().Source)
			return s
		},
	})
}

// TestSubscriber_ConfigLimits checks that Subscribe names the field that is wrong.
func TestSubscriber_ConfigLimits(t *testing.T) {
	t.Parallel()
	client := impatient(t, "127.0.0.1:1")
	for want, change := range map[string]func(*SubscriberConfig){
		"MaxBytes must be 128 to 4194304":            func(cfg *SubscriberConfig) { cfg.MaxBytes = wire.MaxValueBytes + 1 },
		"ResyncInterval: must be at least 10ms":      func(cfg *SubscriberConfig) { cfg.ResyncInterval = -1 },
		"SubscriptionTimeout: must be at least 10ms": func(cfg *SubscriberConfig) { cfg.SubscriptionTimeout = time.Millisecond },
		"SubscriptionAge: must be at least 10ms":     func(cfg *SubscriberConfig) { cfg.SubscriptionAge = time.Millisecond },
		"ReportInterval: must be at least 10ms":      func(cfg *SubscriberConfig) { cfg.ReportInterval = time.Millisecond },
		"there is no startup 3":                      func(cfg *SubscriberConfig) { cfg.Startup = UseSnapshot + 1 },
	} {
		cfg := testConfig()
		change(&cfg)
		_, err := Subscribe(t.Context(), client, cfg)
		assert.ErrorContains(t, err, want)
	}
}
