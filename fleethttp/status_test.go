package fleethttp_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/fleethttp"
)

// ownStore is a store that is no Subscriber, and has a status.
type ownStore struct {
	fleetdial.Store
	status fleetdial.Status
}

var _ fleetdial.StatusStore = ownStore{}

func (s ownStore) Status() fleetdial.Status { return s.status }

func TestHealthz_StatusStore(t *testing.T) {
	t.Parallel()
	synced := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	for body, status := range map[string]fleetdial.Status{
		`{"status":"ok","state":"live","version":0,"clock_offset_ms":0}`: {State: fleetdial.StateLive},
		`{"status":"ok","state":"empty","version":0,"last_sync":"2026-11-25T12:00:00Z","clock_offset_ms":0}`: {
			State: fleetdial.StateEmpty, LastSync: synced,
		},
		`{"status":"degraded","state":"rejected","version":3,"rejected":"malformed","clock_offset_ms":0}`: {
			State: fleetdial.StateRejected, Revision: fleetdial.Revision{Version: 3},
			Rejected: &fleetdial.Rejection{Reason: fleetdial.RejectMalformed},
		},
	} {
		w := httptest.NewRecorder()
		fleethttp.Healthz(ownStore{fleetdial.Static(nil), status}).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/healthz", http.NoBody))
		assert.JSONEq(t, body, w.Body.String())
	}
}

func TestAdmin_StatusStore(t *testing.T) {
	t.Parallel()
	store := ownStore{fleetdial.NewMemory(), fleetdial.Status{
		State: fleetdial.StateStale, Revision: fleetdial.Revision{Version: 3, PublishedBy: "ops"},
	}}
	got := call{}.to(t, adminOf(t, store, fleethttp.AdminConfig{Token: adminToken}))
	assert.Equal(t, http.StatusOK, got.code)
	assert.Equal(t, map[string]any{"version": 3.0, "publisher": "ops"}, got.body["revision"])
	assert.Equal(t, map[string]any{"state": "stale", "version": 3.0, "clock_offset_ms": 0.0}, got.body["status"])
}
