// Package fleethttp applies the directives of a fleet to HTTP requests. [Middleware] and
// [Decider] decide once per request and evaluate X-Debug-Directive tokens. [AdminHandler]
// shows and publishes directives, and [Healthz] reports the health of a proxy.
package fleethttp

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/fleetdial/fleetdial"
)

// DirectiveHeader is the request header that carries a token of [fleetdial.SignToken]. In
// a response, the header carries the result of the token.
const DirectiveHeader = "X-Debug-Directive"

// Config configures [NewDecider] and [Middleware]. The zero value works.
type Config struct {
	// Classify returns the fields of a request that directives match. The default is the
	// endpoint and the index that [OpenSearch] finds in the path. Classify is called once
	// per request, before the next handler. If Classify leaves the ID empty, the
	// X-Request-Id header has the ID.
	Classify func(*http.Request) fleetdial.Request
	// TokenKey is the key that signs X-Debug-Directive tokens, at least 16 bytes. If
	// TokenKey is nil, tokens are ignored.
	TokenKey []byte
	// MaxTokenTTL is the longest time from now to the expiry of a token. The default is
	// [fleetdial.DefaultMaxTTL].
	MaxTokenTTL time.Duration
}

// check sets the defaults. The error names the invalid field.
func (cfg *Config) check() error {
	if cfg.Classify == nil {
		cfg.Classify = classify
	}
	if cfg.TokenKey != nil {
		if _, err := fleetdial.ParseToken(cfg.TokenKey, "", time.Now(), 0); errors.Is(err, fleetdial.ErrTokenKey) {
			return fmt.Errorf("Config.TokenKey: %w", err)
		}
	}
	if cfg.MaxTokenTTL < 0 {
		return errors.New("Config.MaxTokenTTL: must not be negative")
	}
	cfg.MaxTokenTTL = cmp.Or(cfg.MaxTokenTTL, fleetdial.DefaultMaxTTL)
	return nil
}

func classify(r *http.Request) fleetdial.Request {
	endpoint, index := OpenSearch(r.Method, r.URL)
	return fleetdial.Request{Endpoint: endpoint, Index: index}
}

var errNoStore = errors.New("store: is nil")

// isNil reports whether a store is nil, or is a nil pointer. A program passes a nil
// pointer if it ignores the error of [fleetdial.Subscribe].
func isNil(store fleetdial.Store) bool {
	v := reflect.ValueOf(store)
	return !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil()
}

// Middleware returns a function that wraps an HTTP handler. The wrapped handler calls
// [Decider.Decide] for each request, and then the next handler. The error is that of
// [NewDecider].
func Middleware(store fleetdial.Store, cfg Config) (func(http.Handler) http.Handler, error) {
	d, err := NewDecider(store, cfg)
	if err != nil {
		return nil, err
	}
	return func(next http.Handler) http.Handler {
		if next == nil {
			panic("fleethttp: Middleware: the next handler is nil")
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w, r, _ = d.Decide(w, r)
			next.ServeHTTP(w, r)
		})
	}, nil
}
