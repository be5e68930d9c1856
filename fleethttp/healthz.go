package fleethttp

import (
	"net/http"
	"time"

	"github.com/fleetdial/fleetdial"
)

// health is what Healthz answers.
type health struct {
	Status string `json:"status"` // "ok" or "degraded"
	statusView
}

// statusView is a subscriber's status as JSON. Errors stay out: they name servers.
type statusView struct {
	State       fleetdial.State        `json:"state,omitempty"`
	Since       *time.Time             `json:"since,omitempty"`
	Source      fleetdial.Source       `json:"source,omitempty"`
	Version     int64                  `json:"version"`
	AppliedAt   *time.Time             `json:"applied_at,omitempty"`
	LastSync    *time.Time             `json:"last_sync,omitempty"`
	Rejected    fleetdial.RejectReason `json:"rejected,omitempty"`
	ClockOffset int64                  `json:"clock_offset_ms"`
}

// statuser is a store that knows how it stands: a *fleetdial.Subscriber.
type statuser interface{ Status() fleetdial.Status }

func newStatusView(s fleetdial.Status) statusView {
	out := statusView{
		State: s.State, Since: moment(s.Since), Source: s.Source, Version: s.Revision.Version,
		AppliedAt: moment(s.AppliedAt), LastSync: moment(s.LastSync), ClockOffset: s.ClockOffset.Milliseconds(),
	}
	if s.Rejected != nil {
		out.Rejected = s.Rejected.Reason
	}
	return out
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Round(0)
	return &t
}

// Healthz returns a handler that always answers 200: a proxy without Redis goes on serving with the set that it has, and
// must not be restarted or taken out of service for it. The JSON body says "ok", or "degraded" where the store is a
// Subscriber that is neither live nor empty, and how that stands; it names no server, tenant or directive.
func Healthz(store fleetdial.Store) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		out := health{Status: "ok"}
		if s, ok := store.(statuser); ok {
			out.statusView = newStatusView(s.Status())
			if out.State != fleetdial.StateLive && out.State != fleetdial.StateEmpty {
				out.Status = "degraded"
			}
		}
		writeJSON(w, "application/json", http.StatusOK, out)
	})
}
