package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
)

func TestShortened_SameEndIsNotShorter(t *testing.T) {
	t.Parallel()
	end := time.UnixMilli(1_700_000_000_000)
	warnings := func(after time.Time) []string {
		changed := fleetdial.Changed{Before: fleetdial.Directive{ID: "a", ExpiresAt: end}, After: fleetdial.Directive{ID: "a", ExpiresAt: after}}
		return shortened(t.Context(), fleetdial.Revision{}, fleetdial.Diff{Changed: []fleetdial.Changed{changed}})
	}
	assert.Empty(t, warnings(end))
	assert.Empty(t, warnings(end.Add(time.Millisecond)))
	shorter := warnings(end.Add(-time.Millisecond))
	require.Len(t, shorter, 1)
	assert.Contains(t, shorter[0], "directive a would end at")
}
