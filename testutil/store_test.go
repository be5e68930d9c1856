package testutil

import (
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder is a testing.TB that records a failure instead of failing the test.
type recorder struct {
	testing.TB
	failed atomic.Bool
}

func (r *recorder) Helper()                   {}
func (r *recorder) Fatalf(_ string, _ ...any) { r.Fatal() }

func (r *recorder) Fatal(...any) {
	r.failed.Store(true)
	runtime.Goexit()
}

// fails reports whether a store fails the check with the name.
func fails(t *testing.T, h StoreHarness, name string) bool {
	t.Helper()
	check, ok := storeChecks(h)[name]
	if !ok {
		t.Fatalf("the suite has no check %s", name)
	}
	r := &recorder{TB: t}
	var wg sync.WaitGroup
	wg.Go(func() { check(r) })
	wg.Wait()
	return r.failed.Load()
}

// fake is a store that the functions load and publish break in some way.
type fake struct {
	store.Memory
	load    func(*fake) *directive.Set
	publish func(*fake, *directive.Set)

	mu   sync.Mutex
	sets []*directive.Set
	n    int
}

func (f *fake) Load() *directive.Set {
	if f.load == nil {
		return f.Memory.Load()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.load(f)
}

// harness returns a harness for a fake. A nil function keeps the correct behaviour.
func harness(load func(*fake) *directive.Set, publish func(*fake, *directive.Set)) StoreHarness {
	put := func(f *fake, set *directive.Set) {
		if set == nil {
			set = &directive.Set{}
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.sets = append(f.sets, set)
		if publish != nil {
			publish(f, set)
			return
		}
		f.Memory.Publish(set)
	}
	return StoreHarness{
		Open: func(_ testing.TB, initial *directive.Set) store.Store {
			f := &fake{load: load, publish: publish}
			put(f, initial)
			return f
		},
		Publish: func(_ testing.TB, s store.Store, set *directive.Set) { put(s.(*fake), set) },
	}
}

// restarting returns a harness whose stores persist their last set, and begin again with what
// restart returns for that set. The restart fails the test for a nil set.
func restarting(restart func(*directive.Set) *directive.Set) StoreHarness {
	h := harness(nil, nil)
	h.Reopen = func(t testing.TB, s store.Store) store.Store {
		set := restart(s.Load())
		if set == nil {
			t.Fatal("the store cannot start")
		}
		return h.Open(t, set)
	}
	return h
}

// without returns the set without the directives that drop selects.
func without(set *directive.Set, drop func(directive.Directive) bool) *directive.Set {
	kept, _ := directive.NewSet(slices.DeleteFunc(set.Directives(), drop))
	return kept
}

func hasExpired(d directive.Directive) bool { return d.ExpiresAt.Before(time.Now()) }

func TestRunStoreTests_CorrectStorePasses(t *testing.T) {
	RunStoreTests(t, harness(nil, nil))
	RunStoreTests(t, restarting(func(set *directive.Set) *directive.Set { return set }))
}

func TestRunStoreTests_BrokenStoresFail(t *testing.T) {
	var garbage []byte
	for name, c := range map[string]struct {
		h     StoreHarness
		check string
	}{
		"returns nil": {harness(func(*fake) *directive.Set { return nil }, nil), "Initial"},
		"nil for empty": {harness(func(f *fake) *directive.Set {
			if last := f.sets[len(f.sets)-1]; last.Len() > 0 {
				return last
			}
			return nil
		}, nil), "Publish"},
		"never changes": {harness(func(f *fake) *directive.Set { return f.sets[0] }, nil), "Publish"},
		"one behind": {harness(func(f *fake) *directive.Set {
			return f.sets[max(0, len(f.sets)-2)]
		}, nil), "Publish"},
		"goes back sometimes": {harness(func(f *fake) *directive.Set {
			f.n++
			if f.n%3 == 0 {
				return f.sets[0]
			}
			return f.sets[len(f.sets)-1]
		}, nil), "Concurrent"},
		"changes a returned set": {harness(nil, func(f *fake, set *directive.Set) {
			if current := f.Memory.Load(); current.Len() > 0 && len(f.sets) > 1 {
				*current = *set
				return
			}
			f.Memory.Publish(set)
		}), "SetsNeverChange"},
		"tears sets": {harness(func(f *fake) *directive.Set {
			last := f.sets[len(f.sets)-1].Directives()
			half, _ := directive.NewSet(last[:len(last)/2])
			return half
		}, nil), "Initial"},
		"mixes sets": {harness(func(f *fake) *directive.Set {
			last := f.sets[len(f.sets)-1].Directives()
			if before := f.sets[max(0, len(f.sets)-2)].Directives(); len(before) > 0 && len(last) > 0 {
				last[0] = before[0]
			}
			mixed, _ := directive.NewSet(last)
			return mixed
		}, nil), "Publish"},
		"allocates": {harness(func(f *fake) *directive.Set {
			garbage = []byte(strings.Repeat("x", 64))
			return f.sets[len(f.sets)-1]
		}, nil), "LoadIsCheap"},
		"copies": {harness(func(f *fake) *directive.Set {
			c := *f.sets[len(f.sets)-1]
			return &c
		}, nil), "LoadIsStable"},
	} {
		assert.True(t, fails(t, c.h, c.check), name)
	}
	_ = garbage
}

// TestRunStoreTests_StoresThatRestartWrongFail has stores that are correct until they are
// opened again.
func TestRunStoreTests_StoresThatRestartWrongFail(t *testing.T) {
	for name, c := range map[string]struct {
		restart func(*directive.Set) *directive.Set
		check   string
	}{
		"rejects a set with an expired directive": {func(set *directive.Set) *directive.Set {
			if slices.ContainsFunc(set.Directives(), hasExpired) {
				return nil
			}
			return set
		}, "ReopenExpired"},
		"rejects a set that has expired": {func(set *directive.Set) *directive.Set {
			if set.Len() > 0 && !slices.ContainsFunc(set.Directives(), func(d directive.Directive) bool { return !hasExpired(d) }) {
				return nil
			}
			return set
		}, "ReopenAllExpired"},
		"starts empty after an expiry": {func(set *directive.Set) *directive.Set {
			if slices.ContainsFunc(set.Directives(), hasExpired) {
				return new(directive.Set)
			}
			return set
		}, "ReopenExpired"},
		"extends what has expired": {func(set *directive.Set) *directive.Set {
			return directive.Anchor(set, time.Now().Add(-time.Duration(time.Now().Add(-2*time.Hour).UnixNano())))
		}, "ReopenExpired"},
		"drops what lives long": {func(set *directive.Set) *directive.Set {
			return without(set, func(d directive.Directive) bool { return time.Until(d.ExpiresAt) > 24*time.Hour })
		}, "ReopenLongLived"},
		"shortens what lives long": {func(set *directive.Set) *directive.Set {
			all := set.Directives()
			for i := range all {
				if day := time.Now().Add(24 * time.Hour); all[i].ExpiresAt.After(day) {
					all[i].ExpiresAt = day
				}
			}
			shortened, _ := directive.NewSet(all)
			return shortened
		}, "ReopenLongLived"},
		"truncates": {func(set *directive.Set) *directive.Set {
			cut, _ := directive.NewSet(set.Directives()[:min(set.Len(), 9_999)])
			return cut
		}, "ReopenFull"},
		"rejects a full set": {func(set *directive.Set) *directive.Set {
			if set.Len() == directive.MaxDirectives {
				return nil
			}
			return set
		}, "ReopenFull"},
		"rejects the empty set": {func(set *directive.Set) *directive.Set {
			if set.Len() == 0 {
				return nil
			}
			return set
		}, "ReopenEmpty"},
	} {
		assert.True(t, fails(t, restarting(c.restart), c.check), name)
	}
	first := map[store.Store]*directive.Set{} // what each store was opened with
	h := harness(nil, nil)
	open := h.Open
	h.Open = func(t testing.TB, initial *directive.Set) store.Store {
		s := open(t, initial)
		first[s] = s.Load()
		return s
	}
	h.Reopen = func(t testing.TB, s store.Store) store.Store { return h.Open(t, first[s]) }
	assert.True(t, fails(t, h, "ReopenPublish"), "forgets what was published last")
}
