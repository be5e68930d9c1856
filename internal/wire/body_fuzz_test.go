package wire

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// fuzzBody checks any body: ParseBody does not panic, returns one type of error, and an
// accepted set means what other readers of JSON and YAML read, and survives a round trip
// through AppendBody, and through a value.
func fuzzBody(f *testing.F, opts BodyOptions) {
	f.Add([]byte(bodyOf(`,"tenant":"acme","endpoint":"Search"`)))
	f.Add([]byte(`{"directives":[{"id":"b","level":"Off","expires_at":"2026-03-01T13:01:00Z","capture":true}]}`))
	f.Add([]byte(`{"directives":[{"id":"b","level":"Off","expires_at":"2026-03-01T12:00:00.0015+00:00"}]}`))
	f.Add([]byte(bodyOf(`,"tenant":"a","\u0074enant":"b"`)))
	f.Add([]byte(bodyOf(`,"tenant":"<\u2028\ud83d\ude00\u0000>","sample_per_mille":0`)))
	f.Add([]byte(yamlOf("tenant: &x |\n    b")))
	f.Add([]byte(yamlOf("tenant: >-\n    b\n    c\n  # more\n  'index': \"\\u2028\"\n  ? principal\n  : c")))
	f.Add([]byte("directives:\n- {id: a, level: Off, expires_at: 2026-03-01T13:01:00Z}\n"))
	f.Add([]byte("a: &a [*a, <<: *b, !!str 5, ! x]\n---\n%TAG"))
	for _, fields := range detailSeeds {
		f.Add([]byte(bodyOf(fields)))
	}
	for _, field := range yamlDetailSeeds {
		f.Add([]byte(yamlOf(field)))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		set, err := ParseBody(body, now, opts)
		if err != nil {
			invalid := new(directive.ValidationError)
			require.ErrorAs(t, err, &invalid)
			require.NotEmpty(t, invalid.Reason)
			require.NotContains(t, invalid.Error(), "\n")
			return
		}
		again, err := ParseBody(AppendBody(nil, set), now, BodyOptions{})
		require.NoError(t, err)
		require.Equal(t, set.Directives(), again.Directives())
		value, err := Encode(Revision{Version: 1, ID: strings.Repeat("0a", 16), PublishedAt: now, Set: set})
		require.NoError(t, err)
		rev, err := Decode(value)
		require.NoError(t, err)
		require.Equal(t, set.Directives(), rev.Set.Directives())
		if opts.YAML {
			requireMeans(t, asYAML(t, body), set)
			return
		}
		requireMeans(t, asJSON(t, body), set)
		requireYAMLAgrees(t, body, set)
	})
}

// requireYAMLAgrees checks that a JSON body read as YAML gives the same set or an error.
// It gives an error for surrogates in escapes, for example, which YAML does not have.
func requireYAMLAgrees(t *testing.T, body []byte, set *directive.Set) {
	fromYAML, err := ParseBody(body, now, BodyOptions{YAML: true})
	if err != nil {
		return
	}
	require.Equal(t, set.Directives(), fromYAML.Directives())
}

func FuzzParseBodyJSON(f *testing.F) { fuzzBody(f, BodyOptions{}) }
func FuzzParseBodyYAML(f *testing.F) { fuzzBody(f, BodyOptions{YAML: true}) }

func BenchmarkParseBody(b *testing.B) {
	body := []byte(manyBody(directive.MaxDirectives))
	var yaml strings.Builder
	yaml.WriteString("directives:\n")
	for i := range directive.MaxDirectives {
		yaml.WriteString(yamlDirective(i))
	}
	for _, c := range []struct {
		name string
		body []byte
		opts BodyOptions
	}{
		{"JSON", body, BodyOptions{}},
		{"YAML", []byte(yaml.String()), BodyOptions{YAML: true}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.body)))
			b.ReportAllocs()
			for b.Loop() {
				_, err := ParseBody(c.body, now, c.opts)
				require.NoError(b, err)
			}
		})
	}
}
