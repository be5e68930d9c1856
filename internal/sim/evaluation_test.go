package sim

import (
	"time"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// checkEvaluation checks P5: the set says of a random request what a plain scan says.
func (m *machine) checkEvaluation(now time.Time) {
	r := m.world.rng
	for range 2 {
		req := directive.Request{
			Tenant: "nobody", Index: pick(r, "", "orders", "other"),
			Endpoint: pick(r, directive.AnyEndpoint, directive.Search, directive.Count), ID: inEverySample,
		}
		if len(m.terms) > 0 && r.IntN(4) > 0 {
			req.Tenant = m.terms[r.IntN(len(m.terms))].Match.Tenant
		}
		if r.IntN(2) == 0 {
			req.ID = string(rune('a' + r.IntN(26)))
		}
		want := m.scan(&req, now)
		got := m.set.Evaluate(req, now)
		if r.IntN(2) == 0 {
			got = directive.EvaluateNow(m.set, &req, func(t time.Time) time.Duration { return now.Sub(t) })
		}
		if got != want {
			m.world.fail("P5 no widening", "machine %d: %+v is decided %+v, want %+v", m.n, req, got, want)
		}
		m.world.stats.evaluations++
	}
}

// scan evaluates a request as slowly and simply as it can be done.
func (m *machine) scan(req *directive.Request, now time.Time) (d directive.Decision) {
	for i := range m.terms {
		t := &m.terms[i]
		match := &t.Match
		isMatch := (match.Tenant == "" || match.Tenant == req.Tenant) && (match.Index == "" || match.Index == req.Index) &&
			(match.Endpoint == directive.AnyEndpoint || match.Endpoint == req.Endpoint)
		if !isMatch || directive.SampleBucket(req.ID) >= t.SamplePerMille || !now.Before(t.deadline) {
			continue
		}
		if t.Level > d.Level {
			d.Level, d.By = t.Level, t.ID
		}
		d.RingBuffer, d.Capture = d.RingBuffer || t.RingBuffer, d.Capture || t.Capture
	}
	return d
}
