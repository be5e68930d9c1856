package directive

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// at returns a clock that shows a time.
func at(now time.Time) func(time.Time) time.Duration {
	return func(epoch time.Time) time.Duration { return now.Sub(epoch) }
}

// hitsOf returns what the directives of a set have counted, by their ids.
func hitsOf(s *Set) map[string]Hits {
	all := make(map[string]Hits)
	for _, h := range s.Hits() {
		all[h.ID] = h.Hits
	}
	return all
}

func TestMetered_CountsWhatApplies(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		all := someDirectives.Draw(t, "set")
		s, err := NewSet(all)
		require.NoError(t, err)
		s = Metered(s, nil)
		want := make(map[string]Hits)
		for _, req := range rapid.SliceOfN(someRequest, 1, 5).Draw(t, "requests") {
			require.Equal(t, reference(all, req, noon), EvaluateNow(s, &req, at(noon)))
			s.Evaluate(req, noon) // counts nothing
			for i := range all {
				if d := &all[i]; applies(d, req, noon) && (d.Level != Off || d.RingBuffer || d.Capture) {
					h := want[d.ID]
					h.Applied++
					want[d.ID] = h
				}
			}
		}
		require.Equal(t, want, hitsOf(s))
		var total, byLevel int64
		for _, h := range want {
			total += h.Applied
		}
		for _, h := range s.LevelHits() {
			byLevel += h.Applied
		}
		require.Equal(t, total, byLevel)
	})
}

// TestMetered_BoundsWhatItVisits holds that a request which thousands of directives match is
// not visited by all of them.
func TestMetered_BoundsWhatItVisits(t *testing.T) {
	t.Parallel()
	all := make([]Directive, 1000)
	for i := range all {
		all[i] = dir(fmt.Sprint(i), nil)
	}
	s := Metered(newSet(t, all...), nil)
	assert.Equal(t, Decision{Level: Shape, By: "0"}, EvaluateNow(s, &Request{}, at(noon)))
	assert.Len(t, s.Hits(), 1+maxSpare)
	assert.Equal(t, Hits{Applied: 1}, hitsOf(s)["0"])
}

func TestMetered_SameSetStays(t *testing.T) {
	t.Parallel()
	for _, s := range []*Set{nil, {}, newSet(t, dir("a", nil))} {
		counted := Metered(s, nil)
		assert.Same(t, counted, Metered(s, counted))
		assert.NotSame(t, counted, Metered(newSet(t, dir("b", nil)), counted))
	}
}

func TestMetered_UncountedSetHasNoHits(t *testing.T) {
	t.Parallel()
	var none *Set
	for _, s := range []*Set{none, {}, newSet(t, dir("a", nil)), newSet(t, capped("b", 1))} {
		if s.Len() > 0 {
			EvaluateNow(s, &Request{}, at(noon))
		}
		assert.Nil(t, s.Hits())
		assert.Nil(t, s.LevelHits())
	}
	empty := Metered(&Set{}, nil)
	assert.Empty(t, empty.Hits())
	assert.Len(t, empty.LevelHits(), len(levelNames))
}

// TestMetered_KeepsCounts holds which directives of the next set go on counting.
func TestMetered_KeepsCounts(t *testing.T) {
	t.Parallel()
	tenant := func(d *Directive) { d.Match.Tenant = "acme" }
	first := Metered(newSet(t, dir("stays", tenant), dir("level", tenant), dir("match", tenant), dir("gone", tenant)), nil)
	req := &Request{Tenant: "acme"}
	for range 3 {
		EvaluateNow(first, req, at(noon))
	}
	next := Metered(newSet(t,
		dir("new", tenant),
		dir("match", func(d *Directive) { d.Match.Principal = "p" }),
		dir("level", func(d *Directive) { d.Match.Tenant, d.Level = "acme", ShapeTiming }),
		dir("stays", func(d *Directive) {
			tenant(d)
			d.ExpiresAt, d.SamplePerMille, d.Capture = noon.Add(time.Minute), 999, true
		}),
	), first)
	assert.Equal(t, map[string]Hits{"stays": {Applied: 3}}, hitsOf(next))
	EvaluateNow(next, req, at(noon))
	assert.Equal(t, map[string]Hits{"stays": {Applied: 4}, "level": {Applied: 1}, "new": {Applied: 1}}, hitsOf(next))
	levels := next.LevelHits()
	assert.Equal(t, LevelHits{Shape, Hits{Applied: 3*4 + 2}}, levels[Shape], "what is gone still counts")
	assert.Equal(t, LevelHits{ShapeTiming, Hits{Applied: 1}}, levels[ShapeTiming])

	cleared := Metered(&Set{}, next)
	assert.Empty(t, cleared.Hits())
	assert.Equal(t, levels, cleared.LevelHits())
	again := Metered(first, cleared)
	assert.Empty(t, again.Hits(), "a directive that comes back begins again")
	assert.Equal(t, levels, again.LevelHits())
}

