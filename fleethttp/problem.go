package fleethttp

import (
	"encoding/json"
	"net/http"
)

// Reason is the kind of reason for which an admin request is refused, as a word that programs can rely on.
type Reason string

// The reasons.
const (
	// ReasonNotEnabled, 404: there is no token, or nothing to publish through.
	ReasonNotEnabled Reason = "not_enabled"
	// ReasonTLSRequired, 403: the request came over plain HTTP.
	ReasonTLSRequired Reason = "tls_required"
	// ReasonUnauthorized, 401: the bearer token is missing or wrong.
	ReasonUnauthorized Reason = "unauthorized"
	// ReasonMethod, 405: neither GET nor POST.
	ReasonMethod Reason = "method_not_allowed"
	// ReasonParameter, 400: a query parameter is unknown, repeated or malformed.
	ReasonParameter Reason = "invalid_parameter"
	// ReasonBody, 400: the body could not be read.
	ReasonBody Reason = "unreadable_body"
	// ReasonTooLarge, 413: the body is beyond fleetdial.MaxBodyBytes.
	ReasonTooLarge Reason = "body_too_large"
	// ReasonInvalid, 400: the set is refused; "field" says where.
	ReasonInvalid Reason = "invalid_set"
	// ReasonConflict, 409: the version is not the one asked for; "version" is the one that is there.
	ReasonConflict Reason = "conflict"
	// ReasonUnavailable, 503: Redis could not be reached. Nothing was written.
	ReasonUnavailable Reason = "unavailable"
	// ReasonOutcomeUnknown, 504: the reply of Redis was lost. The set may be published.
	ReasonOutcomeUnknown Reason = "outcome_unknown"
	// ReasonFailed, 500: anything else. Nothing was written.
	ReasonFailed Reason = "failed"
)

// problem is a problem detail after RFC 9457. Error is its machine-readable reason, in the member in which osproxy has it.
type problem struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	Status  int    `json:"status"`
	Detail  string `json:"detail,omitempty"`
	Error   Reason `json:"error"`
	Field   string `json:"field,omitempty"`
	Version *int64 `json:"version,omitempty"`
}

func (p problem) write(w http.ResponseWriter) {
	p.Type, p.Title = "about:blank", http.StatusText(p.Status)
	writeJSON(w, "application/problem+json", p.Status, p)
}

func writeJSON(w http.ResponseWriter, contentType string, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings, integers, booleans and times always encode
	}
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}
