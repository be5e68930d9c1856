package testutil_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/testutil"
)

// A test of a program publishes directives without Redis, and moves the clock.
func ExampleFakeStore() {
	t := new(testing.T) // the parameter of the test
	store := testutil.NewFakeStore(t)
	store.Publish(`{"directives":[{"id":"a","level":"ShapeTiming","tenant":"acme","ttl_secs":60}]}`)

	req := fleetdial.Request{Tenant: "acme"}
	fmt.Println(fleetdial.Decide(store, req).Level)
	store.Advance(time.Minute)
	fmt.Println(fleetdial.Decide(store, req).Level)
	// Output:
	// ShapeTiming
	// Off
}

// A test of a store of one's own runs the conformance suite.
func ExampleRunStoreTests() {
	_ = func(t *testing.T) { // TestStore_Conformance
		testutil.RunStoreTests(t, testutil.StoreHarness{
			Open: func(_ testing.TB, initial *fleetdial.Set) fleetdial.Store {
				memory := fleetdial.NewMemory()
				memory.Publish(initial)
				return memory
			},
			Publish: func(_ testing.TB, s fleetdial.Store, set *fleetdial.Set) {
				s.(*fleetdial.Memory).Publish(set)
			},
		})
	}
}

// A test kills the server, and starts it again with no data. The program must keep its set.
func ExampleStartRedis() {
	_ = func(t *testing.T) { // TestProgram_KeepsSetWithoutRedis
		server := testutil.StartRedis(t)
		sub, err := fleetdial.Subscribe(t.Context(), server.Client(t), fleetdial.SubscriberConfig{})
		if err != nil {
			t.Fatal(err)
		}
		defer sub.Close()
		server.Kill()
		testutil.Eventually(t, 10*time.Second, "the state is stale", func() bool {
			return sub.Status().State == fleetdial.StateStale
		})
		server.RestartEmpty()
		testutil.Eventually(t, 10*time.Second, "the state is missing", func() bool {
			return sub.Status().State == fleetdial.StateMissing
		})
	}
}
