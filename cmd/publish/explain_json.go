package main

import (
	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/review"
)

// groundJSON is the ground of one directive.
type groundJSON struct {
	ID          string            `json:"id"`
	Applies     bool              `json:"applies"`
	Expired     bool              `json:"expired"`
	Differs     []fleetdial.Field `json:"differs"`
	OutOfSample bool              `json:"out_of_sample"`
	Sample      int               `json:"sample_per_mille"`

	OtherInstances bool `json:"other_instances"`
	MaxPerSecond   int  `json:"max_per_second,omitempty"`
}

type decisionJSON struct {
	Level      string `json:"level"`
	By         string `json:"by,omitempty"`
	RingBuffer bool   `json:"ring_buffer"`
	Capture    bool   `json:"capture"`
}

type shareJSON struct {
	decisionJSON
	PerMille int `json:"request_ids_per_mille"`
}

type requestJSON struct {
	Tenant    string `json:"tenant"`
	Index     string `json:"index"`
	Principal string `json:"principal"`
	Endpoint  string `json:"endpoint"`
	ID        string `json:"request_id"`
}

// explanationJSON is the output of explain -o json. Without a request id, Bucket is null,
// and Decision is null if the decision depends on the id.
type explanationJSON struct {
	Instance   string        `json:"instance,omitempty"`
	Request    requestJSON   `json:"request"`
	Decision   *decisionJSON `json:"decision"`
	Decisions  []shareJSON   `json:"decisions"`
	Bucket     *int          `json:"bucket"`
	Directives []groundJSON  `json:"directives"`
}

func newDecisionJSON(d fleetdial.Decision) decisionJSON {
	return decisionJSON{d.Level.String(), d.By, d.RingBuffer, d.Capture}
}

func (a *app) writeExplanationJSON(
	view review.Perspective, e fleetdial.Explanation, req fleetdial.Request, shares []review.DecisionShare,
) error {
	out := explanationJSON{
		Instance:   view.Instance,
		Request:    requestJSON{req.Tenant, req.Index, req.Principal, req.Endpoint.String(), req.ID},
		Directives: make([]groundJSON, len(e.Directives)),
	}
	for _, s := range shares {
		out.Decisions = append(out.Decisions, shareJSON{newDecisionJSON(s.Decision), s.PerMille})
	}
	if len(shares) == 1 {
		out.Decision = &out.Decisions[0].decisionJSON
	}
	if req.ID != "" {
		out.Bucket = &e.Bucket
	}
	for i, g := range e.Directives {
		differs := g.Differs
		if differs == nil {
			differs = []fleetdial.Field{}
		}
		applies, outside := g.Applies, g.OutOfSample
		if req.ID == "" { // true only if it is so for every id
			applies, outside = review.Matches(g) && g.Directive.SamplePerMille == 1000, g.Directive.SamplePerMille == 0
		}
		out.Directives[i] = groundJSON{
			ID: g.Directive.ID, Applies: applies, Expired: g.Expired, Differs: differs, OutOfSample: outside,
			Sample: g.Directive.SamplePerMille, OtherInstances: g.OtherInstances, MaxPerSecond: g.Directive.MaxPerSecond,
		}
	}
	return a.writeJSON(out)
}
