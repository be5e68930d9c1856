package directive

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// randomSet returns up to n directives. Their names are few, so that many requests match.
func randomSet(r *rand.Rand, n int) []Directive {
	all := make([]Directive, r.IntN(n+1))
	for i := range all {
		req := randomRequest(r)
		all[i] = Directive{
			ID:             fmt.Sprint("d", i),
			Match:          Match{req.Tenant, req.Index, req.Principal, req.Endpoint},
			Level:          Level(r.IntN(4)),
			SamplePerMille: []int{0, 1, 300, 999, 1000, 1000, 1000}[r.IntN(7)],
			ExpiresAt:      noon.Add(time.Duration(r.IntN(7)-2) * time.Millisecond),
			RingBuffer:     r.IntN(4) == 0,
			Capture:        r.IntN(4) == 0,
		}
	}
	return all
}

// randomRequest returns a request with the same few names.
func randomRequest(r *rand.Rand) Request {
	name := func() string { return []string{"", "", "a", "b", "cc", "dd"}[r.IntN(6)] }
	return Request{
		Tenant: name(), Index: name(), Principal: name(), Endpoint: Endpoint(r.IntN(int(Unknown) + 1)),
		ID: fmt.Sprint(r.Uint32()),
	}
}

// TestEvaluate_EqualsReferenceOnRandomSets compares the decisions of compiled sets with
// the reference in 200,000 cases.
func TestEvaluate_EqualsReferenceOnRandomSets(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 1))
	for range 2000 {
		all := randomSet(r, []int{4, 2 * smallSet, 100}[r.IntN(3)])
		s, err := NewSet(all)
		require.NoError(t, err)
		for range 100 {
			req := randomRequest(r)
			now := noon.Add(time.Duration(r.IntN(8)-2) * time.Millisecond)
			want := reference(all, req, now)
			if got := s.Evaluate(req, now); got != want {
				require.Equal(t, want, got, "seed %d, request %+v at %v of %+v", seed, req, now, all)
			}
			elapsed := func(epoch time.Time) time.Duration { return now.Sub(epoch) }
			// The set is anchored again for each case, because EvaluateNow remembers that
			// all rules of a set have expired.
			if got := EvaluateNow(Anchor(s, s.epoch), &req, elapsed); got != want {
				require.Equal(t, want, got, "seed %d, request %+v now, %v, of %+v", seed, req, now, all)
			}
		}
	}
}

func TestEvaluateNow_ExpiredSetReadsNoClock(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, smallSet, 100} {
		all := make([]Directive, n)
		for i := range all {
			all[i] = dir(fmt.Sprint(i), nil)
		}
		s := newSet(t, all...)
		reads := 0
		ask := func(now time.Time) Decision {
			return EvaluateNow(s, &Request{}, func(epoch time.Time) time.Duration {
				reads++
				return now.Sub(epoch)
			})
		}
		require.Equal(t, Shape, ask(noon).Level)
		require.Zero(t, ask(noon.Add(time.Hour)))
		require.Equal(t, 2, reads, "one read of the clock for each evaluation")
		require.Zero(t, ask(noon.Add(time.Hour)))
		require.Equal(t, 2, reads, "no read of the clock after all rules have expired")
		assert.Equal(t, Shape, s.Evaluate(Request{}, noon).Level, "Evaluate must use the time that it is given")
	}
}

func TestNewSet_OmitsRulesWithoutEffect(t *testing.T) {
	t.Parallel()
	s := newSet(t,
		dir("off", level(Off)),
		dir("no sample", func(d *Directive) { d.SamplePerMille, d.Capture = 0, true }),
	)
	assert.Equal(t, 2, s.Len())
	assert.Empty(t, s.program.rules)
	assert.Zero(t, s.Evaluate(Request{}, noon))
}
