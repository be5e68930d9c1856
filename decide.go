package fleetdial

import (
	"context"
	"time"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// Decide evaluates a request against the current set of a store, now. Like
// [Subscriber.Decide], it never blocks and does not allocate. It reads the clock only if
// a directive matches the request. A nil store has no directives.
func Decide(store Store, req Request) Decision {
	if store == nil {
		return Decision{}
	}
	return directive.EvaluateNow(store.Load(), &req, time.Since)
}

type decisionKey struct{}

// WithDecision returns a context that carries the decision on a request, for code that
// works on the request, such as a log handler or a trace sampler.
func WithDecision(ctx context.Context, d Decision) context.Context {
	return context.WithValue(ctx, decisionKey{}, d)
}

// DecisionFrom returns the decision that ctx carries. Without one, it returns the zero
// Decision, which records nothing.
func DecisionFrom(ctx context.Context) Decision {
	d, _ := ctx.Value(decisionKey{}).(Decision)
	return d
}
