package redisstore

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/store"
	"github.com/fleetdial/fleetdial/internal/wire"
	"github.com/fleetdial/fleetdial/testutil"
)

// fleet is a server with a publisher and a subscriber.
type fleet struct {
	server *testutil.Redis
	client *redis.Client
	pub    *Publisher
	sub    *Subscriber
	log    *logBuffer
}

func newFleet(t testing.TB, change func(*SubscriberConfig), args ...string) *fleet {
	t.Helper()
	f := &fleet{server: testutil.StartRedis(t, args...), log: &logBuffer{}}
	f.client = f.server.Client(t)
	f.pub = newPublisher(t, f.client, PublisherConfig{})
	cfg := testConfig()
	cfg.Logger = slog.New(slog.NewTextHandler(f.log, nil))
	if change != nil {
		change(&cfg)
	}
	f.sub = subscribe(t, f.client, cfg)
	return f
}

// logBuffer keeps log lines.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// lines returns how many lines contain text.
func (l *logBuffer) lines(text string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.buf.String()) {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

func (f *fleet) state(t testing.TB, want State) {
	t.Helper()
	testutil.Eventually(t, within, "state "+string(want), func() bool { return f.sub.Status().State == want })
}

// value returns a value for the key as bare redis-cli would write it.
func value(t testing.TB, version int64, set *directive.Set) []byte {
	t.Helper()
	v, err := wire.Encode(wire.Revision{Version: version, ID: wire.NewID(), PublishedAt: time.Now(), Set: set})
	require.NoError(t, err)
	return v
}

func (f *fleet) set(t testing.TB, v []byte) {
	t.Helper()
	require.NoError(t, f.client.Set(context.Background(), testKey, v, 0).Err())
}

func often(cfg *SubscriberConfig) { cfg.ResyncInterval = 50 * time.Millisecond }

func TestP2ALostAnnouncementIsCorrectedByTheResync(t *testing.T) {
	t.Parallel()
	f := newFleet(t, often)
	publish(t, f.pub, "a")
	eventually(t, f.sub, "a")
	require.Zero(t, f.sub.Status().Counters.Corrections)

	f.set(t, value(t, 2, setOf(t, "b")))
	eventually(t, f.sub, "b")
	testutil.Eventually(t, within, "the correction is counted, and another session begun", func() bool {
		c := f.sub.Status().Counters
		return c.Corrections == 1 && c.Reconnects == 1
	})
	f.state(t, StateLive)
	assert.Equal(t, 1, f.log.lines("announcement went missing; the resync"))

	publish(t, f.pub, "c")
	eventually(t, f.sub, "c")
	assert.EqualValues(t, 1, f.sub.Status().Counters.Corrections)
}

func TestP2AnyMessageIsARequestToLook(t *testing.T) {
	t.Parallel()
	f := newFleet(t, nil)
	for i, message := range []string{
		"look", "", "{", `{"version":0,"id":""}`, `{"version":"x"}`, strings.Repeat("x", 1<<20),
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

func TestP2AnAnnouncementThatLiesCostsFewLooks(t *testing.T) {
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
	assert.LessOrEqual(t, f.sub.Status().Counters.Fetches-before.Fetches, int64(3))
}

func TestP3WhatIsRefusedIsKeptOutAndToldOnce(t *testing.T) {
	t.Parallel()
	good := value(t, 1, setOf(t, "good"))
	for name, c := range map[string]struct {
		spoil  func(t *testing.T, f *fleet)
		reason RejectReason
	}{
		"malformed": {func(t *testing.T, f *fleet) { f.set(t, []byte("junk")) }, RejectMalformed},
		"cut": {func(t *testing.T, f *fleet) {
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
			assert.Equal(t, map[RejectReason]int64{c.reason: 1}, status.Counters.Rejections, "told once")
			assert.Equal(t, 1, f.log.lines("revision refused"))
			require.NotNil(t, status.Rejected)
			assert.Equal(t, c.reason, status.Rejected.Reason)
			assert.ErrorIs(t, status.Err, status.Rejected.Err)

			f.client.Del(t.Context(), testKey)
			publish(t, f.pub, "next")
			eventually(t, f.sub, "next")
			f.state(t, StateLive)
			assert.Nil(t, f.sub.Status().Rejected)
		})
	}
}

func TestP4NothingProlongsADirective(t *testing.T) {
	t.Parallel()
	f := newFleet(t, often, "--appendonly", "yes", "--appendfsync", "always")
	now, err := f.pub.Now(t.Context())
	require.NoError(t, err)
	const life = 1500 * time.Millisecond
	set, err := directive.NewSet([]directive.Directive{
		{ID: "short", Level: directive.Shape, SamplePerMille: 1000, ExpiresAt: now.Add(life)},
	})
	require.NoError(t, err)
	_, err = f.pub.Publish(t.Context(), set, PublishOptions{})
	require.NoError(t, err)
	eventually(t, f.sub, "short")
	began := time.Now()
	// Reconnects, a restart, resyncs and an outage, all within its life.
	f.client.Do(t.Context(), "CLIENT", "KILL", "TYPE", "pubsub")
	f.server.Kill()
	f.server.Restart()
	another := subscribe(t, f.client, testConfig())
	for _, s := range []*Subscriber{f.sub, another} {
		testutil.Eventually(t, within, "the directive ends", func() bool {
			return s.Decide(directive.Request{}).Level == directive.Off
		})
	}
	f.server.Kill()
	lived := time.Since(began)
	assert.Less(t, lived, life+time.Second)
	ends := f.sub.Load().Directives()[0].ExpiresAt
	assert.False(t, time.Now().Before(ends), "never early by more than a round trip")
}

func TestP6AVersionThatGoesBackIsAppliedCountedAndTold(t *testing.T) {
	t.Parallel()
	f := newFleet(t, often)
	f.set(t, value(t, 9, setOf(t, "nine")))
	eventually(t, f.sub, "nine")
	f.set(t, value(t, 4, setOf(t, "four")))
	eventually(t, f.sub, "four")
	testutil.Eventually(t, within, "it is counted", func() bool { return f.sub.Status().Counters.Regressions == 1 })
	// What is logged is so after it shows in the status.
	testutil.Eventually(t, within, "it is told", func() bool { return f.log.lines("version goes back") == 1 })
	rev, err := f.pub.Publish(t.Context(), setOf(t, "five"), PublishOptions{})
	require.NoError(t, err)
	assert.EqualValues(t, 5, rev.Version)
	eventually(t, f.sub, "five")
}

func TestP7AbsenceIsNotAnOrder(t *testing.T) {
	t.Parallel()
	f := newFleet(t, often)
	publish(t, f.pub, "a")
	eventually(t, f.sub, "a")
	f.client.Del(t.Context(), testKey)
	f.state(t, StateMissing)
	require.NoError(t, f.sub.Refresh(t.Context()))
	assert.Equal(t, []string{"a"}, idsOf(f.sub))
	assert.ErrorIs(t, f.sub.Status().Err, ErrNoRevision)

	f.client.Set(t.Context(), testKey, "", 0) // the panic button
	eventually(t, f.sub)
	f.state(t, StateEmpty)
	assert.NoError(t, f.sub.Status().Err)
}

func TestP7AServerThatComesBackEmpty(t *testing.T) {
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

func TestP1AReaderSeesOnlyWholeSetsInOrder(t *testing.T) {
	t.Parallel()
	const publishes = 10_000
	f := newFleet(t, func(cfg *SubscriberConfig) { cfg.Logger = quiet })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() {
		var seen *directive.Set
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

// wholeSet returns the number of a set, which has to consist of a directive a and a directive b with that number.
func wholeSet(t *testing.T, set *directive.Set) int {
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

func TestSubscriberIsAStore(t *testing.T) {
	server := testutil.StartRedis(t)
	client := server.Client(t)
	p := newPublisher(t, client, PublisherConfig{})
	testutil.RunStoreTests(t, testutil.StoreHarness{
		Open: func(t testing.TB, initial *directive.Set) store.Store {
			_, err := p.Publish(context.Background(), initial, PublishOptions{})
			require.NoError(t, err)
			return subscribe(t, client, testConfig())
		},
		Publish: func(t testing.TB, s store.Store, set *directive.Set) {
			rev, err := p.Publish(context.Background(), set, PublishOptions{})
			require.NoError(t, err)
			testutil.Eventually(t, within, "the subscriber has it", func() bool {
				return s.(*Subscriber).Status().Revision.ID == rev.ID
			})
		},
	})
}

// TestP9RefusalsDoNotFloodTheLog is about whoever can write the key, and not sign: each value may be another.
func TestP9RefusalsDoNotFloodTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, public := newKey(t)
		log := &logBuffer{}
		src := &fakeSource{value: []byte("junk")}
		s := startFake(t, src, SubscriberConfig{
			ResyncInterval: time.Hour, VerifyKeys: []ed25519.PublicKey{public}, Logger: slog.New(slog.NewTextHandler(log, nil)),
		})
		const minutes = 5
		for i := range minutes * 600 {
			src.change(func() { src.value = fmt.Append(nil, "junk ", i) })
			s.message("look")
			time.Sleep(100 * time.Millisecond)
		}
		synctest.Wait()
		refused := s.Status().Counters.Rejections[RejectMalformed]
		assert.Greater(t, refused, int64(minutes*500), "each is counted")
		assert.LessOrEqual(t, log.lines("revision refused"), minutes*refusalsTold+1)
		assert.Positive(t, log.lines("untold="))
		assert.Zero(t, log.lines("state changed"))
		require.NoError(t, s.Close())
	})
}
