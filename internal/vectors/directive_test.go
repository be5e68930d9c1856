package vectors

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	fleet "github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/wire"
)

func TestSamples_Directive(t *testing.T) {
	t.Parallel()
	for _, v := range read[sample](t, "samples.jsonl") {
		assert.Equal(t, v.Bucket, fleet.SampleBucket(string(v.Text)), v.Name)
	}
}

func TestDecisions_Directive(t *testing.T) {
	t.Parallel()
	sets := make(map[string]*fleet.Set)
	for _, v := range read[decided](t, "decisions.jsonl") {
		if v.Request == nil {
			rev, err := wire.Decode(v.Value)
			require.NoError(t, err, v.Name)
			sets[v.Set] = rev.Set
			continue
		}
		set, ok := sets[v.Set]
		require.True(t, ok, "the set of %q comes before it", v.Name)
		if v.Instance != nil {
			set = set.ForInstance(v.Instance.Name, v.Instance.Labels)
		}
		req := fleet.Request{
			Tenant: v.Request.Tenant, Index: v.Request.Index, Principal: v.Request.Principal, Endpoint: endpointNamed(t, endpointOf(v.Request)),
			ID: v.Request.ID,
		}
		d := set.Evaluate(req, milli(v.Now))
		assert.Equal(t, *v.Decision, decision{d.Level.String(), d.RingBuffer, d.Capture, d.By}, v.Name)
	}
}

// TestDecisions_TellRulesApart checks that each way to break a rule fails lines, and that lines
// name the rule.
func TestDecisions_TellRulesApart(t *testing.T) {
	t.Parallel()
	named := make(map[string]int)
	for _, v := range read[decided](t, "decisions.jsonl") {
		if v.Request != nil {
			for _, rule := range v.Rules {
				named[rule]++
			}
		}
	}
	for _, rule := range []string{"M1", "M2", "M3", "M5", "M6", "M7", "S2", "T1", "I2", "I3", "I4", "I5"} {
		assert.GreaterOrEqual(t, named[rule], 10, rule)
	}
	for i, variant := range variants {
		found := false
		for _, s := range randomSets() {
			for _, a := range s.questions {
				want := theRules.decide(s.directives, &a.question)
				found = found || variant.decide(s.directives, &a.question) != want
			}
		}
		assert.True(t, found, "variant %d of %s", i, variant.rule)
	}
}

func TestLimits_Directive(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, v := range read[limit](t, "limits.jsonl") {
		set, err := fleet.NewSet([]fleet.Directive{{
			ID: "a", Level: fleet.Shape, SamplePerMille: 1000, ExpiresAt: milli(maxMillis), MaxPerSecond: v.MaxPerSecond,
		}})
		require.NoError(t, err)
		set = fleet.Metered(set, nil)
		var applied []bool
		for _, arrival := range v.Arrivals {
			at := start.Add(time.Duration(arrival) * time.Millisecond)
			d := fleet.EvaluateNow(set, &fleet.Request{}, at.Sub)
			applied = append(applied, d.Level == fleet.Shape)
		}
		assert.Equal(t, v.Applied, applied, v.Name)
	}
}
