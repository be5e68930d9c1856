package fleethttp

import (
	"net/http"
	"time"

	"github.com/fleetdial/fleetdial"
)

// health is the response of Healthz.
type health struct {
	Status string `json:"status"` // "ok" or "degraded"
	statusView
}

// statusView is the status of a store as JSON. It has no error texts, because they
// name servers.
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

func newStatusView(s fleetdial.Status) statusView {
	out := statusView{
		State: s.State, Since: utcOrNil(s.Since), Source: s.Source, Version: s.Revision.Version,
		AppliedAt: utcOrNil(s.AppliedAt), LastSync: utcOrNil(s.LastSync), ClockOffset: s.ClockOffset.Milliseconds(),
	}
	if s.Rejected != nil {
		out.Rejected = s.Rejected.Reason
	}
	return out
}

// utcOrNil returns t in UTC, without its monotonic clock reading. It returns nil for the
// zero time, so that JSON omits the field.
func utcOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Round(0)
	return &t
}

// Healthz returns a handler that always answers 200. A proxy without Redis keeps serving
// with its current set, so an orchestrator must not restart the proxy or take it out of
// service.
//
// The JSON body has "status", which is "ok" or "degraded". "degraded" means that the
// store is a [fleetdial.StatusStore], such as a [fleetdial.Subscriber], whose state is
// neither live nor empty, or that the store is nil. For a StatusStore the body also has the
// fields of its status. The body never names a server, a tenant or a directive.
func Healthz(store fleetdial.Store) http.Handler {
	if isNil(store) {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			writeJSON(w, "application/json", http.StatusOK, health{Status: "degraded"})
		})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		out := health{Status: "ok"}
		if s, ok := store.(fleetdial.StatusStore); ok {
			out.statusView = newStatusView(s.Status())
			if out.State != fleetdial.StateLive && out.State != fleetdial.StateEmpty {
				out.Status = "degraded"
			}
		}
		writeJSON(w, "application/json", http.StatusOK, out)
	})
}
