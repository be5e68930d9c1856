package fleetdial

import (
	"context"
	"time"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// Decide evaluates a request against the current set of a store, at the current time.
// Like [Subscriber.Decide], Decide never blocks, and reads the clock only if a directive
// matches the request. Decide does not allocate, except when a directive applies for the
// first time. A nil store has no directives.
func Decide(store Store, req Request) Decision {
	if store == nil {
		return Decision{}
	}
	return directive.EvaluateNow(store.Load(), &req, time.Since)
}

type decisionKey struct{}

// WithDecision returns a context with the decision on a request, for code that handles
// the request, such as a log handler or a trace sampler.
func WithDecision(ctx context.Context, d Decision) context.Context {
	return context.WithValue(ctx, decisionKey{}, d)
}

// DecisionFrom returns the decision in ctx. If ctx has no decision, DecisionFrom returns
// the zero Decision, which records nothing.
func DecisionFrom(ctx context.Context) Decision {
	d, _ := ctx.Value(decisionKey{}).(Decision)
	return d
}
