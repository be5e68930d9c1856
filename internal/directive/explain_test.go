package directive

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestExplain_ReasonsPerDirective(t *testing.T) {
	t.Parallel()
	s := newSet(t,
		dir("applies", nil),
		dir("expired", func(d *Directive) { d.ExpiresAt = noon }),
		dir("elsewhere", func(d *Directive) {
			d.Match = Match{Tenant: "acme", Index: "other", Principal: "someone", Endpoint: Count}
		}),
		dir("out", func(d *Directive) { d.SamplePerMille = SampleBucket("id") }),
		dir("in", func(d *Directive) { d.SamplePerMille = SampleBucket("id") + 1 }),
		dir("every reason", func(d *Directive) { d.ExpiresAt, d.SamplePerMille, d.Match.Index = noon, 0, "x" }),
	)
	e := s.Explain(Request{Tenant: "acme", Index: "orders", Endpoint: Search, ID: "id"}, noon)
	require.Equal(t, SampleBucket("id"), e.Bucket)
	require.Equal(t, Decision{Level: Shape, By: "applies"}, e.Decision)
	grounds := make(map[string]Ground)
	for i, g := range e.Directives {
		require.Equal(t, s.Directives()[i], g.Directive)
		g.Directive = Directive{}
		grounds[s.Directives()[i].ID] = g
	}
	require.Equal(t, map[string]Ground{
		"applies":      {Applies: true},
		"expired":      {Expired: true},
		"elsewhere":    {Differs: []Field{FieldIndex, FieldPrincipal, FieldEndpoint}},
		"out":          {OutOfSample: true},
		"in":           {Applies: true},
		"every reason": {Expired: true, OutOfSample: true, Differs: []Field{FieldIndex}},
	}, grounds)
	require.Empty(t, new(Set).Explain(Request{}, noon).Directives)
}

// TestExplain_AgreesWithEvaluate checks that the directives which apply, according to
// Explain, give the decision.
func TestExplain_AgreesWithEvaluate(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 2))
	for range 5000 {
		s := newSet(t, randomSet(r, 30)...)
		if r.IntN(2) == 0 {
			s = Anchor(s, time.Unix(0, 0).Add(time.Duration(r.IntN(5)-2)*time.Millisecond))
		}
		req, now := randomRequest(r), noon.Add(time.Duration(r.IntN(8)-2)*time.Millisecond)
		e := s.Explain(req, now)
		var want Decision
		for _, g := range e.Directives {
			if !g.Applies {
				continue
			}
			if g.Directive.Level > want.Level {
				want.Level, want.By = g.Directive.Level, g.Directive.ID
			}
			want.RingBuffer = want.RingBuffer || g.Directive.RingBuffer
			want.Capture = want.Capture || g.Directive.Capture
		}
		require.Equal(t, want, e.Decision, "seed %d", seed)
	}
}
