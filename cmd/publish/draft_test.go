package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
)

// TestBlockYAML_KeepsTheSet checks that a draft in YAML describes the same set, also with
// names that YAML would read as another type.
func TestBlockYAML_KeepsTheSet(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1_700_000_000_123)
	var all []fleetdial.Directive
	for _, name := range []string{
		"no", "true", "~", "1e3", "0x10", "2020-01-01", "- a", "a: b", "# a", "é\u2028\"\\'", "\U0001F600", " a ", "{{", "<<", "&a", "*", "!a", "%", "`", "?",
	} {
		all = append(all, fleetdial.Directive{
			ID: name, Match: fleetdial.Match{Tenant: name, Index: name, Principal: name, Endpoint: fleetdial.Search},
			Level: fleetdial.ShapeTiming, SamplePerMille: 10, RingBuffer: true, Capture: true, ExpiresAt: now.Add(time.Hour),
			Instances: &fleetdial.Instances{Names: []string{"no", "1e3"}, Labels: map[string]string{name: name}}, MaxPerSecond: 7,
		})
	}
	set, err := fleetdial.NewSet(all)
	require.NoError(t, err)
	block, err := blockYAML(fleetdial.AppendBody(nil, set))
	require.NoError(t, err)
	parsed, err := fleetdial.ParseSetWith(block, now, fleetdial.ParseOptions{YAML: true})
	require.NoError(t, err, string(block))
	assert.Zero(t, fleetdial.DiffSets(set, parsed).Len(), string(block))
	assert.Equal(t, set.Len(), parsed.Len())
}
