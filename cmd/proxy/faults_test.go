package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/testutil"
)

// TestRedisIsNoneOfARequestsConcern sends requests while Redis is well, hung, killed and lying, and compares how long
// they take. The set that was published last stays in force all the while.
func TestRedisIsNoneOfARequestsConcern(t *testing.T) {
	t.Parallel()
	p := start(t, http.HandlerFunc(hello))
	p.have(fleetdial.Directive{ID: "a", Level: fleetdial.Off, RingBuffer: true, Match: fleetdial.Match{Tenant: "acme"}})
	client := p.server.Client(t)
	state := func() string {
		var health struct{ State, Status string }
		require.NoError(t, json.Unmarshal([]byte(p.get("/healthz")), &health))
		return health.State
	}
	// medianOf sends requests until the state is as told, and at least 300.
	medianOf := func(want string) time.Duration {
		var all []time.Duration
		for deadline := time.Now().Add(20 * time.Second); len(all) < 300 || state() != want; {
			require.True(t, time.Now().Before(deadline), "state %s, not %s", state(), want)
			began := time.Now()
			resp, _ := p.send(http.MethodGet, "/orders/_search", "", tenant("acme"))
			all = append(all, time.Since(began))
			require.Equal(t, http.StatusOK, resp.StatusCode)
		}
		slices.Sort(all)
		assert.Less(t, all[len(all)-1], time.Second, want)
		return all[len(all)/2]
	}
	well := medianOf("live")
	p.server.Stop()
	hung := medianOf("stale")
	p.server.Continue()
	medianOf("live")
	require.NoError(t, client.Set(t.Context(), "fleetdial:{default}", "junk", 0).Err())
	require.NoError(t, client.Publish(t.Context(), "fleetdial:{default}", "look").Err())
	lying := medianOf("rejected")
	p.server.Kill()
	killed := medianOf("stale")
	for _, median := range []time.Duration{hung, lying, killed} {
		assert.Less(t, median, 3*well+5*time.Millisecond)
	}
	t.Logf("medians: well %v, hung %v, lying %v, killed %v", well, hung, lying, killed)
	var kept []record
	testutil.Eventually(t, 5*time.Second, "the directive is still in force", func() bool {
		require.NoError(t, json.Unmarshal([]byte(p.get("/debug/breakglass")), &kept))
		return len(kept) == 256
	})
}
