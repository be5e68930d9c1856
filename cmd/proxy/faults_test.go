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

// TestProxy_RedisFaultsDoNotDelayRequests sends requests while Redis is healthy, hung,
// killed, and holds a malformed value. It compares the median latencies. The proxy must
// keep its set during all faults.
func TestProxy_RedisFaultsDoNotDelayRequests(t *testing.T) {
	t.Parallel()
	p := startProxy(t, http.HandlerFunc(hello))
	p.apply(fleetdial.Directive{ID: "a", Level: fleetdial.Off, RingBuffer: true, Match: fleetdial.Match{Tenant: "acme"}})
	client := p.server.Client(t)
	state := func() string {
		var health struct{ State, Status string }
		require.NoError(t, json.Unmarshal([]byte(p.get("/healthz")), &health))
		return health.State
	}
	// medianOf sends at least 300 requests, and continues until the subscriber is in the
	// state. It returns the median latency.
	medianOf := func(want string) time.Duration {
		var all []time.Duration
		for deadline := time.Now().Add(20 * time.Second); len(all) < 300 || state() != want; {
			require.True(t, time.Now().Before(deadline), "timed out in state %s, want state %s", state(), want)
			began := time.Now()
			resp, _ := p.send(http.MethodGet, "/orders/_search", "", tenant("acme"))
			all = append(all, time.Since(began))
			require.Equal(t, http.StatusOK, resp.StatusCode)
		}
		slices.Sort(all)
		assert.Less(t, all[len(all)-1], time.Second, want)
		return all[len(all)/2]
	}
	healthy := medianOf("live")
	p.server.Stop()
	hung := medianOf("stale")
	p.server.Continue()
	medianOf("live")
	require.NoError(t, client.Set(t.Context(), "fleetdial:{default}", "junk", 0).Err())
	require.NoError(t, client.Publish(t.Context(), "fleetdial:{default}", "fetch").Err())
	malformed := medianOf("rejected")
	p.server.Kill()
	killed := medianOf("stale")
	for _, median := range []time.Duration{hung, malformed, killed} {
		assert.Less(t, median, 3*healthy+5*time.Millisecond)
	}
	t.Logf("medians: healthy %v, hung %v, malformed %v, killed %v", healthy, hung, malformed, killed)
	var kept []record
	testutil.Eventually(t, 5*time.Second, "the ring buffer is full, so the directive still applies", func() bool {
		require.NoError(t, json.Unmarshal([]byte(p.get("/debug/breakglass")), &kept))
		return len(kept) == 256
	})
}
