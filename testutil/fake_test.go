package testutil_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/testutil"
)

func TestFakeStore_ExpiryFollowsClock(t *testing.T) {
	t.Parallel()
	store := testutil.NewFakeStore(t)
	req := fleetdial.Request{Tenant: "acme", ID: "r"}
	assert.Zero(t, fleetdial.Decide(store, req))
	store.Publish(`{"directives":[{"id":"a","level":"Shape","tenant":"acme","ttl_secs":3600}]}`)
	before := store.Now()
	assert.Equal(t, "a", fleetdial.Decide(store, req).By)
	store.Advance(59 * time.Minute)
	assert.Equal(t, "a", fleetdial.Decide(store, req).By)
	store.Advance(time.Minute)
	assert.Zero(t, fleetdial.Decide(store, req))
	assert.Equal(t, time.Hour, store.Now().Sub(before))
	store.Publish(`{"directives":[{"id":"b","level":"Shape","ttl_secs":60}]}`)
	assert.Equal(t, "b", fleetdial.Decide(store, req).By, "a TTL must count from the store's clock")
}

func TestFakeStore_Suite(t *testing.T) {
	publish := func(_ testing.TB, s fleetdial.Store, set *fleetdial.Set) {
		s.(*testutil.FakeStore).Publish(string(fleetdial.AppendBody(nil, set)))
	}
	testutil.RunStoreTests(t, testutil.StoreHarness{
		Open: func(t testing.TB, initial *fleetdial.Set) fleetdial.Store {
			s := testutil.NewFakeStore(t)
			publish(t, s, initial)
			return s
		},
		Publish: publish,
	})
}

// fatal is a testing.TB that records whether Fatalf was called.
type fatal struct {
	testing.TB
	failed bool
}

func (f *fatal) Helper()               {}
func (f *fatal) Fatalf(string, ...any) { f.failed = true }

func TestFakeStore_InvalidBodyFails(t *testing.T) {
	t.Parallel()
	tb := &fatal{TB: t}
	testutil.NewFakeStore(tb).Publish(`{"directives":[{"id":"a"}]}`)
	assert.True(t, tb.failed)
}