// TestMetered_LevelHitsOfAReplacedSet holds that a set that is read while it is replaced shows
// no count twice, because the counters of Prometheus must not decrease.
func TestMetered_LevelHitsOfAReplacedSet(t *testing.T) {
	t.Parallel()
	before := Metered(newSet(t, dir("stays", nil), dir("goes", nil), dir("raised", nil)), nil)
	for range 4 {
		EvaluateNow(before, &Request{}, at(noon))
	}
	levels := before.LevelHits()
	require.Equal(t, LevelHits{Shape, Hits{Applied: 12}}, levels[Shape])
	next := newSet(t, dir("stays", nil), dir("raised", level(ShapeTiming)))
	assert.Equal(t, levels, Metered(next, before).LevelHits())
	assert.Equal(t, levels, before.LevelHits(), "the set that was replaced")
	assert.Equal(t, levels, Metered(next, before).LevelHits(), "a set that replaces it, too")
}

// capped returns a directive with a limit.
func capped(id string, perSecond int) Directive {
	return dir(id, func(d *Directive) { d.MaxPerSecond = perSecond })
}

// TestCap_IsATokenBucket compares the limit with a bucket that is kept in the plain way.
func TestCap_IsATokenBucket(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.SampledFrom([]int{1, 2, 10, 100, 1000, MaxRate}).Draw(t, "rate")
		s, err := NewSet([]Directive{capped("a", rate)})
		require.NoError(t, err)
		if rapid.Bool().Draw(t, "counted") {
			s = Metered(s, nil)
		}
		interval := time.Second / time.Duration(rate)
		now, filled := noon, interval // what the bucket holds, as the time that it took to fill it
		for i := range rapid.IntRange(1, 50).Draw(t, "requests") {
			step := time.Duration(rapid.SampledFrom([]int{0, 1, int(interval) / 2, int(interval), 3 * int(interval), int(2 * time.Second)}).Draw(t, "step"))
			now = now.Add(step)
			if i > 0 {
				filled = min(time.Second, filled+step)
			}
			applies := EvaluateNow(s, &Request{}, at(now)).Level == Shape
			require.Equal(t, filled >= interval, applies, "request %d", i)
			if applies {
				filled -= interval
			}
		}
	})
}

func TestCap_RateInEverySecond(t *testing.T) {
	t.Parallel()
	s := Metered(newSet(t, capped("a", 100)), nil)
	const perSecond = 50_000
	for second := range 10 {
		n := 0
		for i := range perSecond {
			now := noon.Add(time.Duration(second)*time.Second + time.Duration(i)*time.Second/perSecond)
			if EvaluateNow(s, &Request{}, at(now)).Level == Shape {
				n++
			}
		}
		assert.InDelta(t, 100, n, 1, "second %d", second)
	}
	h := hitsOf(s)["a"]
	assert.EqualValues(t, 10*perSecond, h.Applied+h.Capped)
}

func TestCap_OtherDirectivesStillApply(t *testing.T) {
	t.Parallel()
	s := newSet(t, dir("base", nil), dir("high", func(d *Directive) { d.Level, d.Capture, d.MaxPerSecond = ShapeTiming, true, 1 }))
	assert.Equal(t, Decision{Level: ShapeTiming, Capture: true, By: "high"}, EvaluateNow(s, &Request{}, at(noon)))
	assert.Equal(t, Decision{Level: Shape, By: "base"}, EvaluateNow(s, &Request{}, at(noon)))
	assert.Equal(t, ShapeTiming, s.Evaluate(Request{}, noon).Level, "Evaluate regards no limit")
}

