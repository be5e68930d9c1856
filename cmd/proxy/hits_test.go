package main

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
)

// TestProxy_ShowsHits sends requests, and reads at the admin listener what the directives
// have counted.
func TestProxy_ShowsHits(t *testing.T) {
	t.Parallel()
	const token, requests = "a-token-of-enough-bytes", 5
	p := startProxy(t, http.HandlerFunc(hello), "--admin-token", secretFile(t, token))
	p.apply(
		fleetdial.Directive{ID: "busy", Level: fleetdial.Shape},
		fleetdial.Directive{ID: "idle", Level: fleetdial.ShapeTiming, MaxPerSecond: 7, Match: fleetdial.Match{Index: "other"}},
		fleetdial.Directive{ID: "elsewhere", Level: fleetdial.Shape, Instances: &fleetdial.Instances{Names: []string{"elsewhere"}}},
	)
	for range requests {
		p.send(http.MethodGet, "/orders/_search", "", nil)
	}
	p.lines(requests)
	status, body := p.adminRequest(http.MethodGet, p.admin, token)
	require.Equal(t, http.StatusOK, status, body)
	var shown struct {
		Directives []struct {
			ID           string         `json:"id"`
			MaxPerSecond int            `json:"max_per_second"`
			Hits         fleetdial.Hits `json:"hits"`
		} `json:"directives"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &shown))
	require.Len(t, shown.Directives, 2, "the directive of another instance is left out")
	assert.Equal(t, "busy", shown.Directives[0].ID)
	assert.Equal(t, fleetdial.Hits{Applied: requests}, shown.Directives[0].Hits)
	assert.Equal(t, 7, shown.Directives[1].MaxPerSecond)
	assert.Zero(t, shown.Directives[1].Hits)

	metrics := p.get("/metrics")
	assert.Contains(t, metrics, `fleetdial_hits_total{level="Shape"} 5`)
	assert.Contains(t, metrics, `fleetdial_capped_total{level="ShapeTiming"} 0`)
}
