package fleethttp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/fleetdial/fleetdial"
)

// Decider decides on HTTP requests. A program that cannot use [Middleware], because it
// has a handler chain of its own, calls [Decider.Decide] once per request. A Decider is
// safe for concurrent use.
type Decider struct {
	store fleetdial.Store
	cfg   Config
}

// NewDecider returns a Decider that uses the sets of the store. The error names the field
// of cfg that is invalid, or reports that the store is nil. The error wraps
// [fleetdial.ErrTokenKey] if the TokenKey is too short.
func NewDecider(store fleetdial.Store, cfg Config) (*Decider, error) {
	err := cfg.check()
	if isNil(store) {
		err = errNoStore
	}
	if err != nil {
		return nil, fmt.Errorf("fleethttp: %w", err)
	}
	cfg.TokenKey = bytes.Clone(cfg.TokenKey)
	return &Decider{store: store, cfg: cfg}, nil
}

// Decide decides on a request with the set of the store. The rest of the handler chain
// must use the ResponseWriter and the Request that Decide returns. The context of this
// request has the decision, for [fleetdial.DecisionFrom]. If the request needs no
// recording, its context has no decision. Decide does not allocate then, and returns w
// and r.
//
// Decide changes the header of r. The X-Request-Id header has exactly one value
// afterwards. If the header was missing, or is not 1 to 128 bytes of visible ASCII, the
// value is 32 random hex digits. If the header had several values, the value is the first
// one. The Connection header does not name X-Request-Id afterwards, because a proxy would
// not forward the id otherwise. If Classify returns an ID, Decide does not change the two
// headers.
//
// If the Config has a TokenKey, Decide evaluates the X-Debug-Directive header of the
// request and removes the header. The decision combines the token's directive and the
// set, and the higher level wins. The X-Debug-Directive header of the response is
// "applied", "does not match", or "rejected: " and the reason. A rejected token does not
// change the decision of the set. The rest of the chain cannot change this response
// header.
func (h *Decider) Decide(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, *http.Request, fleetdial.Decision) {
	var c classified
	c.Request = h.cfg.Classify(r)
	if c.ID == "" {
		c.ID, c.idChange = requestID(r)
	}
	d := fleetdial.Decide(h.store, c.Request)
	if h.cfg.TokenKey != nil {
		if token, found := r.Header[DirectiveHeader]; found {
			delete(r.Header, DirectiveHeader)
			c.tokenRemoved = true
			fromToken, result := h.tokenDecision(token, c.Request)
			d, w = d.Or(fromToken), newTokenAnswer(w, result)
		}
	}
	var none fleetdial.Decision
	if ctx := r.Context(); d != none || fleetdial.DecisionFrom(ctx) != none {
		r = r.WithContext(context.WithValue(fleetdial.WithDecision(ctx, d), classifiedKey{}, c))
	}
	return w, r, d
}

// tokenDecision returns the decision of the request's token, and the value of the
// response header.
func (h *Decider) tokenDecision(tokens []string, req fleetdial.Request) (d fleetdial.Decision, result string) {
	d, err := h.evaluateToken(tokens, req)
	switch {
	case err != nil:
		return d, "rejected: " + err.Error()
	case d == (fleetdial.Decision{}):
		return d, "does not match"
	}
	return d, "applied"
}

var errTokens = errors.New(DirectiveHeader + ": must be given once")

func (h *Decider) evaluateToken(tokens []string, req fleetdial.Request) (none fleetdial.Decision, err error) {
	if len(tokens) != 1 {
		return none, errTokens
	}
	now := time.Now()
	d, err := fleetdial.ParseToken(h.cfg.TokenKey, tokens[0], now, h.cfg.MaxTokenTTL)
	if err != nil {
		return none, err
	}
	set, err := fleetdial.NewSet([]fleetdial.Directive{d})
	if err != nil {
		return none, err
	}
	return set.Evaluate(req, now), nil
}

// classified is a classified request, and the changes that Decide made to its header.
type classified struct {
	fleetdial.Request
	idChange     idChange
	tokenRemoved bool
}

type classifiedKey struct{}

// RequestFrom returns the classified request of ctx. The result is false if the context
// comes from no [Decider], or if the request needs no recording.
func RequestFrom(ctx context.Context) (fleetdial.Request, bool) {
	c, ok := ctx.Value(classifiedKey{}).(classified)
	return c.Request, ok
}

// HeadersChanged returns the names of the headers to which [Decider.Decide] added a
// value, and of those from which Decide removed a value. Both are empty if [RequestFrom]
// returns false.
func HeadersChanged(ctx context.Context) (added, removed []string) {
	c, _ := ctx.Value(classifiedKey{}).(classified)
	switch c.idChange {
	case idGenerated:
		added = append(added, RequestIDHeader)
	case idsRemoved:
		removed = append(removed, RequestIDHeader)
	}
	if c.tokenRemoved {
		removed = append(removed, DirectiveHeader)
	}
	return added, removed
}
