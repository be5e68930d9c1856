package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/review"
)

func TestExtend_SameEndIsNotShorter(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1_700_000_000_000)
	end := now.Add(time.Minute)
	set, err := fleetdial.NewSet([]fleetdial.Directive{
		{ID: "a", Level: fleetdial.Shape, SamplePerMille: 1000, ExpiresAt: end},
		{ID: "b", Level: fleetdial.Shape, SamplePerMille: 1000, ExpiresAt: end},
	})
	require.NoError(t, err)
	ids := []string{"a", "a"}
	same, expired, err := review.Extend(set, ids, now, end)
	require.NoError(t, err)
	assert.Zero(t, expired)
	assert.Zero(t, fleetdial.DiffSets(set, same).Len())
	shorter, _, err := review.Extend(set, ids, now, end.Add(-time.Millisecond))
	require.NoError(t, err)
	diff := fleetdial.DiffSets(set, shorter)
	warnings := shortened(t.Context(), fleetdial.Revision{}, diff)
	require.Len(t, warnings, 1)
	assert.Contains(t, warnings[0], "directive a would end at")
	longer, _, err := review.Extend(set, ids, now, end.Add(time.Millisecond))
	require.NoError(t, err)
	assert.Empty(t, shortened(t.Context(), fleetdial.Revision{}, fleetdial.DiffSets(set, longer)))
}
