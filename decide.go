package fleetdial

import (
	"context"
	"time"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// Decide evaluates a request against a store's current set, now, as Subscriber.Decide does: it never blocks, does not
// allocate, and reads the clock only if a directive applies but for its expiry.
func Decide(store Store, req Request) Decision {
	return directive.EvaluateNow(store.Load(), &req, time.Since)
}

type decisionKey struct{}

// WithDecision returns a context that carries the decision on the request that it belongs to, for whatever works on
// the request: a log handler, a sampler of traces.
func WithDecision(ctx context.Context, d Decision) context.Context {
	return context.WithValue(ctx, decisionKey{}, d)
}

// DecisionFrom returns the decision that ctx carries; the zero Decision, which records nothing, if it carries none.
func DecisionFrom(ctx context.Context) Decision {
	d, _ := ctx.Value(decisionKey{}).(Decision)
	return d
}
