package testutil

import (
	"fmt"
	"maps"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/store"
)

// StoreHarness gives [RunStoreTests] the stores to test.
type StoreHarness struct {
	// Open returns a new store that has the initial set. A nil set is empty. The store
	// ends with the test.
	Open func(t testing.TB, initial *directive.Set) store.Store
	// Publish replaces the store's set, and returns when Load returns the new set. A nil
	// set is empty. Publish is nil for a store whose set never changes.
	Publish func(t testing.TB, s store.Store, set *directive.Set)
	// Reopen ends the store, and returns a new store that begins with the persisted data
	// of the store, as after a restart of the program. The data is in a file or on a
	// server. Load must then return the whole last set, also with expired directives,
	// with directives that expire in years, and with 10,000 directives. Open must
	// therefore accept each valid set, with any expiries. Reopen is nil for a store that
	// persists nothing.
	Reopen func(t testing.TB, s store.Store) store.Store
}

// RunStoreTests runs the conformance suite for stores: the rules of the Store interface.
// The test that calls it must not be parallel, because the suite measures allocations.
func RunStoreTests(t *testing.T, h StoreHarness) {
	for name, check := range storeChecks(h) {
		t.Run(name, func(t *testing.T) { check(t) })
	}
}

// storeChecks returns the checks of the suite by name. A check reports a failure to its
// TB.
func storeChecks(h StoreHarness) map[string]func(testing.TB) {
	checks := map[string]func(testing.TB){
		"Initial":      h.checkInitial,
		"LoadIsCheap":  h.checkCheap,
		"LoadIsStable": h.checkStable,
	}
	if h.Publish != nil {
		checks["Publish"] = h.checkPublish
		checks["SetsNeverChange"] = h.checkImmutable
		checks["Concurrent"] = h.checkConcurrent
	}
	if h.Reopen != nil {
		maps.Copy(checks, reopenChecks(h))
	}
	return checks
}

// numbered returns set n. The id of each of its directives has the number n, so that a
// test can see which set it is, and whether the set is whole.
func numbered(t testing.TB, n int) *directive.Set {
	t.Helper()
	all := make([]directive.Directive, 3)
	for i := range all {
		all[i] = directive.Directive{
			ID: fmt.Sprintf("%d-%d", n, i), Level: directive.Shape, SamplePerMille: 1000,
			ExpiresAt: time.Now().Add(time.Hour),
		}
	}
	set, err := directive.NewSet(all)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// numberOf returns the number of a numbered set. It returns -1 for an empty set, and a
// problem for any other set.
func numberOf(set *directive.Set) (n int, problem string) {
	if set == nil {
		return 0, "nil"
	}
	all := set.Directives()
	if len(all) == 0 {
		return -1, ""
	}
	if len(all) != 3 {
		return 0, fmt.Sprintf("a set of %d directives", len(all))
	}
	for i, d := range all {
		var number, place int
		if _, err := fmt.Sscanf(d.ID, "%d-%d", &number, &place); err != nil || place != i || i > 0 && number != n {
			return 0, fmt.Sprintf("%q at %d in set %d", d.ID, i, n)
		}
		n = number
	}
	return n, ""
}

// wants fails the test unless the store has set n.
func (h StoreHarness) wants(t testing.TB, s store.Store, n int) {
	t.Helper()
	h.is(t, s.Load(), n)
}

// is fails the test unless set is set n.
func (h StoreHarness) is(t testing.TB, set *directive.Set, n int) {
	t.Helper()
	got, problem := numberOf(set)
	if problem != "" {
		t.Fatalf("Load returned %s", problem)
	}
	if got != n {
		t.Fatalf("Load returned set %d, want set %d", got, n)
	}
}

func (h StoreHarness) checkInitial(t testing.TB) {
	h.wants(t, h.Open(t, nil), -1)
	h.wants(t, h.Open(t, numbered(t, 7)), 7)
}

func (h StoreHarness) checkCheap(t testing.TB) {
	s := h.Open(t, numbered(t, 1))
	if allocs := testing.AllocsPerRun(100, func() { s.Load() }); allocs > 0 {
		t.Fatalf("Load allocated %v times, want 0", allocs)
	}
}

func (h StoreHarness) checkStable(t testing.TB) {
	s := h.Open(t, numbered(t, 1))
	if first, second := s.Load(), s.Load(); first != second {
		t.Fatal("Load returned another set, but no set was published")
	}
}

func (h StoreHarness) checkPublish(t testing.TB) {
	s := h.Open(t, nil)
	for n := range 5 {
		h.Publish(t, s, numbered(t, n))
		h.wants(t, s, n)
	}
	h.Publish(t, s, nil)
	h.wants(t, s, -1)
}

func (h StoreHarness) checkImmutable(t testing.TB) {
	s := h.Open(t, numbered(t, 1))
	before := s.Load()
	req := directive.Request{ID: "r"}
	decided := before.Evaluate(req, time.Now())
	h.Publish(t, s, numbered(t, 2))
	h.Publish(t, s, nil)
	h.is(t, before, 1)
	if again := before.Evaluate(req, time.Now()); again != decided {
		t.Fatalf("a set that Load had returned changed: it decided %+v, then %+v", decided, again)
	}
}

// checkConcurrent runs readers while sets are published in order. A reader must see only
// whole sets, and must not see a set after a later set.
func (h StoreHarness) checkConcurrent(t testing.TB) {
	const readers, publishes = 4, 200
	s := h.Open(t, numbered(t, 0))
	var loads atomic.Int64
	done := make(chan struct{})
	wrong := make(chan string, readers)
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			if problem := watch(s, &loads, done); problem != "" {
				wrong <- problem
			}
		})
	}
	for n := 1; n <= publishes && len(wrong) == 0; n++ {
		h.Publish(t, s, numbered(t, n))
		for seen := loads.Load(); loads.Load() < seen+readers && len(wrong) == 0; {
			runtime.Gosched() // until the readers have loaded the new set
		}
	}
	close(done)
	wg.Wait()
	select {
	case problem := <-wrong:
		t.Fatalf("a reader saw %s", problem)
	default:
	}
	h.wants(t, s, publishes)
}

// watch loads the set until done is closed, and returns the first problem that it finds.
func watch(s store.Store, loads *atomic.Int64, done <-chan struct{}) string {
	for last := 0; ; {
		n, problem := numberOf(s.Load())
		if problem == "" && n < last {
			problem = fmt.Sprintf("set %d after set %d", n, last)
		}
		if problem != "" {
			return problem
		}
		last = n
		loads.Add(1)
		select {
		case <-done:
			return ""
		case <-time.After(20 * time.Microsecond): // a pause, because the publisher needs a core too
		}
	}
}