// TestCap_OutlivesThePublish holds that another revision gives a directive no tokens.
func TestCap_OutlivesThePublish(t *testing.T) {
	t.Parallel()
	now := noon
	decide := func(s *Set) Level { return EvaluateNow(s, &Request{}, at(now)).Level }
	s := Metered(Anchor(newSet(t, capped("a", 2)), time.Unix(0, 0)), nil)
	require.Equal(t, Shape, decide(s))
	require.Equal(t, Off, decide(s))
	for range 5 {
		s = Metered(Anchor(newSet(t, dir("b", level(Off)), capped("a", 2)), time.Unix(0, 0)), s)
		require.Equal(t, Off, decide(s), "another revision")
		s = Metered(Shift(s, time.Millisecond), s)
		require.Equal(t, Off, decide(s), "another anchor")
	}
	now = now.Add(500 * time.Millisecond)
	require.Equal(t, Shape, decide(s))
	require.Equal(t, Off, decide(s))
	s = Metered(Anchor(newSet(t, dir("a", func(d *Directive) { d.MaxPerSecond, d.Level = 2, ShapeTiming })), time.Unix(0, 0)), s)
	require.Equal(t, Off, decide(s), "another level")
	s = Metered(Anchor(newSet(t, capped("a", 2)), time.Unix(0, 0)), s)
	require.Equal(t, Off, decide(s), "another level")
	// Another limit fills the same bucket at another rate.
	s = Metered(Anchor(newSet(t, capped("a", 100)), time.Unix(0, 0)), s)
	now = now.Add(10 * time.Millisecond)
	require.Equal(t, Shape, decide(s))
	// Without a limit, every request applies, and the count goes on.
	s = Metered(Anchor(newSet(t, dir("a", nil)), time.Unix(0, 0)), s)
	for range 10 {
		require.Equal(t, Shape, decide(s))
	}
	assert.EqualValues(t, 11, hitsOf(s)["a"].Applied, "since the level changed last")
}

// TestCap_ClockSetBack holds that a set whose expiries count on the wall clock does not stop
// applying a directive if that clock is set back.
func TestCap_ClockSetBack(t *testing.T) {
	t.Parallel()
	s := newSet(t, capped("a", 1))
	require.Equal(t, Shape, EvaluateNow(s, &Request{}, at(noon)).Level)
	before := noon.Add(-time.Hour)
	require.Equal(t, Shape, EvaluateNow(s, &Request{}, at(before)).Level)
	require.Equal(t, Off, EvaluateNow(s, &Request{}, at(before.Add(time.Millisecond))).Level)
	require.Equal(t, Shape, EvaluateNow(s, &Request{}, at(before.Add(time.Second))).Level)
}

// TestCap_ManyGoroutines holds that goroutines do not share a token, and that no count is lost.
func TestCap_ManyGoroutines(t *testing.T) {
	t.Parallel()
	s := Metered(newSet(t, capped("a", 100)), nil)
	var mu sync.Mutex
	applied := 0
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			n := 0
			for i := range 1000 {
				if EvaluateNow(s, &Request{}, at(noon.Add(time.Duration(i)*time.Millisecond))).Level == Shape {
					n++
				}
			}
			mu.Lock()
			defer mu.Unlock()
			applied += n
		})
	}
	wg.Wait()
	h := hitsOf(s)["a"]
	assert.EqualValues(t, applied, h.Applied)
	assert.EqualValues(t, 8000, h.Applied+h.Capped)
	assert.LessOrEqual(t, applied, 200, "a token for each interval, and a full bucket")
	assert.GreaterOrEqual(t, applied, 99)
}

func TestMetered_DoesNotAllocate(t *testing.T) {
	all := append(many(100), dir("all", func(d *Directive) { d.SamplePerMille = 500 }), capped("capped", 10))
	s := Metered(newSet(t, all...), nil)
	req := Request{Tenant: "tenant-5", ID: requestID}
	EvaluateNow(s, &req, time.Since) // makes the counters of what applies
	assert.Zero(t, testing.AllocsPerRun(100, func() { EvaluateNow(s, &req, time.Since) }))
}
