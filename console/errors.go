package console

import (
	"errors"
	"net/http"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/console/internal/live"
	"github.com/fleetdial/fleetdial/internal/review"
)

// statusError is an error with the status of its answer.
type statusError struct {
	status int
	text   string
}

func (e *statusError) Error() string { return e.text }

func notFound(text string) error   { return &statusError{http.StatusNotFound, text} }
func badRequest(text string) error { return &statusError{http.StatusBadRequest, text} }

var errReadOnly = &statusError{http.StatusForbidden, "nothing was written: this console is read-only, or you may not publish " +
	"(ask the operator of this console)"}

// statusOf returns the status of the answer to a request with an error.
func statusOf(err error) int {
	if e, ok := errors.AsType[*statusError](err); ok {
		return e.status
	}
	_, isConflict := errors.AsType[*fleetdial.ConflictError](err)
	_, isUnknown := errors.AsType[*review.UnknownIDError](err)
	_, isUnreadable := errors.AsType[*review.UnreadableError](err)
	switch {
	case isConflict:
		return http.StatusConflict
	case isUnknown, isUnreadable, review.IsInvalid(err), errors.Is(err, fleetdial.ErrUnverified):
		return http.StatusUnprocessableEntity
	case errors.Is(err, fleetdial.ErrNotInHistory), errors.Is(err, fleetdial.ErrNoRevision):
		return http.StatusNotFound
	case isUnavailable(err), errors.Is(err, fleetdial.ErrOutcomeUnknown), errors.Is(err, live.ErrClosed):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// fail answers with an error. The page is nil if there is none yet.
func (c *Console) fail(w http.ResponseWriter, r *http.Request, p *page, err error) {
	status := statusOf(err)
	if p == nil {
		p = c.barePage(r)
	}
	if status == http.StatusInternalServerError {
		c.cfg.Logger.Error("request failed", "path", r.URL.Path, "error", err)
	}
	p.Title, p.Data, p.isLive = http.StatusText(status), err.Error(), false
	c.render(w, status, "error", p)
}
