package fleetdial_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
)

func TestDecide_AnyStore(t *testing.T) {
	t.Parallel()
	store := fleetdial.NewMemory()
	req := fleetdial.Request{Tenant: "acme", ID: "r"}
	assert.Zero(t, fleetdial.Decide(store, req))
	set, err := fleetdial.NewSet([]fleetdial.Directive{
		{ID: "over", Level: fleetdial.ShapeRewriteDiff, SamplePerMille: 1000, ExpiresAt: time.Now().Add(-time.Second)},
		{ID: "a", Level: fleetdial.Shape, SamplePerMille: 1000, ExpiresAt: time.Now().Add(time.Hour), Capture: true},
	})
	require.NoError(t, err)
	store.Publish(set)
	assert.Equal(t, fleetdial.Decision{Level: fleetdial.Shape, By: "a", Capture: true}, fleetdial.Decide(store, req))
}

func TestWithDecision_TravelsInAContext(t *testing.T) {
	t.Parallel()
	assert.Zero(t, fleetdial.DecisionFrom(context.Background()))
	d := fleetdial.Decision{Level: fleetdial.ShapeTiming, By: "a"}
	assert.Equal(t, d, fleetdial.DecisionFrom(fleetdial.WithDecision(context.Background(), d)))
}

func TestDecision_Or(t *testing.T) {
	t.Parallel()
	set := fleetdial.Decision{Level: fleetdial.Shape, By: "set", RingBuffer: true}
	assert.Equal(t, fleetdial.Decision{Level: fleetdial.Shape, By: "set", RingBuffer: true, Capture: true},
		set.Or(fleetdial.Decision{Level: fleetdial.Shape, By: "token", Capture: true}))
	assert.Equal(t, fleetdial.Decision{Level: fleetdial.ShapeTiming, By: "token", RingBuffer: true},
		set.Or(fleetdial.Decision{Level: fleetdial.ShapeTiming, By: "token"}))
}

// TestDecide_NilStore decides with the stores of a program that ignored the error of
// Subscribe.
func TestDecide_NilStore(t *testing.T) {
	t.Parallel()
	for _, store := range []fleetdial.Store{nil, (*fleetdial.Subscriber)(nil), (*fleetdial.Memory)(nil)} {
		assert.Zero(t, fleetdial.Decide(store, fleetdial.Request{ID: "1"}))
	}
	assert.Zero(t, (*fleetdial.Subscriber)(nil).Decide(fleetdial.Request{ID: "1"}))
}
