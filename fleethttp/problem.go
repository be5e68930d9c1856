package fleethttp

import (
	"encoding/json"
	"net/http"
)

// Reason is a stable, machine-readable word for the reason why [AdminHandler] rejected a
// request.
type Reason string

// The reasons, each with its HTTP status code.
const (
	// ReasonNotEnabled, 404: no token is configured, or publishing is not configured.
	ReasonNotEnabled Reason = "not_enabled"
	// ReasonTLSRequired, 403: the request came over plain HTTP.
	ReasonTLSRequired Reason = "tls_required"
	// ReasonUnauthorized, 401: the bearer token is missing or wrong.
	ReasonUnauthorized Reason = "unauthorized"
	// ReasonMethod, 405: the method is not GET, HEAD or POST.
	ReasonMethod Reason = "method_not_allowed"
	// ReasonParameter, 400: a query parameter is unknown, repeated or malformed.
	ReasonParameter Reason = "invalid_parameter"
	// ReasonBody, 400: the body could not be read.
	ReasonBody Reason = "unreadable_body"
	// ReasonTooLarge, 413: the body is larger than [fleetdial.MaxBodyBytes].
	ReasonTooLarge Reason = "body_too_large"
	// ReasonInvalid, 400: the set is invalid. "field" is the path of the invalid field.
	ReasonInvalid Reason = "invalid_set"
	// ReasonConflict, 409: the current revision does not have the version of if_version.
	// "version" is the version of the current revision.
	ReasonConflict Reason = "conflict"
	// ReasonFormat, 409: a live instance does not read the format that the set needs. "detail"
	// names the instances. any_format=true disables this check.
	ReasonFormat Reason = "format_not_read"
	// ReasonUnavailable, 503: Redis is unreachable, or denies access. Nothing was written.
	ReasonUnavailable Reason = "unavailable"
	// ReasonOutcomeUnknown, 504: the reply of Redis was lost. The set may be published.
	ReasonOutcomeUnknown Reason = "outcome_unknown"
	// ReasonIncomplete, 500: the set is published as "version", but Redis rejected a command
	// after the write, such as LPUSH to the history or PUBLISH. Without PUBLISH, subscribers
	// find the set with their next resync.
	ReasonIncomplete Reason = "incomplete"
	// ReasonFailed, 500: the publish failed for any other reason. Nothing was written.
	ReasonFailed Reason = "failed"
)

// problem is a problem detail of RFC 9457. Its member "error" is the reason, as in
// osproxy.
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
