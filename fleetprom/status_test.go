package fleetprom_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/fleetprom"
)

// ownStore is a store that is no Subscriber, and has a status.
type ownStore struct {
	fleetdial.Store
	status fleetdial.Status
}

var _ fleetdial.StatusStore = ownStore{}

func (s ownStore) Status() fleetdial.Status { return s.status }

// TestCollector_StatusStore collects a status of which only a few fields are set.
func TestCollector_StatusStore(t *testing.T) {
	t.Parallel()
	collector := fleetprom.NewCollector(ownStore{fleetdial.Static(nil), fleetdial.Status{
		State: fleetdial.StateStale, Revision: fleetdial.Revision{Version: 3}, Counters: fleetdial.Counters{Applies: 2},
	}})
	require.NoError(t, testutil.CollectAndCompare(collector, strings.NewReader(`
# HELP fleetdial_applied_version Version of the applied revision, 0 without a revision or for an empty value.
# TYPE fleetdial_applied_version gauge
fleetdial_applied_version 3
# HELP fleetdial_applies_total Number of revisions applied.
# TYPE fleetdial_applies_total counter
fleetdial_applies_total 2
# HELP fleetdial_publish_to_apply_seconds Time from the publish of a revision, by the clock of Redis, until the revision was applied.
# TYPE fleetdial_publish_to_apply_seconds histogram
fleetdial_publish_to_apply_seconds_bucket{le="+Inf"} 0
fleetdial_publish_to_apply_seconds_sum 0
fleetdial_publish_to_apply_seconds_count 0
# HELP fleetdial_state State of the subscriber: 1 for the current state, 0 for the other states.
# TYPE fleetdial_state gauge
fleetdial_state{state="empty"} 0
fleetdial_state{state="live"} 0
fleetdial_state{state="missing"} 0
fleetdial_state{state="rejected"} 0
fleetdial_state{state="stale"} 1
`), "fleetdial_applied_version", "fleetdial_applies_total", "fleetdial_publish_to_apply_seconds", "fleetdial_state",
		"fleetdial_last_sync_timestamp_seconds"))
}
