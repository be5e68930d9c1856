package testutil

import (
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

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

func TestRunStoreTests_CorrectStorePasses(t *testing.T) {
	RunStoreTests(t, harness(nil, nil))
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
