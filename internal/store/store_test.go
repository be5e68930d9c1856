package store_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/store"
	"github.com/fleetdial/fleetdial/testutil"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemory_Suite(t *testing.T) {
	open := func(_ testing.TB, initial *directive.Set) store.Store {
		m := new(store.Memory)
		if initial != nil {
			m.Publish(initial)
		}
		return m
	}
	testutil.RunStoreTests(t, testutil.StoreHarness{
		Open:    open,
		Publish: func(_ testing.TB, s store.Store, set *directive.Set) { s.(*store.Memory).Publish(set) },
		// The program keeps the set.
		Reopen: func(t testing.TB, s store.Store) store.Store { return open(t, s.Load()) },
	})
}

func TestStatic_Suite(t *testing.T) {
	testutil.RunStoreTests(t, testutil.StoreHarness{
		Open:   func(_ testing.TB, initial *directive.Set) store.Store { return store.Static(initial) },
		Reopen: func(_ testing.TB, s store.Store) store.Store { return store.Static(s.Load()) },
	})
}

func TestMemory_ZeroValueIsEmpty(t *testing.T) {
	t.Parallel()
	var m store.Memory
	assert.Zero(t, m.Load().Len())
}
