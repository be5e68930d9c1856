// Package fleethttp brings decisions to HTTP: a middleware that decides once for each request, the X-Debug-Directive
// header for a single request, and handlers that show and publish directives and tell a proxy's health.
package fleethttp

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/fleetdial/fleetdial"
)

// DirectiveHeader carries a token that fleetdial.SignToken made. In a response it says what became of it.
const DirectiveHeader = "X-Debug-Directive"

// Config says how the middleware knows its requests. The zero value works.
type Config struct {
	// Classify tells what directives can match of a request; nil is the endpoint and the index as OpenSearch's paths have
	// them. It is called once for each request, before the next handler. Where it leaves the ID empty, the middleware uses
	// the X-Request-Id header.
	Classify func(*http.Request) fleetdial.Request
	// TokenKey, of at least 16 bytes, is what X-Debug-Directive headers are signed with; nil ignores them.
	TokenKey []byte
	// MaxTokenTTL bounds how far from now a token may expire; 0 is fleetdial.DefaultMaxTTL.
	MaxTokenTTL time.Duration
}

// Middleware returns what wraps a handler: each request is decided on once, by the store's set, and the decision goes
// with the request's context, for fleetdial.DecisionFrom. A request on which nothing is to be recorded has no decision
// in its context, and costs no allocation.
//
// A request without X-Request-Id, or with one that is not 1 to 128 bytes of visible ASCII, is given one, in its header:
// 32 random hex digits.
//
// With a TokenKey, the X-Debug-Directive header of a request is checked, taken off, so that it goes no further, and the
// higher of its directive and the set decides. The response's header of that name says "applied", "does not match", or
// why the token is refused, in which case the set alone decides; whatever else the handler gives that header is replaced.
// The error is that of a TokenKey that is too short.
func Middleware(store fleetdial.Store, cfg Config) (func(http.Handler) http.Handler, error) {
	if cfg.Classify == nil {
		cfg.Classify = classify
	}
	if cfg.TokenKey != nil {
		if _, err := fleetdial.ParseToken(cfg.TokenKey, "", time.Now(), 0); errors.Is(err, fleetdial.ErrTokenKey) {
			return nil, err
		}
	}
	cfg.MaxTokenTTL = cmp.Or(cfg.MaxTokenTTL, fleetdial.DefaultMaxTTL)
	return func(next http.Handler) http.Handler {
		return &decider{store: store, cfg: cfg, next: next}
	}, nil
}

func classify(r *http.Request) fleetdial.Request {
	endpoint, index := OpenSearch(r.Method, r.URL)
	return fleetdial.Request{Endpoint: endpoint, Index: index}
}

type decider struct {
	store fleetdial.Store
	cfg   Config
	next  http.Handler
}

func (h *decider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var c classified
	c.Request = h.cfg.Classify(r)
	if c.ID == "" {
		c.ID, c.gaveID = requestID(r)
	}
	d := fleetdial.Decide(h.store, c.Request)
	if h.cfg.TokenKey != nil {
		if token, found := r.Header[DirectiveHeader]; found {
			delete(r.Header, DirectiveHeader)
			c.tookToken = true
			asked, result := h.tokenDecision(token, c.Request)
			d, w = d.Or(asked), newTokenAnswer(w, result)
		}
	}
	var none fleetdial.Decision
	if ctx := r.Context(); d != none || fleetdial.DecisionFrom(ctx) != none {
		r = r.WithContext(context.WithValue(fleetdial.WithDecision(ctx, d), classifiedKey{}, c))
	}
	h.next.ServeHTTP(w, r)
}

// tokenDecision returns what the request's token asks for, and what the response says of it.
func (h *decider) tokenDecision(tokens []string, req fleetdial.Request) (d fleetdial.Decision, result string) {
	d, err := h.evaluateToken(tokens, req)
	switch {
	case err != nil:
		return d, "refused: " + err.Error()
	case d == (fleetdial.Decision{}):
		return d, "does not match"
	}
	return d, "applied"
}

var errTokens = errors.New("there is more than one")

func (h *decider) evaluateToken(tokens []string, req fleetdial.Request) (none fleetdial.Decision, err error) {
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

// classified is what the middleware knows of a request, and what it changed of it.
type classified struct {
	fleetdial.Request
	gaveID, tookToken bool
}

type classifiedKey struct{}

// RequestFrom returns what the request of that context was classified as, if the middleware had anything to record of
// it, and whether it had.
func RequestFrom(ctx context.Context) (fleetdial.Request, bool) {
	c, ok := ctx.Value(classifiedKey{}).(classified)
	return c.Request, ok
}

// HeadersChanged returns the names of the headers that the middleware gave to the request of that context, and took off
// it; none where RequestFrom returns false.
func HeadersChanged(ctx context.Context) (added, removed []string) {
	c, _ := ctx.Value(classifiedKey{}).(classified)
	if c.gaveID {
		added = append(added, RequestIDHeader)
	}
	if c.tookToken {
		removed = append(removed, DirectiveHeader)
	}
	return added, removed
}
