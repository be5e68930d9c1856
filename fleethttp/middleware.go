// Package fleethttp applies the directives of a fleet to HTTP requests. [Middleware]
// decides once per request and evaluates X-Debug-Directive tokens. [AdminHandler] shows
// and publishes directives, and [Healthz] reports the health of a proxy.
package fleethttp

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/fleetdial/fleetdial"
)

// DirectiveHeader is the request header that carries a token of [fleetdial.SignToken]. In
// a response, the header carries the result of the token.
const DirectiveHeader = "X-Debug-Directive"

// Config configures [Middleware]. The zero value works.
type Config struct {
	// Classify returns the fields of a request that directives match. The default is the
	// endpoint and the index that [OpenSearch] finds in the path. The middleware calls
	// Classify once per request, before the next handler. If Classify leaves the ID
	// empty, the middleware uses the X-Request-Id header.
	Classify func(*http.Request) fleetdial.Request
	// TokenKey is the key that signs X-Debug-Directive tokens, at least 16 bytes. If
	// TokenKey is nil, the middleware ignores tokens.
	TokenKey []byte
	// MaxTokenTTL is the longest time from now to the expiry of a token. The default is
	// [fleetdial.DefaultMaxTTL].
	MaxTokenTTL time.Duration
}

// Middleware returns a function that wraps an HTTP handler. The wrapped handler decides
// once per request, with the set of the store, and puts the decision into the context of
// the request, for [fleetdial.DecisionFrom]. If a request needs no recording, its context
// has no decision, and the middleware does not allocate. The error reports a TokenKey
// that is too short.
//
// If the X-Request-Id header of a request is missing, or is not 1 to 128 bytes of visible
// ASCII, the middleware sets the header to 32 random hex digits.
//
// If cfg has a TokenKey, the middleware evaluates the X-Debug-Directive header of a
// request and removes the header. The decision combines the token's directive and the
// set, and the higher level wins. The X-Debug-Directive header of the response is
// "applied", "does not match", or "rejected: " and the reason. A rejected token does not
// change the decision of the set. The next handler cannot change this response header.
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
		c.ID, c.idGenerated = requestID(r)
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
	h.next.ServeHTTP(w, r)
}

// tokenDecision returns the decision of the request's token, and the value of the
// response header.
func (h *decider) tokenDecision(tokens []string, req fleetdial.Request) (d fleetdial.Decision, result string) {
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

// classified is a classified request, and the changes that the middleware made to its
// header.
type classified struct {
	fleetdial.Request
	idGenerated, tokenRemoved bool
}

type classifiedKey struct{}

// RequestFrom returns the classified request of ctx. The result is false if the context
// comes from no [Middleware], or if the request needs no recording.
func RequestFrom(ctx context.Context) (fleetdial.Request, bool) {
	c, ok := ctx.Value(classifiedKey{}).(classified)
	return c.Request, ok
}

// HeadersChanged returns the names of the headers that the middleware added to the
// request of ctx, and removed from the request. Both are empty if [RequestFrom] returns
// false.
func HeadersChanged(ctx context.Context) (added, removed []string) {
	c, _ := ctx.Value(classifiedKey{}).(classified)
	if c.idGenerated {
		added = append(added, RequestIDHeader)
	}
	if c.tokenRemoved {
		removed = append(removed, DirectiveHeader)
	}
	return added, removed
}
