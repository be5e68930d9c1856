package main

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/fleetdial/fleetdial"
)

// TestGet_BodyCanBePublished checks that every set, as get --body writes it, is a valid body
// of the same directives, except those that have expired.
func TestGet_BodyCanBePublished(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1_800_000_000_123).Add(456 * time.Microsecond)
	name := rapid.OneOf(rapid.StringN(1, 8, 64), rapid.SampledFrom([]string{
		"yes", "null", "~", "12", " acme ", "a\r\nb", "a\x00b", "\u202e", "\u0085", "\u2028", "\x7f", "\"", "\\", "</script>", "\uFEFF", "\U000e0001",
	}))
	optional := rapid.OneOf(rapid.Just(""), name)
	instances := rapid.OneOf(rapid.Just[*fleetdial.Instances](nil), rapid.Custom(func(t *rapid.T) *fleetdial.Instances {
		in := &fleetdial.Instances{
			Names: []string{rapid.StringMatching(`[!-~]{1,8}`).Draw(t, "instance")}, Labels: map[string]string{name.Draw(t, "label"): name.Draw(t, "value")},
		}
		if perMille := rapid.IntRange(-1, 1000).Draw(t, "per mille"); perMille >= 0 {
			in.PerMille = &perMille
		}
		return in
	}))
	rapid.Check(t, func(t *rapid.T) {
		var directives []fleetdial.Directive
		for i := range rapid.IntRange(0, 4).Draw(t, "directives") {
			directives = append(directives, fleetdial.Directive{
				ID:             name.Draw(t, "id") + strings.Repeat("x", i),
				Level:          fleetdial.Level(rapid.IntRange(0, 3).Draw(t, "level")),
				SamplePerMille: rapid.IntRange(0, 1000).Draw(t, "sample"),
				RingBuffer:     rapid.Bool().Draw(t, "ring"), Capture: rapid.Bool().Draw(t, "capture"),
				ExpiresAt: now.Add(rapid.SampledFrom([]time.Duration{
					-time.Hour, -time.Millisecond, 0, time.Millisecond, time.Second, 23 * time.Hour, 1000 * time.Hour,
				}).Draw(t, "ttl")),
				Match: fleetdial.Match{
					Tenant: optional.Draw(t, "tenant"), Index: optional.Draw(t, "index"), Principal: optional.Draw(t, "principal"),
					Endpoint: fleetdial.Endpoint(rapid.IntRange(0, int(fleetdial.Unknown)).Draw(t, "endpoint")),
				},
				Instances: instances.Draw(t, "instances"), MaxPerSecond: rapid.IntRange(0, 3).Draw(t, "limit"),
			})
		}
		set, err := fleetdial.NewSet(directives)
		if err != nil {
			t.Skip("ids are repeated")
		}
		kept, expired := publishable(set, now)
		require.Equal(t, set.Len(), kept.Len()+len(expired))
		var out, messages bytes.Buffer
		a := &app{stdout: &dataWriter{Writer: &out}, stderr: &messages}
		require.NoError(t, a.writePublishable(set, now))
		for _, yaml := range []bool{false, true} {
			got, err := fleetdial.ParseSetWith(out.Bytes(), now, fleetdial.ParseOptions{MaxTTL: 2000 * time.Hour, YAML: yaml})
			require.NoError(t, err, "yaml %v: %s", yaml, out.String())
			require.Zero(t, fleetdial.DiffSets(kept, got).Len(), "yaml %v: %s", yaml, out.String())
		}
		if len(expired) > 0 {
			require.Contains(t, messages.String(), "left out expired directives: ")
		}
	})
}

// TestGet_LargeBody checks that a body of any size is compact enough or an error.
func TestGet_LargeBody(t *testing.T) {
	t.Parallel()
	now := time.Now()
	large := func(name string) *fleetdial.Set {
		directives := make([]fleetdial.Directive, fleetdial.MaxDirectives)
		for i := range directives {
			directives[i] = fleetdial.Directive{
				ID: strings.Repeat("i", 20) + string(rune('a'+i%26)) + json.Number(time.Duration(i).String()).String(), Level: fleetdial.Shape, SamplePerMille: 1000,
				ExpiresAt: now.Add(time.Hour), Match: fleetdial.Match{Tenant: name, Index: name},
			}
		}
		set, err := fleetdial.NewSet(directives)
		require.NoError(t, err)
		return set
	}
	var out bytes.Buffer
	a := &app{stdout: &dataWriter{Writer: &out}, stderr: io.Discard}
	require.NoError(t, a.writePublishable(large(strings.Repeat("n", 90)), now))
	require.LessOrEqual(t, out.Len(), fleetdial.MaxBodyBytes)
	require.NotContains(t, out.String(), "\n ", "an indented body would be too large")
	set, err := fleetdial.ParseSet(out.Bytes(), now)
	require.NoError(t, err)
	require.Equal(t, fleetdial.MaxDirectives, set.Len())
	out.Reset()
	require.ErrorContains(t, a.writePublishable(large(strings.Repeat("n", 256)), now), "publish accepts 4194304")
	require.Zero(t, out.Len())
}
