package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// fakeSource is a key without a Redis, for what has timers.
type fakeSource struct {
	mu     sync.Mutex
	value  []byte
	err    error
	skew   time.Duration // of the fleet's clock ahead of the local one
	noTime error
	reads  []int // the limits
}

func (f *fakeSource) read(_ context.Context, limit int) (reading, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads = append(f.reads, limit)
	if f.err != nil {
		return reading{}, f.err
	}
	now := time.Now()
	r := reading{value: f.value[:min(limit, len(f.value))], clock: clockReading{epoch: epochOf(now, now), err: f.noTime}}
	if f.noTime == nil {
		r.clock.epoch, r.clock.offset = epochOf(now, now.Add(f.skew)), f.skew
	}
	return r, nil
}

func (f *fakeSource) measure(context.Context) clockReading {
	return clockReading{err: errors.New("not asked for")}
}

// change changes the source while a subscriber reads it.
func (f *fakeSource) change(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// looks returns the limits of the reads so far.
func (f *fakeSource) looks() []int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.reads)
}

// subscribeFake starts a subscriber without a socket: its session stands until it is lost.
func subscribeFake(t *testing.T, src *fakeSource, resync time.Duration) *Subscriber {
	t.Helper()
	s := startFake(t, src, SubscriberConfig{ResyncInterval: resync, Logger: quiet})
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func startFake(t *testing.T, src source, cfg SubscriberConfig) *Subscriber {
	t.Helper()
	require.NoError(t, cfg.check())
	s := newSubscriber(src, cfg)
	s.follow = func(ctx context.Context) error {
		s.subscribed()
		<-ctx.Done()
		return context.Cause(ctx)
	}
	s, err := s.start(t.Context())
	require.NoError(t, err)
	return s
}

// fleetValue returns a value with one directive that ends after life, by a clock that is ahead by skew.
func fleetValue(t *testing.T, skew, life time.Duration) []byte {
	t.Helper()
	set, err := directive.NewSet([]directive.Directive{
		{ID: "a", Level: directive.Shape, SamplePerMille: 1000, ExpiresAt: time.Now().Add(skew + life)},
	})
	require.NoError(t, err)
	return value(t, 1, set)
}

func on(s *Subscriber) bool { return s.Decide(directive.Request{}).Level != directive.Off }

func TestP4AWrongLocalClockChangesNothing(t *testing.T) {
	for _, skew := range []time.Duration{0, time.Hour, -time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			s := subscribeFake(t, &fakeSource{value: fleetValue(t, skew, time.Minute), skew: skew}, time.Hour)
			assert.Equal(t, skew, s.Status().ClockOffset)
			assert.True(t, on(s))
			time.Sleep(time.Minute - time.Millisecond)
			assert.True(t, on(s), "a millisecond before")
			time.Sleep(time.Millisecond)
			assert.False(t, on(s), "at the expiry by the fleet's clock")
		})
	}
}

func TestP4AClockOfRedisThatMovesProlongsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &fakeSource{value: fleetValue(t, 0, time.Minute)}
		s := subscribeFake(t, src, time.Second)
		src.change(func() { src.skew = -time.Hour }) // set back: by it, the directive has an hour more
		time.Sleep(time.Minute)
		assert.False(t, on(s))
	})
	synctest.Test(t, func(t *testing.T) {
		src := &fakeSource{value: fleetValue(t, 0, time.Hour)}
		s := subscribeFake(t, src, time.Second)
		src.change(func() { src.skew = 30 * time.Minute }) // set forward, or this machine was suspended that long
		time.Sleep(2 * time.Second)
		time.Sleep(30*time.Minute - 2*time.Second - time.Millisecond)
		assert.True(t, on(s))
		time.Sleep(time.Millisecond)
		assert.False(t, on(s))
	})
}

func TestP4WithoutTheClockOfRedisTheLocalOneServes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &fakeSource{value: fleetValue(t, 0, time.Minute), noTime: errors.New("NOPERM")}
		s := subscribeFake(t, src, time.Hour)
		assert.True(t, on(s))
		time.Sleep(time.Minute)
		assert.False(t, on(s))
	})
}

func TestIdleResyncReadsTheHeadOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &fakeSource{value: fleetValue(t, 0, time.Hour)}
		s := subscribeFake(t, src, 30*time.Second)
		require.Len(t, src.looks(), 1)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		looks := src.looks()[1:]
		assert.GreaterOrEqual(t, len(looks), 20, "at least each 30 s")
		assert.LessOrEqual(t, len(looks), 25, "no more than the jitter makes it")
		for _, limit := range looks {
			assert.Equal(t, wire.PeekBytes, limit)
		}
		assert.Zero(t, s.Status().Counters.Corrections)
	})
}

func TestFailedLooksBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &fakeSource{value: fleetValue(t, 0, time.Hour)}
		s := subscribeFake(t, src, time.Hour)
		src.change(func() { src.err = errors.New("connection refused") })
		require.Error(t, s.Refresh(t.Context()))
		assert.Equal(t, StateStale, s.Status().State)
		began := len(src.looks())
		time.Sleep(time.Minute)
		synctest.Wait()
		tries := len(src.looks()) - began
		assert.Greater(t, tries, 30, "it goes on trying, each two seconds at most")
		assert.Less(t, tries, 200, "and does not spin")
		src.change(func() { src.err = nil })
		time.Sleep(longestBackoff)
		synctest.Wait()
		assert.Equal(t, StateLive, s.Status().State)
	})
}

func TestP9FailedSessionsBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := SubscriberConfig{Startup: StartEmpty, Logger: quiet}
		require.NoError(t, cfg.check())
		s := newSubscriber(&fakeSource{err: errors.New("connection refused")}, cfg)
		sessions := 0
		s.follow = func(context.Context) error {
			sessions++
			return errors.New("connection refused")
		}
		_, err := s.start(t.Context())
		require.NoError(t, err)
		time.Sleep(time.Minute)
		require.NoError(t, s.Close())
		assert.Greater(t, sessions, 30, "it goes on trying, each two seconds at most")
		assert.Less(t, sessions, 200, "and does not spin")
	})
}

func TestP9ASubscriberThatIsDeafSaysSoWhateverItReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := SubscriberConfig{ResyncInterval: time.Second, Logger: quiet}
		require.NoError(t, cfg.check())
		src := &fakeSource{value: fleetValue(t, 0, time.Hour)}
		s := newSubscriber(src, cfg)
		lose := make(chan struct{})
		sessions := 0
		s.follow = func(ctx context.Context) error {
			if sessions++; sessions == 1 {
				s.subscribed()
				<-lose
				return errors.New("the connection was lost")
			}
			<-ctx.Done() // the subscription is never confirmed
			return context.Cause(ctx)
		}
		_, err := s.start(t.Context())
		require.NoError(t, err)
		require.Equal(t, StateLive, s.Status().State)
		close(lose)
		synctest.Wait()
		before := len(src.looks())
		for range 100 {
			time.Sleep(100 * time.Millisecond)
			require.Equal(t, StateStale, s.Status().State)
		}
		assert.Greater(t, len(src.looks()), before+5, "it goes on looking")
		require.NoError(t, s.Close())
	})
}

func TestBackoffHasFullJitter(t *testing.T) {
	t.Parallel()
	b := newBackoff(shortestBackoff, longestBackoff)
	bound := shortestBackoff
	for range 20 {
		wait := b.next()
		assert.Positive(t, wait)
		assert.LessOrEqual(t, wait, bound)
		bound = min(2*bound, longestBackoff)
	}
	b.reset()
	assert.LessOrEqual(t, b.next(), shortestBackoff)
}

func TestALongRoundTripDoesNotReplaceABetterMeasurement(t *testing.T) {
	t.Parallel()
	base := time.Now()
	at := func(epoch, roundTrip time.Duration) clockReading {
		return clockReading{epoch: base.Add(epoch), roundTrip: roundTrip}
	}
	good := at(0, time.Millisecond)
	assert.True(t, good.agrees(at(-80*time.Millisecond, 100*time.Millisecond)), "both may be right")
	assert.False(t, good.agrees(at(-200*time.Millisecond, 100*time.Millisecond)), "the clock went forward")
	assert.False(t, good.agrees(at(time.Millisecond, 100*time.Millisecond)), "the clock went back")
	assert.False(t, good.agrees(at(-time.Microsecond, time.Microsecond)), "a closer one is taken")
	assert.False(t, clockReading{}.agrees(good))
}

func TestAnAnnouncementThatAsksForItIsFetchedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &fakeSource{value: fleetValue(t, 0, time.Hour)}
		s := subscribeFake(t, src, time.Hour)
		var waits []time.Duration
		for range 20 {
			before := len(src.looks())
			src.change(func() { src.value = fleetValue(t, 0, time.Hour) })
			s.message(`{"version":2,"id":"00000000000000000000000000000000","spread_ms":1000}`)
			began := time.Now()
			for len(src.looks()) == before {
				time.Sleep(time.Millisecond)
			}
			waits = append(waits, time.Since(began))
			require.NoError(t, s.Refresh(t.Context()))
			time.Sleep(10 * time.Second) // the announced id never comes, so a few looks follow
		}
		slices.Sort(waits)
		assert.Less(t, waits[0], 500*time.Millisecond)
		assert.Greater(t, waits[19], 500*time.Millisecond)
		assert.LessOrEqual(t, waits[19], time.Second+time.Millisecond)
	})
}

func TestASecondMessageDoesNotEndASpread(t *testing.T) {
	// waits are how long so many proxies wait that are told to spread out over two seconds, and then of more.
	waits := func(t *testing.T, more func(i int) string) (all []time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			for i := range 20 {
				src := &fakeSource{value: fleetValue(t, 0, time.Hour)}
				s := subscribeFake(t, src, time.Hour)
				synctest.Wait()
				before := len(src.looks())
				src.change(func() { src.value = fleetValue(t, 0, time.Hour) })
				began := time.Now()
				s.message(string(announcement{2, wire.NewID(), 2000}.encode()))
				time.Sleep(time.Millisecond)
				s.message(more(i))
				for len(src.looks()) == before {
					time.Sleep(time.Millisecond)
				}
				all = append(all, time.Since(began))
			}
		})
		slices.Sort(all)
		return all
	}
	announced := func(spread int64) func(int) string {
		return func(int) string { return string(announcement{3, wire.NewID(), spread}.encode()) }
	}
	assert.Greater(t, waits(t, announced(2000))[10], 100*time.Millisecond, "another large set")
	assert.Greater(t, waits(t, func(int) string { return "look" })[10], 100*time.Millisecond, "anything else")
	assert.Less(t, waits(t, announced(0))[19], 10*time.Millisecond, "a small set, as that of a panic button")
}

func TestLiesAfterAReconnectCostNoWholeValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &fakeSource{value: fleetValue(t, 0, time.Hour)}
		cfg := SubscriberConfig{ResyncInterval: time.Hour, Logger: quiet}
		require.NoError(t, cfg.check())
		s := newSubscriber(src, cfg)
		s.follow = func(ctx context.Context) error {
			s.subscribed()
			s.message(`{"version":10,"id":"x"}`)
			<-ctx.Done()
			return context.Cause(ctx)
		}
		_, err := s.start(t.Context())
		require.NoError(t, err)
		synctest.Wait()
		before := len(src.looks())
		for i := range 10_000 {
			s.message(fmt.Sprintf(`{"version":%d,"id":"x"}`, 11+i))
			time.Sleep(time.Millisecond)
		}
		whole := 0
		for _, limit := range src.looks()[before:] {
			if limit > wire.PeekBytes {
				whole++
			}
		}
		assert.LessOrEqual(t, whole, 3, "those that come before the first look in vain")
		assert.LessOrEqual(t, len(src.looks())-before, 10*maxVainLooks)
		require.NoError(t, s.Close())
	})
}

// ownClock is a source whose Redis does not tell its time, on a machine whose clock is behind.
type ownClock struct {
	*fakeSource
	behind atomic.Int64
}

func (o *ownClock) read(ctx context.Context, limit int) (reading, error) {
	r, err := o.fakeSource.read(ctx, limit)
	now := time.Now()
	r.clock = clockReading{epoch: epochOf(now, now.Add(-time.Duration(o.behind.Load()))), err: errors.New("NOPERM")}
	return r, err
}

func TestP4WithoutTheClockOfRedisTheLocalOneMayBePutRight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &ownClock{fakeSource: &fakeSource{value: fleetValue(t, 0, time.Minute)}}
		src.behind.Store(int64(time.Hour))
		s := startFake(t, src, SubscriberConfig{ResyncInterval: time.Second, Logger: quiet})
		time.Sleep(2 * time.Second)
		src.behind.Store(0)
		time.Sleep(2 * time.Second)
		assert.True(t, on(s))
		src.behind.Store(int64(time.Hour)) // once more, which prolongs nothing
		time.Sleep(time.Minute - 4*time.Second)
		assert.False(t, on(s))
		require.NoError(t, s.Close())
	})
}
